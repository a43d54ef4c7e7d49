//! A tab as it is shown: what holds, or what was typed and refused.

use std::collections::BTreeMap;

use crate::domain::accent::{Accent, AccentError};
use crate::domain::issue::schedule::Schedule;
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::draft::view::TestForm;
use crate::web::admin::form::FormFields;
use crate::web::admin::settings::service::{Setting, SettingSection};
use crate::web::admin::settings::service::{SettingError, TestMailResult};
use crate::web::admin::settings::tab::{CRON, Kind, SMTP_URL, Tab, id};
use crate::web::admin::settings::view::{
    LookForm, NextDate, ScheduleForm, SendingForm, SettingFault, SettingField, Settings,
};
use crate::web::admin::settings::{smtp_form, weekly_cron};
use crate::web::state::SharedState;

/// Dates ahead that the schedule shows.
const DATES: usize = 3;

/// What the page has to show besides what holds.
#[derive(Default)]
pub struct Shown<'a> {
    pub typed: Option<&'a FormFields>,
    pub refusals: Vec<SettingError>,
    pub test_to: Option<String>,
    pub test_fault: Option<String>,
    pub tried: Option<TestMailResult>,
}

pub fn find<'a>(sections: &'a [SettingSection], key: &str) -> Option<&'a Setting> {
    let (section, key) = key.split_once('.')?;
    let section = sections.iter().find(|it| it.name == section)?;
    section.settings.iter().find(|it| it.key == key)
}

pub fn view(shared: &SharedState, editor: &CurrentUser, tab: Tab, shown: Shown<'_>) -> Settings {
    let sections = shared.web.board.settings();
    let fields = fields(&sections, tab, &shown);
    Settings {
        desk: editor.desk(shared),
        tab: tab.as_str(),
        faults: shown.refusals.iter().map(|it| fault(tab, it)).collect(),
        template_faults: shared.web.board.template_faults(),
        schedule: (tab == Tab::Schedule).then(|| schedule(shared, &fields, &shown)),
        sending: (tab == Tab::Sending).then(|| sending(shared, editor, &sections, &shown)),
        look: (tab == Tab::Look).then(|| look(shared, &fields)),
        sections: if tab == Tab::All {
            sections
        } else {
            Vec::new()
        },
        fields,
    }
}

/// What is about a setting of another tab, or of the file, is told with its name.
fn fault(tab: Tab, refusal: &SettingError) -> SettingFault {
    let says = refusal.says.clone();
    let Some(key) = &refusal.key else {
        return SettingFault { id: None, says };
    };
    if tab.settings().iter().any(|(known, _)| known == key) {
        let id = Some(id(key));
        return SettingFault { id, says };
    }
    SettingFault {
        id: None,
        says: format!("{key}: {says}"),
    }
}

fn fields(
    sections: &[SettingSection],
    tab: Tab,
    shown: &Shown<'_>,
) -> BTreeMap<String, SettingField> {
    let field = |(key, kind): &(&str, Kind)| {
        let setting = find(sections, key)?;
        let holds = setting.value.clone().unwrap_or_default();
        let typed = shown.typed.filter(|_| setting.is_for_the_desk);
        let fault = shown
            .refusals
            .iter()
            .find(|it| it.key.as_deref() == Some(*key));
        let field = SettingField {
            id: id(key),
            value: typed.map_or(holds, |fields| kind.shown(fields.text(&id(key)))),
            locked: setting.place.clone(),
            fault: fault.map(|refusal| refusal.says.clone()),
        };
        Some((key.replace('.', "_"), field))
    };
    tab.settings().iter().filter_map(field).collect()
}

fn schedule(
    shared: &SharedState,
    fields: &BTreeMap<String, SettingField>,
    shown: &Shown<'_>,
) -> ScheduleForm {
    let cron = fields
        .get(&CRON.replace('.', "_"))
        .map(|field| &field.value);
    let (day, time) = match shown.typed {
        Some(typed) => (typed.text("day").to_owned(), typed.text("time").to_owned()),
        None => match cron.and_then(|cron| weekly_cron::day_and_time(cron)) {
            Some((day, time)) => (day.to_owned(), time),
            None => ("other".to_owned(), String::new()),
        },
    };
    ScheduleForm {
        day,
        time,
        next: next_dates(&shared.web.schedule, shared),
        zones: zones(),
    }
}

fn next_dates(schedule: &Schedule, shared: &SharedState) -> Vec<NextDate> {
    let first = schedule.next_after(shared.now());
    let dates = std::iter::successors(first, |at| schedule.next_after(*at));
    dates.take(DATES).map(|at| NextDate { at }).collect()
}

/// Those that people know: a continent and a city, and UTC.
fn zones() -> Vec<&'static str> {
    let old = [
        "Etc/", "SystemV/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/",
    ];
    let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let known =
        names.filter(|name| name.contains('/') && !old.iter().any(|it| name.starts_with(it)));
    std::iter::once("UTC").chain(known).collect()
}

fn sending(
    shared: &SharedState,
    editor: &CurrentUser,
    sections: &[SettingSection],
    shown: &Shown<'_>,
) -> SendingForm {
    let way_out = &shared.web.sending;
    let url = find(sections, SMTP_URL).and_then(|it| it.value.as_deref());
    let server = match shown.typed {
        Some(typed) => smtp_form::typed(typed),
        None => smtp_form::of_url(url.unwrap_or_default(), way_out.is_outbox_chosen),
    };
    SendingForm {
        server,
        has_password: way_out.has_password,
        test: TestForm {
            address: shown
                .test_to
                .clone()
                .unwrap_or_else(|| editor.admin.address.to_string()),
            fault: shown.test_fault.clone(),
        },
        tried: shown.tried.clone(),
        records: way_out.records.clone(),
    }
}

fn look(shared: &SharedState, fields: &BTreeMap<String, SettingField>) -> LookForm {
    let accent = shared.web.accent;
    let typed = fields
        .get("newsletter_accent")
        .filter(|it| it.fault.is_some());
    let offered = typed.and_then(|field| match Accent::parse(&field.value) {
        Err(AccentError::TooLight { nearest, .. }) => Some(nearest.to_string()),
        _ => None,
    });
    LookForm {
        light: accent.light().to_string(),
        dark: accent.dark().to_string(),
        offered,
    }
}

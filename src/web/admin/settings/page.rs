//! Builds the data of a settings page: the current values, or what was typed and rejected.

use std::collections::BTreeMap;

use crate::domain::accent::{Accent, AccentError};
use crate::domain::issue::schedule::Schedule;
use crate::domain::time_zone::time_zone_names;
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::draft::view::TestForm;
use crate::web::admin::form::FormFields;
use crate::web::admin::settings::service::{Setting, SettingError, SettingSection, TestMailResult};
use crate::web::admin::settings::tab::{CRON, FieldKind, SMTP_URL, Tab, field_id};
use crate::web::admin::settings::view::{
    AppearanceForm, FieldError, NextDate, ScheduleForm, SendingForm, SettingField, SettingsPage,
};
use crate::web::admin::settings::{smtp_form, weekly_cron};
use crate::web::state::SharedState;

/// Number of future dates that the schedule shows.
const SHOWN_DATES: usize = 3;

/// What a settings page shows in addition to the current values.
#[derive(Default)]
pub struct FormState<'a> {
    /// The form that was rejected.
    pub typed: Option<&'a FormFields>,
    /// Why it was rejected.
    pub errors: Vec<SettingError>,
    /// Address of the test email, as typed.
    pub test_to: Option<String>,
    /// Error of that address.
    pub test_error: Option<String>,
    /// Result of the test email.
    pub test_result: Option<TestMailResult>,
}

/// Returns the setting with this key, like `newsletter.name`.
pub fn find_setting<'a>(sections: &'a [SettingSection], key: &str) -> Option<&'a Setting> {
    let (section, key) = key.split_once('.')?;
    let section = sections.iter().find(|other| other.name == section)?;
    section.settings.iter().find(|setting| setting.key == key)
}

/// Returns the data of the page of `tab`.
pub fn settings_page(
    shared: &SharedState,
    user: &CurrentUser,
    tab: Tab,
    state: FormState<'_>,
) -> SettingsPage {
    let sections = shared.web.board.settings();
    let fields = fields(&sections, tab, &state);
    let errors = state.errors.iter();
    SettingsPage {
        layout: user.layout(shared),
        tab: tab.as_str(),
        errors: errors.map(|error| field_error(tab, error)).collect(),
        template_errors: shared.web.board.template_errors(),
        schedule: (tab == Tab::Schedule).then(|| schedule_form(shared, &fields, &state)),
        sending: (tab == Tab::Sending).then(|| sending_form(shared, user, &sections, &state)),
        appearance: (tab == Tab::Appearance).then(|| appearance_form(shared, &fields)),
        sections: if tab == Tab::All {
            sections
        } else {
            Vec::new()
        },
        fields,
    }
}

/// Converts an error for the summary. An error of a setting that is not in this tab names
/// the setting.
fn field_error(tab: Tab, error: &SettingError) -> FieldError {
    let message = error.message.clone();
    match &error.key {
        None => FieldError { id: None, message },
        Some(key) if tab.settings().iter().any(|(known, _)| known == key) => FieldError {
            id: Some(field_id(key)),
            message,
        },
        Some(key) => FieldError {
            id: None,
            message: format!("{key}: {message}"),
        },
    }
}

fn fields(
    sections: &[SettingSection],
    tab: Tab,
    state: &FormState<'_>,
) -> BTreeMap<String, SettingField> {
    let field = |(key, kind): &(&str, FieldKind)| {
        let setting = find_setting(sections, key)?;
        let current = setting.value.clone().unwrap_or_default();
        let typed = state.typed.filter(|_| setting.is_editable);
        let mut errors = state.errors.iter();
        let error = errors.find(|error| error.key.as_deref() == Some(*key));
        let field = SettingField {
            id: field_id(key),
            value: typed.map_or(current, |fields| {
                kind.normalize(fields.text(&field_id(key)))
            }),
            locked: setting.set_in.clone(),
            error: error.map(|error| error.message.clone()),
        };
        Some((key.replace('.', "_"), field))
    };
    tab.settings().iter().filter_map(field).collect()
}

fn schedule_form(
    shared: &SharedState,
    fields: &BTreeMap<String, SettingField>,
    state: &FormState<'_>,
) -> ScheduleForm {
    let cron = fields
        .get(&CRON.replace('.', "_"))
        .map(|field| &field.value);
    let (day, time) = match state.typed {
        Some(typed) => (typed.text("day").to_owned(), typed.text("time").to_owned()),
        None => match cron.and_then(|cron| weekly_cron::parse_cron(cron)) {
            Some((day, time)) => (day.to_owned(), time),
            None => ("other".to_owned(), String::new()),
        },
    };
    ScheduleForm {
        day,
        time,
        next_dates: next_dates(&shared.web.schedule, shared),
        zones: time_zone_names(),
    }
}

fn next_dates(schedule: &Schedule, shared: &SharedState) -> Vec<NextDate> {
    let first = schedule.next_after(shared.now());
    let dates = std::iter::successors(first, |at| schedule.next_after(*at));
    dates.take(SHOWN_DATES).map(|at| NextDate { at }).collect()
}

fn sending_form(
    shared: &SharedState,
    user: &CurrentUser,
    sections: &[SettingSection],
    state: &FormState<'_>,
) -> SendingForm {
    let status = &shared.web.sending;
    let url = find_setting(sections, SMTP_URL).and_then(|setting| setting.value.as_deref());
    let server = match state.typed {
        Some(typed) => smtp_form::from_fields(typed),
        None => smtp_form::from_url(url.unwrap_or_default(), status.is_outbox_chosen),
    };
    SendingForm {
        server,
        has_password: status.has_password,
        test: TestForm {
            address: state
                .test_to
                .clone()
                .unwrap_or_else(|| user.admin.address.to_string()),
            error: state.test_error.clone(),
        },
        test_result: state.test_result.clone(),
        records: status.records.clone(),
    }
}

fn appearance_form(
    shared: &SharedState,
    fields: &BTreeMap<String, SettingField>,
) -> AppearanceForm {
    let accent = shared.web.accent;
    let rejected = fields
        .get("newsletter_accent")
        .filter(|field| field.error.is_some());
    let suggested = rejected.and_then(|field| match Accent::parse(&field.value) {
        Err(AccentError::TooLight { nearest, .. }) => Some(nearest.to_string()),
        _ => None,
    });
    AppearanceForm {
        light: accent.light().to_string(),
        dark: accent.dark().to_string(),
        suggested,
    }
}

use crate::web::DnsRecord;
use crate::web::admin::draft::view::TestForm;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::settings::service::{
    Setting, SettingSection, TestMailProblem, TestMailResult,
};
use crate::web::admin::settings::view::{
    AppearanceForm, FieldError, NextDate, ScheduleForm, SendingForm, SettingField, SettingsPage,
    SmtpForm,
};
use crate::web::tests::samples::admin::layout;
use crate::web::tests::samples::{Album, FRIDAY, Fill};

const TABS: [(&str, &[&str]); 7] = [
    (
        "newsletter",
        &[
            "newsletter_name",
            "newsletter_tagline",
            "newsletter_from",
            "newsletter_reply_to",
            "newsletter_postal_address",
            "newsletter_language",
            "server_public_url",
        ],
    ),
    (
        "schedule",
        &[
            "schedule_enabled",
            "schedule_cron",
            "schedule_timezone",
            "schedule_catch_up_hours",
            "digest_order",
            "digest_max_posts",
            "digest_min_posts",
            "digest_max_age_days",
        ],
    ),
    (
        "sending",
        &[
            "smtp_url",
            "smtp_connections",
            "smtp_rate_per_second",
            "smtp_return_path",
            "smtp_in_doubt",
        ],
    ),
    ("look", &["newsletter_accent"]),
    ("alerts", &["alerts_to", "alerts_draft_hours_before"]),
    (
        "limits",
        &[
            "digest_count_clicks",
            "limits_signups_per_ip_hour",
            "limits_signups_per_domain_hour",
            "limits_signups_per_token_hour",
            "limits_minimum_fill_ms",
        ],
    ),
    ("all", &[]),
];

/// Returns the data of a tab without errors.
pub fn page(layout: AdminLayout, tab: &'static str, fill: Fill) -> SettingsPage {
    let (_, keys) = TABS.iter().find(|(name, _)| *name == tab).unwrap();
    let field = |key: &&str| {
        let field = SettingField {
            id: key.replacen('_', "-", 1),
            value: fill.text("true"),
            ..SettingField::default()
        };
        ((*key).to_owned(), field)
    };
    SettingsPage {
        layout,
        tab,
        fields: keys.iter().map(field).collect(),
        errors: Vec::new(),
        template_errors: fill.list(vec![
            fill.text("templates/digest/body.html:12: no such filter"),
        ]),
        schedule: (tab == "schedule").then(|| schedule(fill)),
        sending: (tab == "sending").then(|| sending(fill, None)),
        appearance: (tab == "look").then(|| AppearanceForm {
            light: "#0b5c4a".to_owned(),
            dark: "#6fd3b5".to_owned(),
            suggested: fill.some("#407a69".to_owned()),
        }),
        sections: sections(tab, fill),
    }
}

fn schedule(fill: Fill) -> ScheduleForm {
    ScheduleForm {
        day: fill.some("FRI").unwrap_or("other").to_owned(),
        time: fill.text("10:00"),
        next_dates: fill.list(vec![NextDate { at: FRIDAY }]),
        zones: vec!["UTC".into(), "Europe/Berlin".into()],
    }
}

fn sending(fill: Fill, test_result: Option<TestMailResult>) -> SendingForm {
    SendingForm {
        server: SmtpForm {
            mode: fill.some("server").unwrap_or("").to_owned(),
            host: fill.text("smtp.example.com"),
            port: fill.text("587"),
            tls: "required".to_owned(),
            user: fill.text("ada"),
        },
        has_password: fill == Fill::Full,
        test: TestForm {
            address: fill.needed("editor@example.com"),
            error: test_result
                .is_none()
                .then(|| fill.maybe("not a valid address; expected one like name@example.com"))
                .flatten(),
        },
        test_result,
        records: fill.list(vec![DnsRecord {
            name: fill.text("broadsheet._domainkey.example.com"),
            value: fill.text("v=DKIM1; k=rsa; p=MIIB"),
        }]),
    }
}

fn sections(tab: &str, fill: Fill) -> Vec<SettingSection> {
    let setting = |key: &str, value: &str, origin: &str, place: Option<&str>| Setting {
        key: key.to_owned(),
        value: fill.maybe(value),
        origin: origin.to_owned(),
        set_in: place.map(|place| fill.text(place)),
        is_editable: false,
    };
    let section = |name: &str| SettingSection {
        name: name.to_owned(),
        settings: vec![
            setting("listen", "127.0.0.1:8080", "default", None),
            setting(
                "public_url",
                "https://news.example.com/weekly",
                "file",
                Some("broadsheet.toml"),
            ),
            setting("name", "Example Lab", "database", None),
        ],
    };
    if tab == "all" {
        vec![section("server"), section("newsletter")]
    } else {
        Vec::new()
    }
}

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    for (tab, _) in TABS {
        album.add(&format!("settings-{tab}"), page(layout(fill), tab, fill));
        let mut locked = page(layout(fill), tab, fill);
        let mut refused = page(layout(fill), tab, fill);
        for (field, faulty) in locked.fields.values_mut().zip(refused.fields.values_mut()) {
            field.locked = Some(fill.text("broadsheet.toml"));
            let says = fill.needed("expected a number from 1 to 100, got '0'");
            faulty.error = Some(says.clone());
            let id = Some(faulty.id.clone());
            refused.errors.push(FieldError { id, message: says });
        }
        album.add(&format!("settings-{tab}-locked"), locked);
        album.add(&format!("settings-{tab}-refused"), refused);
    }
    for (name, test_result) in test_results(fill) {
        let mut page = page(layout(fill), "sending", fill);
        page.sending = Some(sending(fill, Some(test_result)));
        album.add(&format!("settings-test_result-{name}"), page);
    }
}

fn test_results(fill: Fill) -> Vec<(String, TestMailResult)> {
    use TestMailProblem::*;
    let server = || fill.text("smtp.example.com");
    let problems = [
        Unreachable,
        NoSuchHost,
        Login,
        Tls,
        Rejected,
        TemporarilyRejected,
        LocalFile,
    ];
    let failed = problems.map(|problem| {
        let reply = fill.needed("535 5.7.8 Error: authentication failed");
        let server = server();
        (
            format!("{problem:?}"),
            TestMailResult::Failed {
                server,
                reply,
                problem,
            },
        )
    });
    let others = [
        ("taken", TestMailResult::Accepted { server: server() }),
        ("kept", TestMailResult::Stored),
        ("no-sender", TestMailResult::NoSender),
        ("stopped", TestMailResult::ShuttingDown),
    ];
    let others = others.map(|(name, test_result)| (name.to_owned(), test_result));
    failed.into_iter().chain(others).collect()
}

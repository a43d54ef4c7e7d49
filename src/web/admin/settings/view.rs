//! Data of the settings pages.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::DnsRecord;
use crate::web::admin::draft::view::TestForm;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::settings::service::{SettingSection, TestMailResult};
use crate::web::render::{millis, templates};

templates! {
    SettingsPage => "admin/settings.html",
}

/// A setting in a form.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SettingField {
    /// Name and id of the field: `newsletter-name`.
    pub id: String,
    /// The current value, or the typed value that was rejected.
    pub value: String,
    /// The file or the variable that sets it, so that it cannot be changed here.
    pub locked: Option<String>,
    /// Error of the field.
    pub error: Option<String>,
}

/// An error in the summary above the form.
#[derive(Clone, Debug, Serialize)]
pub struct FieldError {
    /// Id of the field, if the field is on this page.
    pub id: Option<String>,
    /// What is wrong and what is expected.
    pub message: String,
}

/// The schedule as it is entered.
#[derive(Clone, Debug, Serialize)]
pub struct ScheduleForm {
    /// `MON` to `SUN`, or `other` to use the cron expression.
    pub day: String,
    /// Time of day: `10:00`.
    pub time: String,
    /// Dates of the next issues, by the current settings.
    pub next_dates: Vec<NextDate>,
    /// Time zones to suggest.
    pub zones: Vec<String>,
}

/// Date of a future issue.
#[derive(Clone, Debug, Serialize)]
pub struct NextDate {
    /// When it is sent.
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
}

/// The SMTP server as it is entered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SmtpForm {
    /// `server`, `outbox`, or empty if neither was chosen.
    pub mode: String,
    /// Host name or address.
    pub host: String,
    /// Port; empty for the default.
    pub port: String,
    /// `required`, `smtps`, `opportunistic` or `none`.
    pub tls: String,
    /// User name; empty if no login is required.
    pub user: String,
}

/// Data of the sending tab. The test posts `csrf` and `email` to
/// `/admin/settings/sending/try`.
#[derive(Clone, Debug, Serialize)]
pub struct SendingForm {
    /// The SMTP server.
    pub server: SmtpForm,
    /// Whether a password is configured on the server.
    pub has_password: bool,
    /// The form for a test email.
    pub test: TestForm,
    /// Result of the test email.
    pub test_result: Option<TestMailResult>,
    /// DNS records of the DKIM keys.
    pub records: Vec<DnsRecord>,
}

/// Data of the appearance tab.
#[derive(Clone, Debug, Serialize)]
pub struct AppearanceForm {
    /// Current accent colour.
    pub light: String,
    /// Current accent colour in dark mode.
    pub dark: String,
    /// The nearest valid shade of a colour that was rejected.
    pub suggested: Option<String>,
}

/// Data of `GET /admin/settings/{tab}`. Posts `csrf` and the fields of the tab there.
#[derive(Clone, Debug, Serialize)]
pub struct SettingsPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// `Tab::as_str`
    pub tab: &'static str,
    /// Fields by their key with `_` instead of the dot: `newsletter_name`.
    pub fields: BTreeMap<String, SettingField>,
    /// All errors of the form.
    pub errors: Vec<FieldError>,
    /// Errors of the user's own email templates, with file and line.
    pub template_errors: Vec<String>,
    /// Data of the schedule tab.
    pub schedule: Option<ScheduleForm>,
    /// Data of the sending tab.
    pub sending: Option<SendingForm>,
    /// Data of the appearance tab.
    pub appearance: Option<AppearanceForm>,
    /// All settings, in the tab that lists them.
    pub sections: Vec<SettingSection>,
}

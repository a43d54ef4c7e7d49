//! What is set, and by what.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::DnsRecord;
use crate::web::admin::draft::view::TestForm;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::settings::service::{SettingSection, TestMailResult};
use crate::web::pages::templates;

templates! {
    Settings => "admin/settings.html",
}

/// A setting in a form.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SettingField {
    /// In the page, and as the form posts it: `newsletter-name`.
    pub id: String,
    /// What holds, or what was typed and refused.
    pub value: String,
    /// The file or the variable that set it: not to be changed here.
    pub locked: Option<String>,
    pub fault: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SettingFault {
    /// Of the field that it is about, if that is on this page.
    pub id: Option<String>,
    pub says: String,
}

/// What a rhythm is typed as.
#[derive(Clone, Debug, Serialize)]
pub struct ScheduleForm {
    /// `MON` to `SUN`, or `other`: then the cron expression counts.
    pub day: String,
    /// `10:00`
    pub time: String,
    /// The next issues under what holds.
    pub next: Vec<NextDate>,
    pub zones: Vec<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
pub struct NextDate {
    #[serde(serialize_with = "crate::web::pages::millis")]
    pub at: Timestamp,
}

/// A mail server as it is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerForm {
    /// `server`, `outbox`, or nothing while nobody chose.
    pub way: String,
    pub host: String,
    pub port: String,
    /// `required`, `smtps`, `opportunistic` or `none`.
    pub tls: String,
    pub user: String,
}

/// Posts `csrf` and `email` to `/admin/settings/sending/try`.
#[derive(Clone, Debug, Serialize)]
pub struct SendingForm {
    pub server: ServerForm,
    /// Whether a password is set, in the only places where one can be.
    pub has_password: bool,
    pub test: TestForm,
    pub tried: Option<TestMailResult>,
    pub records: Vec<DnsRecord>,
}

#[derive(Clone, Debug, Serialize)]
pub struct LookForm {
    /// What holds by day and by night.
    pub light: String,
    pub dark: String,
    /// The nearest shade to what was refused.
    pub offered: Option<String>,
}

/// `GET /admin/settings/{tab}`. Posts `csrf` and the fields of the tab there.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    pub desk: AdminLayout,
    /// `Tab::as_str`
    pub tab: &'static str,
    /// By name, with `_` in place of the dot: `newsletter_name`.
    pub fields: BTreeMap<String, SettingField>,
    /// All that was refused.
    pub faults: Vec<SettingFault>,
    /// Of the owner's mail templates, with file and line.
    pub template_faults: Vec<String>,
    pub schedule: Option<ScheduleForm>,
    pub sending: Option<SendingForm>,
    pub look: Option<LookForm>,
    /// Everything, to read.
    pub sections: Vec<SettingSection>,
}

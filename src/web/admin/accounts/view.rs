//! Who may use the desk, and what each of them did.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::login::view::SetupFault;
use crate::web::pages::millis;
use crate::web::pages::templates;

templates! {
    Account => "admin/account.html",
    Accounts => "admin/accounts.html",
    Audit => "admin/audit.html",
}

#[derive(Clone, Debug, Serialize)]
pub struct AccountLine {
    pub id: String,
    pub address: String,
    /// `Role::as_str`
    pub role: &'static str,
    /// The one-time link was not used yet.
    pub is_invited: bool,
    pub is_me: bool,
    /// Nobody else can log in as an admin: the account stays as it is.
    pub is_last_admin: bool,
    #[serde(serialize_with = "millis")]
    pub since: Timestamp,
}

/// Posts `csrf`, `email` and `role` to `/admin/accounts`.
#[derive(Clone, Debug, Serialize)]
pub struct InviteForm {
    pub address: String,
    pub role: &'static str,
    pub fault: Option<String>,
}

impl Default for InviteForm {
    fn default() -> Self {
        Self {
            address: String::new(),
            role: "editor",
            fault: None,
        }
    }
}

/// A one-time link, shown this once.
#[derive(Clone, Debug, Serialize)]
pub struct NewLink {
    pub address: String,
    pub url: String,
}

/// `GET /admin/accounts`. Each account posts `csrf` and `action` = `make_admin`,
/// `make_editor`, `link` or `remove` to `/admin/accounts/{id}`.
#[derive(Clone, Debug, Serialize)]
pub struct Accounts {
    pub desk: AdminLayout,
    pub accounts: Vec<AccountLine>,
    pub invite: InviteForm,
    pub link: Option<NewLink>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordFault {
    /// The current password is not right.
    Current,
    TooMany,
    /// What is wrong with the new one.
    #[serde(untagged)]
    New(SetupFault),
}

#[derive(Clone, Debug, Serialize)]
pub struct SessionLine {
    pub is_this: bool,
    #[serde(serialize_with = "millis")]
    pub begun_at: Timestamp,
}

/// `GET /admin/account`. Posts `csrf`, `current`, `password` and `again` to
/// `/admin/account/password`, and `csrf` to `/admin/account/log-out`.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    pub desk: AdminLayout,
    /// `Role::as_str`
    pub role: &'static str,
    /// The newest first.
    pub sessions: Vec<SessionLine>,
    /// Characters a password needs.
    pub minimum: u32,
    pub fault: Option<PasswordFault>,
}

#[derive(Clone, Debug, Serialize)]
pub struct AuditLine {
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
    /// `ActorKind::as_str`
    pub kind: &'static str,
    /// None: by a command on the machine itself.
    pub actor: Option<String>,
    /// `Action::as_str`
    pub action: &'static str,
    pub object: Option<String>,
}

/// `GET /admin/audit?after=`.
#[derive(Clone, Debug, Serialize)]
pub struct Audit {
    pub desk: AdminLayout,
    /// The newest first.
    pub lines: Vec<AuditLine>,
    pub newer: bool,
    pub older: Option<String>,
}

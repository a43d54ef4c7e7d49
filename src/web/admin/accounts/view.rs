//! Data of the account and audit pages.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::login::view::SetupError;
use crate::web::render::{millis, templates};

templates! {
    OwnAccountPage => "admin/account.html",
    AccountsPage => "admin/accounts.html",
    AuditPage => "admin/audit.html",
}

/// One account in the table.
#[derive(Clone, Debug, Serialize)]
pub struct AccountRow {
    /// The account's id.
    pub id: String,
    /// The account's address.
    pub address: String,
    /// `Role::as_str`
    pub role: &'static str,
    /// Whether the account has no password yet.
    pub is_invited: bool,
    /// Whether this is the account of the current user.
    pub is_me: bool,
    /// Whether no other account can log in as an admin, so that this one must not change.
    pub is_last_admin: bool,
    /// When the account was created.
    #[serde(serialize_with = "millis")]
    pub since: Timestamp,
}

/// Form that posts `csrf`, `email` and `role` to `/admin/accounts`.
#[derive(Clone, Debug, Serialize)]
pub struct InviteForm {
    /// The address as it was typed.
    pub address: String,
    /// The selected role: `editor` or `admin`.
    pub role: &'static str,
    /// Error of the form.
    pub error: Option<String>,
}

impl Default for InviteForm {
    fn default() -> Self {
        Self {
            address: String::new(),
            role: "editor",
            error: None,
        }
    }
}

/// A one-time link, which is shown only once.
#[derive(Clone, Debug, Serialize)]
pub struct NewLink {
    /// The account's address.
    pub address: String,
    /// The link.
    pub url: String,
}

/// Data of `GET /admin/accounts`. Each account posts `csrf` and `action` = `make_admin`,
/// `make_editor`, `link` or `remove` to `/admin/accounts/{id}`.
#[derive(Clone, Debug, Serialize)]
pub struct AccountsPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// All accounts.
    pub accounts: Vec<AccountRow>,
    /// The form for a new account.
    pub invite: InviteForm,
    /// The link that was just created.
    pub link: Option<NewLink>,
}

/// Error of the form that changes the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordError {
    /// The current password is wrong.
    WrongCurrent,
    /// The rate limit is exhausted.
    TooMany,
    /// The new password is not accepted.
    #[serde(untagged)]
    New(SetupError),
}

/// One session of the current user.
#[derive(Clone, Debug, Serialize)]
pub struct SessionRow {
    /// Whether the request belongs to this session.
    pub is_this: bool,
    /// When the session was started.
    #[serde(serialize_with = "millis")]
    pub started_at: Timestamp,
}

/// Data of `GET /admin/account`. Posts `csrf`, `current`, `password` and `again` to
/// `/admin/account/password`, and `csrf` to `/admin/account/log-out`.
#[derive(Clone, Debug, Serialize)]
pub struct OwnAccountPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// `Role::as_str`
    pub role: &'static str,
    /// Open sessions, newest first.
    pub sessions: Vec<SessionRow>,
    /// Minimum number of characters of a password.
    pub min_chars: u32,
    /// Error of the password form.
    pub error: Option<PasswordError>,
}

/// One entry of the audit log.
#[derive(Clone, Debug, Serialize)]
pub struct AuditEntry {
    /// When the action was taken.
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
    /// `ActorKind::as_str`
    pub kind: &'static str,
    /// Account or API token; `None` for a command on the server.
    pub actor: Option<String>,
    /// `AuditAction::as_str`
    pub action: &'static str,
    /// What the action was applied to.
    pub target: Option<String>,
}

/// Data of `GET /admin/audit?after=`.
#[derive(Clone, Debug, Serialize)]
pub struct AuditPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// The entries of this page, newest first.
    pub entries: Vec<AuditEntry>,
    /// Whether a page with newer entries exists.
    pub newer: bool,
    /// Cursor of the next page.
    pub older: Option<String>,
}

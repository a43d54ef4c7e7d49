//! Coming in: log in, and the one-time links.

use crate::web::pages::templates;
use serde::Serialize;

templates! {
    Login => "admin/login.html",
    Setup => "admin/setup.html",
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginFault {
    /// Also for an address nobody has.
    Password,
    TooMany,
    /// The form's token does not hold.
    Stale,
}

/// `GET /admin/login`. Posts `csrf`, `email`, `password` and, if given, `next`.
#[derive(Clone, Debug, Serialize)]
pub struct Login {
    pub csrf: String,
    pub email: String,
    pub fault: Option<LoginFault>,
    pub no_admin: bool,
    /// The desk page to go on to.
    pub next: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetupPurpose {
    Create,
    Reset,
    /// The link was used, or is too old; the other fields do not matter.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetupFault {
    Address,
    Short,
    Long,
    Different,
}

/// The one-time link. Posts `token`, `email`, `password` and `again` to `/admin/setup`.
#[derive(Clone, Debug, Serialize)]
pub struct Setup {
    pub token: String,
    pub purpose: SetupPurpose,
    pub email: String,
    /// The link is for this address alone.
    pub fixed_email: bool,
    /// Characters a password needs.
    pub minimum: u32,
    pub fault: Option<SetupFault>,
}

//! Data of the login pages.

use serde::Serialize;

use crate::web::render::templates;

templates! {
    LoginPage => "admin/login.html",
    SetupPage => "admin/setup.html",
}

/// Error of the login form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginError {
    /// Unknown address or wrong password; the response does not say which.
    WrongCredentials,
    /// The rate limit is exhausted.
    TooMany,
    /// The form's CSRF token is invalid or too old.
    Expired,
}

/// Data of `GET /admin/login`. Posts `csrf`, `email`, `password` and, if given, `next`.
#[derive(Clone, Debug, Serialize)]
pub struct LoginPage {
    /// CSRF token of the form.
    pub csrf: String,
    /// The address as it was typed.
    pub email: String,
    /// Error of the form.
    pub error: Option<LoginError>,
    /// Whether no admin account exists yet.
    pub no_admin: bool,
    /// The admin page to show after the login.
    pub next: Option<String>,
}

/// What a one-time link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetupPurpose {
    /// Create the first admin account.
    Create,
    /// Set the password of an account.
    Reset,
    /// The link was used or has expired; the other fields have no meaning.
    Expired,
}

/// Error of the form behind a one-time link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetupError {
    /// The address is invalid.
    InvalidAddress,
    /// The password is too short.
    TooShort,
    /// The password is too long.
    TooLong,
    /// The two passwords differ.
    Mismatch,
}

/// Data of `GET /admin/setup`. Posts `token`, `email`, `password` and `again` there.
#[derive(Clone, Debug, Serialize)]
pub struct SetupPage {
    /// Token of the link.
    pub token: String,
    /// What the link is for.
    pub purpose: SetupPurpose,
    /// Address of the account, or the address as it was typed.
    pub email: String,
    /// Whether the link is for an existing account, so that the address is fixed.
    pub fixed_email: bool,
    /// Minimum number of characters of a password.
    pub min_chars: u32,
    /// Error of the form.
    pub error: Option<SetupError>,
}

//! The settings service that the admin UI uses.
//!
//! The program that starts the server implements it, since the web layer knows neither the
//! settings file nor how settings are reloaded.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::domain::email_address::EmailAddress;
use crate::store::StoreError;

/// A setting with its current value.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// Name without the section: `listen`.
    pub key: String,
    /// Value as text, with secrets redacted; `None` if the setting has no value.
    pub value: Option<String>,
    /// `default`, `database`, `file` or `environment`.
    pub origin: String,
    /// The file or the variable that sets it.
    pub set_in: Option<String>,
    /// Whether it can be changed in the admin UI.
    pub is_editable: bool,
}

/// The settings of one section.
#[derive(Clone, Debug, Serialize)]
pub struct SettingSection {
    /// Name of the section: `server`.
    pub name: String,
    /// Its settings.
    pub settings: Vec<Setting>,
}

/// A setting's key (`newsletter.name`) and its new value as text; `None` restores the
/// default.
pub type SettingChange = (String, Option<String>);

/// Why a setting was not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The setting's key; `None` if the error is not about one setting.
    pub key: Option<String>,
    /// What is wrong and what is expected.
    pub message: String,
}

/// Why settings were not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Settings are invalid.
    #[error("invalid settings")]
    Invalid(Vec<SettingError>),
    /// Settings were saved concurrently, also after several attempts.
    #[error("too many simultaneous changes; please try again")]
    Conflict,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Result of sending a test email.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum TestMailResult {
    /// The SMTP server accepted the message.
    Accepted {
        /// Host of the server.
        server: String,
    },
    /// No SMTP server is configured, so the message was stored in the outbox.
    Stored,
    /// The message was not sent.
    Failed {
        /// Host of the server.
        server: String,
        /// The reply or error, verbatim.
        reply: String,
        /// What the error means.
        problem: TestMailProblem,
    },
    /// `newsletter.from` is not set.
    NoSender,
    /// The server is shutting down.
    ShuttingDown,
}

/// Cause of a failed test email. The page explains what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestMailProblem {
    /// No server responds at this host and port.
    Unreachable,
    /// The host name does not exist.
    NoSuchHost,
    /// The server rejected user name or password.
    Login,
    /// No encrypted connection was established, or the certificate is invalid.
    Tls,
    /// The server rejected the sender or the recipient permanently.
    Rejected,
    /// The server rejected the message temporarily.
    TemporarilyRejected,
    /// A file on this machine cannot be used: a key or a password.
    LocalFile,
}

/// Reads and saves settings.
pub trait SettingsService: Debug + Send + Sync {
    /// Returns the current settings, with secrets redacted.
    fn settings(&self) -> Vec<SettingSection>;

    /// Returns the errors of the user's own email templates since they were changed, with
    /// file and line.
    fn template_errors(&self) -> Vec<String>;

    /// Saves all of `changes` or none. They are in effect in this process when the future
    /// completes. `by` identifies the account.
    fn save(&self, changes: Vec<SettingChange>, by: String)
    -> BoxFuture<'_, Result<(), SaveError>>;

    /// Sends a test email now and waits for the result.
    fn send_test_mail(&self, to: EmailAddress) -> BoxFuture<'_, TestMailResult>;
}

//! The settings as the desk reads and saves them. Who puts the parts together makes one:
//! the web itself knows no settings file.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::domain::email_address::EmailAddress;
use crate::store::StoreError;

#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// Without its section: `listen`.
    pub key: String,
    /// As text, secrets redacted; none when unset.
    pub value: Option<String>,
    /// `default`, `desk`, `file` or `environment`.
    pub origin: String,
    /// The file or the variable that set it.
    pub place: Option<String>,
    /// Whether it may be changed at the desk.
    pub is_for_the_desk: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct SettingSection {
    /// `server`
    pub name: String,
    pub settings: Vec<Setting>,
}

/// A setting's name (`newsletter.name`) and its new value as text; `None` goes back to the
/// default.
pub type SettingChange = (String, Option<String>);

/// Why something was not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The setting that it is about, if it is about one.
    pub key: Option<String>,
    pub says: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error("the settings cannot be so")]
    Refused(Vec<SettingError>),
    #[error("others saved at the same moment, again and again")]
    Conflict,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What came of speaking to the mail server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum TestMailResult {
    /// The server took the mail.
    Taken { server: String },
    /// No server is set: it was kept in the outbox.
    Kept,
    /// The words as they came, and what they mean.
    Failed {
        server: String,
        says: String,
        means: TestMailProblem,
    },
    /// `newsletter.from` is not set: nobody to send as.
    NoSender,
    /// The process is about to end.
    Stopped,
}

/// What to do about it; the page has the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestMailProblem {
    /// Nobody answers there.
    Unreachable,
    /// There is no host of that name.
    NoSuchHost,
    /// User or password.
    LogIn,
    /// Encryption, or the certificate.
    Tls,
    /// The server will not take mail from this sender, or to this address.
    Refused,
    /// The server asks to come back later.
    Later,
    /// A file of this machine's: of a key, or a password.
    OurSide,
}

pub trait SettingsService: Debug + Send + Sync {
    /// What holds now; secrets redacted.
    fn settings(&self) -> Vec<SettingSection>;

    /// What is wrong with the owner's mail templates since they were changed, with file
    /// and line.
    fn template_faults(&self) -> Vec<String>;

    /// Saves all of `changes` or none. When it is done they are in force in this process.
    fn save(&self, changes: Vec<SettingChange>, by: String)
    -> BoxFuture<'_, Result<(), SaveError>>;

    /// Sends one mail now and waits for the answer.
    fn send_test_mail(&self, to: EmailAddress) -> BoxFuture<'_, TestMailResult>;
}

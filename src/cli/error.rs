//! How a command ends if it does not succeed.

use std::process::ExitCode;

use crate::app::AppError;
use crate::config::ConfigErrors;
use crate::digest::{DraftError, PublishError};
use crate::domain::email_address::EmailAddressError;
use crate::domain::missing_setting::MissingSetting;
use crate::mail::dkim::{GenerateError, KeyError};
use crate::store::StoreError;

/// The exit status, and the message for standard error.
#[derive(Debug)]
pub enum CliError {
    /// Status 1.
    Failed(String),
    /// Status 1, without a message because the result was already printed.
    Reported,
    /// Status 2: wrong usage or settings.
    Usage(String),
    /// Status 75 (`EX_TEMPFAIL`): not finished yet; run the command again.
    NotFinished,
}

impl CliError {
    /// Prints the message and returns the exit status.
    pub fn report(self) -> ExitCode {
        let (status, message) = match self {
            Self::Failed(message) => (1, message),
            Self::Reported => (1, String::new()),
            Self::Usage(message) => (2, message),
            Self::NotFinished => (75, String::new()),
        };
        for line in message.lines() {
            eprintln!("broadsheet: {line}");
        }
        ExitCode::from(status)
    }
}

impl From<ConfigErrors> for CliError {
    fn from(error: ConfigErrors) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<Vec<MissingSetting>> for CliError {
    fn from(missing: Vec<MissingSetting>) -> Self {
        let lines: Vec<String> = missing.iter().map(ToString::to_string).collect();
        Self::Usage(lines.join("\n"))
    }
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        if error.is_about_settings() {
            Self::Usage(error.to_string())
        } else {
            Self::Failed(error.to_string())
        }
    }
}

impl From<EmailAddressError> for CliError {
    fn from(error: EmailAddressError) -> Self {
        Self::Usage(error.to_string())
    }
}

macro_rules! impl_from_as_failed {
    ($($error:ty),+) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::Failed(error.to_string())
            }
        })+
    };
}

impl_from_as_failed!(
    StoreError,
    DraftError,
    PublishError,
    GenerateError,
    KeyError,
    std::io::Error
);

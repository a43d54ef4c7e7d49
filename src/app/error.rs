//! Errors of starting or running the program.

use crate::config::{ConfigError, ConfigErrors, KeyFileError, PasswordFileError};
use crate::mail::dkim;
use crate::mail::smtp::{HelloNameError, SmtpServerError};
use crate::mail::templates::TemplateError;
use crate::store::StoreError;

/// The program cannot start or continue.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The settings are invalid.
    #[error(transparent)]
    Settings(#[from] ConfigErrors),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of the secret key cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The database was used with another secret key. Contains the path of the key file.
    #[error(
        "secrets.key_file: {0} is not the key of this database; with it every link in sent mail would be invalid. \
         Restore the right key, or add it below the new one in the file"
    )]
    WrongKey(String),
    /// The file of the SMTP password cannot be used.
    #[error(transparent)]
    PasswordFile(#[from] PasswordFileError),
    /// The SMTP server cannot be used as set.
    #[error(transparent)]
    Smtp(#[from] SmtpServerError),
    /// The file of a DKIM key cannot be used.
    #[error(transparent)]
    Dkim(#[from] dkim::KeyFileError),
    /// A message could not be signed.
    #[error(transparent)]
    Sign(#[from] dkim::SignError),
    /// The SMTP settings saved in the admin UI contradict the settings of this process.
    #[error(
        "the SMTP settings saved in the admin UI do not match the settings here: {0}. \
         Nothing is sent or written to the outbox"
    )]
    SavedSmtp(ConfigError),
    /// The sender's domain is not a valid name for EHLO.
    #[error("newsletter.from: {0}")]
    Hello(#[from] HelloNameError),
    /// Custom email templates are invalid; one error per line.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Templates(Vec<TemplateError>),
    /// The web server failed.
    #[error("the web server failed: {0}")]
    Web(#[from] std::io::Error),
}

impl AppError {
    /// Returns whether the operator can fix the error in the settings or their files.
    pub fn is_about_settings(&self) -> bool {
        matches!(
            self,
            Self::Settings(_)
                | Self::KeyFile(_)
                | Self::WrongKey(_)
                | Self::PasswordFile(_)
                | Self::Smtp(_)
                | Self::SavedSmtp(_)
                | Self::Dkim(_)
                | Self::Hello(_)
                | Self::Templates(_)
        )
    }
}

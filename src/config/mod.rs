//! Settings: four layers, typed and validated.
//!
//! A later layer overrides an earlier one, key by key: built-in defaults, values saved in
//! the admin UI, `broadsheet.toml`, environment variables. All errors are collected and
//! reported together, each with its key and origin. Secrets appear neither in `Debug`
//! output nor in an error.

mod error;
mod keys;
mod layers;
mod reader;
mod readiness;
mod secret_key;
mod section;
mod sections;

mod setting_info;
mod settings;
mod smtp;
mod sources;
mod values;

#[cfg(test)]
mod tests;

pub use error::{ConfigError, ConfigErrors, Origin};
pub use layers::{DEFAULTS, Saved};
pub use readiness::SenderIdentity;
pub use secret_key::{KeyFile, KeyFileError, load_or_create};
pub use sections::{
    Alerts, Database, Digest, Dkim, DkimKey, Feeds, Limits, Mail, Newsletter, Schedule, Secrets,
    Server, Templates,
};
pub use setting_info::SettingInfo;
pub use settings::Settings;
pub use smtp::{PasswordFileError, Smtp};
pub use sources::{LoadedSettings, Sources, choose_file, environment};

//! Settings: built-in, then what the desk saved, then `broadsheet.toml`, then the
//! environment; typed and checked.
//!
//! Every fault is found at once and told by key and origin. Secrets show neither in
//! `Debug` nor in a fault.

mod database_url;
mod error;
mod keys;
mod layers;
mod reader;
mod readiness;
mod secret_key;
mod sections;
mod setting_info;
mod smtp;
mod sources;
mod values;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use database_url::{DatabaseUrl, DatabaseUrlError};
pub use error::{ConfigError, ConfigErrors, Origin};
pub use readiness::{MissingSetting, SenderIdentity};
pub use secret_key::{KeyFile, KeyFileError, load_or_create};
pub use sections::{
    Alerts, Database, Digest, Dkim, DkimKey, Feeds, Limits, Mail, Newsletter, PostOrder, Schedule,
    Secrets, Server, Templates,
};
pub use setting_info::SettingInfo;
pub use smtp::{InDoubtPolicy, PasswordFileError, Smtp, SmtpUrl, SmtpUrlError};
pub use sources::{LoadedSettings, Saved, Sources};

use reader::{ConfigReader, ReadResult};

/// The built-in layer, which is also the sample with comments that
/// `broadsheet config default` prints.
pub const DEFAULTS: &str = include_str!("default.toml");

const FILE_NAME: &str = "broadsheet.toml";

/// All settings. Relative paths are relative to the working directory.
#[derive(Clone, Debug)]
pub struct Settings {
    pub newsletter: Newsletter,
    pub server: Server,
    pub database: Database,
    pub feeds: Feeds,
    pub digest: Digest,
    pub schedule: Schedule,
    pub smtp: Smtp,
    pub dkim: Option<Dkim>,
    pub mail: Mail,
    pub templates: Templates,
    pub limits: Limits,
    pub secrets: Secrets,
    pub alerts: Alerts,
    /// All of them, as people are shown them.
    pub listing: Vec<SettingInfo>,
}

impl Settings {
    /// Reads the settings from `file`, which must exist if given, and from `variables`
    /// (see [`environment`]), which win. What the desk saved is left out.
    ///
    /// # Errors
    /// All faults: an unreadable file, an unknown key, a value that does not fit.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        Sources::new(file, variables).settings(&Saved::new())
    }

    /// Every section is read before the first fault ends it, so that all are told.
    fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let newsletter = Newsletter::read(reader);
        let server = Server::read(reader);
        let database = Database::read(reader);
        let feeds = Feeds::read(reader);
        let digest = Digest::read(reader);
        let schedule = Schedule::read(reader);
        let smtp = Smtp::read(reader);
        let dkim = Dkim::read(reader);
        let mail = Mail::read(reader);
        let templates = Templates::read(reader);
        let limits = Limits::read(reader);
        let secrets = Secrets::read(reader);
        let alerts = Alerts::read(reader);
        Ok(Self {
            newsletter: newsletter?,
            server: server?,
            database: database?,
            feeds: feeds?,
            digest: digest?,
            schedule: schedule?,
            smtp: smtp?,
            dkim: dkim?,
            mail: mail?,
            templates: templates?,
            limits: limits?,
            secrets: secrets?,
            alerts: alerts?,
            listing: reader.listing(),
        })
    }
}

/// Which file to read: the one asked for (`--config`, or `BROADSHEET_CONFIG`), else
/// `broadsheet.toml` in `working_dir` if there is one. A file asked for need not exist;
/// [`Settings::load`] will say so.
pub fn choose_file(asked: Option<PathBuf>, working_dir: &Path) -> Option<PathBuf> {
    let asked = asked.filter(|path| !path.as_os_str().is_empty());
    asked.or_else(|| Some(working_dir.join(FILE_NAME)).filter(|path| path.is_file()))
}

/// The variables of `all` (such as [`std::env::vars_os`]) that may be settings.
pub fn environment(
    all: impl IntoIterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (String, String)> {
    all.into_iter().filter_map(|(name, value)| {
        let name = name
            .into_string()
            .ok()
            .filter(|name| name.starts_with(keys::PREFIX))?;
        Some((name, value.to_string_lossy().into_owned()))
    })
}

#[cfg(test)]
mod tests;

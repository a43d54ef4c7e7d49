//! The sources of the settings, kept so that they can be combined again after a save.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::error::{ConfigError, ConfigErrors, Origin};
use crate::config::keys;
use crate::config::layers::{ConfigLayers, Saved};
use crate::config::reader::ConfigReader;
use crate::config::settings::{KEYS, Settings};

const FILE_NAME: &str = "broadsheet.toml";

/// Returns the settings file: `requested` (`--config` or `BROADSHEET_CONFIG`), otherwise
/// `broadsheet.toml` in `working_dir` if it exists.
///
/// A requested file need not exist; [`Sources::settings`] then returns an error.
pub fn choose_file(requested: Option<PathBuf>, working_dir: &Path) -> Option<PathBuf> {
    let requested = requested.filter(|path| !path.as_os_str().is_empty());
    requested.or_else(|| Some(working_dir.join(FILE_NAME)).filter(|path| path.is_file()))
}

/// Returns the variables that may be settings. `all` is like [`std::env::vars_os`].
pub fn environment(
    all: impl IntoIterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (String, String)> {
    all.into_iter().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let value = value.to_string_lossy().into_owned();
        name.starts_with(keys::PREFIX).then_some((name, value))
    })
}

/// The settings file and the environment as they were when the program started.
///
/// The file is read once: saving a setting in the admin UI must not apply a file that is
/// being edited.
#[derive(Clone)]
pub struct Sources {
    file: Option<SettingsFile>,
    variables: Vec<(String, String)>,
}

#[derive(Clone)]
struct SettingsFile {
    path: PathBuf,
    /// The content, or the error of reading it.
    text: Result<String, String>,
}

/// Settings, and the errors in saved settings that were ignored.
#[derive(Clone, Debug)]
pub struct LoadedSettings {
    /// The settings without the ignored ones.
    pub settings: Settings,
    /// Why saved settings were ignored.
    pub unusable: Vec<ConfigError>,
}

impl Sources {
    /// Reads `file`, which must exist if given. `variables` are those of [`environment`].
    pub fn new(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            file: file.map(|path| SettingsFile {
                path: path.to_owned(),
                text: std::fs::read_to_string(path).map_err(|error| error.to_string()),
            }),
            variables: variables.into_iter().collect(),
        }
    }

    /// Returns the settings, including `saved`.
    ///
    /// # Errors
    /// [`ConfigErrors`] with all errors: an unreadable file, TOML syntax, unknown keys,
    /// invalid values.
    pub fn settings(&self, saved: &Saved) -> Result<Settings, ConfigErrors> {
        let mut layers = ConfigLayers::built_in(KEYS);
        layers.add_saved(saved);
        if let Some(file) = &self.file {
            layers.add_file(&file.path, &file.text);
        }
        layers.add_environment(&self.variables);
        let mut reader = ConfigReader { layers };
        let settings = Settings::read(&mut reader);
        reader.finish(settings)
    }

    /// Returns the settings with as much of `saved` as is valid.
    ///
    /// A setting saved by a newer version, or one that contradicts a changed file, must
    /// not prevent the program from starting.
    ///
    /// # Errors
    /// [`ConfigErrors`] with all errors of file and environment.
    pub fn settings_with(&self, saved: &Saved) -> Result<LoadedSettings, ConfigErrors> {
        let mut saved = saved.clone();
        let mut unusable = Vec::new();
        loop {
            let errors = match self.settings(&saved) {
                Ok(settings) => return Ok(LoadedSettings { settings, unusable }),
                Err(errors) => errors,
            };
            let before = saved.len();
            for error in errors.errors() {
                saved.retain(|key, _| !error.is_caused_by(key));
            }
            if saved.len() == before {
                return Err(errors);
            }
            unusable.extend(errors.errors().iter().cloned());
        }
    }

    /// Returns `saved` with `changes` applied; `None` removes a value.
    ///
    /// # Errors
    /// [`ConfigErrors`] with an error for each key that the admin UI may not change,
    /// because it is not editable there or is set in the file or environment.
    pub fn change(
        &self,
        saved: &Saved,
        changes: &[(String, Option<String>)],
    ) -> Result<Saved, ConfigErrors> {
        let listing = self.settings_with(saved)?.settings.listing;
        let mut changed = saved.clone();
        let mut errors = Vec::new();
        for (key, value) in changes {
            let setting = listing.iter().find(|setting| setting.name() == *key);
            if !setting.is_some_and(|setting| setting.is_admin_editable) {
                errors.push(ConfigError::Key {
                    key: key.clone(),
                    message: "cannot be changed in the admin UI".to_owned(),
                    origin: setting.map_or(Origin::Database, |setting| setting.origin.clone()),
                });
            } else if let Some(value) = value {
                changed.insert(key.clone(), value.clone());
            } else {
                changed.remove(key);
            }
        }
        if errors.is_empty() {
            Ok(changed)
        } else {
            Err(ConfigErrors::new(errors))
        }
    }
}

/// Hides the content, which may contain passwords.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(…)")
    }
}

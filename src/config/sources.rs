//! Where settings come from, kept so that they can be read again when the desk saves.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::Settings;
use crate::config::error::{ConfigError, ConfigErrors, Origin};
use crate::config::layers::ConfigLayers;
use crate::config::reader::ConfigReader;

/// What the desk saved: `section.key` and its value, as text as in the environment.
pub type Saved = BTreeMap<String, String>;

/// The file and the environment as they were when the program started: a file that is
/// half edited must not come into force because somebody saves at the desk.
#[derive(Clone)]
pub struct Sources {
    file: Option<SettingsFile>,
    variables: Vec<(String, String)>,
}

#[derive(Clone)]
struct SettingsFile {
    path: PathBuf,
    text: Result<String, String>,
}

/// Settings, and what of the saved ones could not be used.
#[derive(Clone, Debug)]
pub struct LoadedSettings {
    pub settings: Settings,
    pub unusable: Vec<ConfigError>,
}

impl Sources {
    /// See [`Settings::load`].
    pub fn new(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            file: file.map(|path| SettingsFile {
                path: path.to_owned(),
                text: std::fs::read_to_string(path).map_err(|error| error.to_string()),
            }),
            variables: variables.into_iter().collect(),
        }
    }

    /// The settings with `saved` among them.
    ///
    /// # Errors
    /// All faults, those of what is saved too.
    pub fn settings(&self, saved: &Saved) -> Result<Settings, ConfigErrors> {
        let mut layers = ConfigLayers::built_in().desk(saved);
        if let Some(file) = &self.file {
            layers = match &file.text {
                Ok(text) => layers.file(&file.path, text),
                Err(says) => layers.unreadable(&file.path, says.clone()),
            };
        }
        let mut reader = ConfigReader::new(layers.environment(self.variables.iter().cloned()));
        let settings = Settings::read(&mut reader);
        reader.finish(settings)
    }

    /// The settings with as much of `saved` as can be used: what a newer version saved, or
    /// what does not go with the file any more, must not keep the program from starting.
    ///
    /// # Errors
    /// All faults of file and environment.
    pub fn settings_with(&self, saved: &Saved) -> Result<LoadedSettings, ConfigErrors> {
        let mut saved = saved.clone();
        let mut unusable = Vec::new();
        loop {
            let error = match self.settings(&saved) {
                Ok(settings) => return Ok(LoadedSettings { settings, unusable }),
                Err(error) => error,
            };
            let before = saved.len();
            for fault in error.faults() {
                saved.retain(|key, _| !fault.is_caused_by(key));
            }
            if saved.len() == before {
                return Err(error);
            }
            unusable.extend(error.faults().iter().cloned());
        }
    }

    /// `saved` with `changes` (`None` forgets a value), if file and environment leave all
    /// of them to the desk.
    ///
    /// # Errors
    /// A fault for each key that is not the desk's.
    pub fn change(
        &self,
        saved: &Saved,
        changes: &[(String, Option<String>)],
    ) -> Result<Saved, ConfigErrors> {
        let listing = self.settings_with(saved)?.settings.listing;
        let mut changed = saved.clone();
        let mut faults = Vec::new();
        for (key, value) in changes {
            let listed = listing.iter().find(|listed| listed.name() == *key);
            if !listed.is_some_and(|listed| listed.is_for_the_desk) {
                faults.push(ConfigError::Key {
                    key: key.clone(),
                    says: "is not changed at the desk".to_owned(),
                    origin: listed.map_or(Origin::Database, |listed| listed.origin.clone()),
                });
            } else if let Some(value) = value {
                changed.insert(key.clone(), value.clone());
            } else {
                changed.remove(key);
            }
        }
        if faults.is_empty() {
            Ok(changed)
        } else {
            Err(ConfigErrors::new(faults))
        }
    }
}

/// Not shown: there are passwords among them.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(…)")
    }
}

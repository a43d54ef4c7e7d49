//! The layers of settings: later ones override earlier ones, each value has its origin.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use crate::config::error::{ConfigError, Origin};
use crate::config::keys::{self, KeyTable};

/// The built-in layer, with comments: the sample that `broadsheet config default` prints.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Settings saved in the admin UI: `section.key` and the value, as text as in the
/// environment.
pub type Saved = BTreeMap<String, String>;

/// The untyped values of all known keys, and the errors found so far.
pub(super) struct ConfigLayers {
    keys: KeyTable,
    values: BTreeMap<String, (Value, Origin)>,
    errors: Vec<ConfigError>,
}

impl ConfigLayers {
    /// Starts with the built-in layer.
    pub fn built_in(keys: KeyTable) -> Self {
        let mut layers = Self {
            keys,
            values: BTreeMap::new(),
            errors: Vec::new(),
        };
        layers.add_toml(DEFAULTS, &Origin::BuiltIn);
        layers
    }

    /// Adds what was saved in the admin UI. A key that is not editable there is an error.
    pub fn add_saved(&mut self, saved: &Saved) {
        for (name, value) in saved {
            if self
                .keys
                .find(name)
                .is_some_and(|key| key.is_admin_editable)
            {
                self.insert(name.clone(), Value::String(value.clone()), Origin::Database);
            } else {
                self.add_error(name, "cannot be set in the admin UI", Origin::Database);
            }
        }
    }

    /// Adds a settings file, given as its path and its text or the error of reading it.
    pub fn add_file(&mut self, path: &Path, text: &Result<String, String>) {
        match text {
            Ok(text) => self.add_toml(text, &Origin::File(path.to_owned())),
            Err(message) => self.errors.push(ConfigError::Unreadable {
                file: path.to_owned(),
                message: message.clone(),
            }),
        }
    }

    fn add_toml(&mut self, text: &str, origin: &Origin) {
        let sections = match text.parse::<Table>() {
            Ok(sections) => sections,
            Err(error) => {
                // The error's `Display` quotes the line, which may contain a password.
                let before = error.span().and_then(|span| text.get(..span.start));
                self.errors.push(ConfigError::Syntax {
                    line: before.unwrap_or_default().matches('\n').count() + 1,
                    message: error.message().to_owned(),
                    origin: origin.clone(),
                });
                return;
            }
        };
        for (section, values) in sections {
            match values {
                Value::Table(values) => {
                    for (key, value) in values {
                        self.insert(format!("{section}.{key}"), value, origin.clone());
                    }
                }
                _ => {
                    let message = format!("expected a section, [{section}], with keys under it");
                    self.add_error(&section, message, origin.clone());
                }
            }
        }
    }

    /// Adds the variables `BROADSHEET_<SECTION>__<KEY>`; their values are text.
    ///
    /// Ignores other variables with the prefix, because Kubernetes creates such variables
    /// for services, unless one is the name of a setting with a single underscore.
    pub fn add_environment(&mut self, variables: &[(String, String)]) {
        for (variable, value) in variables {
            let Some(name) = variable
                .strip_prefix(keys::PREFIX)
                .filter(|name| !name.starts_with("TEST_"))
            else {
                continue;
            };
            if name.contains("__") {
                let name = name.to_ascii_lowercase().replacen("__", ".", 1);
                let origin = Origin::variable_of(&name);
                self.insert(name, Value::String(value.clone()), origin);
            } else if let Some(key) = self
                .keys
                .iter()
                .find(|key| key.name.replace('.', "_").eq_ignore_ascii_case(name))
            {
                let expected = keys::variable(key.name);
                let message = format!("write it with two underscores, {expected}");
                self.add_error(key.name, message, Origin::Variable(variable.clone()));
            }
        }
    }

    fn insert(&mut self, name: String, value: Value, origin: Origin) {
        if self.keys.find(&name).is_some() {
            self.values.insert(name, (value, origin));
        } else {
            let section = name.split('.').next().unwrap_or_default();
            let message = self.keys.describe_unknown(section);
            self.add_error(&name, message, origin);
        }
    }

    /// Returns all settings that exist.
    pub fn keys(&self) -> KeyTable {
        self.keys
    }

    /// Returns the value of `section.key` in the topmost layer that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).map(|(value, _)| value)
    }

    /// Returns the origin of that value; built in if no layer has one.
    pub fn origin(&self, key: &str) -> Origin {
        let value = self.values.get(key);
        value.map_or(Origin::BuiltIn, |(_, origin)| origin.clone())
    }

    /// Records an error about `key`, whose value was set at `origin`.
    pub fn add_error(&mut self, key: &str, message: impl Into<String>, origin: Origin) {
        self.errors.push(ConfigError::Key {
            key: key.to_owned(),
            message: message.into(),
            origin,
        });
    }

    /// Returns all errors recorded so far.
    pub fn into_errors(self) -> Vec<ConfigError> {
        self.errors
    }
}

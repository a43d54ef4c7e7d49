//! The layers of settings, later ones over earlier ones, each value with its origin.

use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

use crate::config::error::{ConfigError, Origin};
use crate::config::keys;
use crate::config::sources::Saved;

/// Built-in values, then what the desk saved, then a file, then the environment; only
/// known keys, still untyped.
pub(super) struct ConfigLayers {
    figment: Figment,
    faults: Vec<ConfigError>,
}

const DESK: &str = "desk";
const ENVIRONMENT: &str = "environment";

/// Where a whole layer comes from.
#[derive(Clone, Copy)]
enum Source<'a> {
    BuiltIn,
    Desk,
    File(&'a Path),
    Environment,
}

impl Source<'_> {
    fn origin(self, key: &str) -> Origin {
        match self {
            Self::BuiltIn => Origin::BuiltIn,
            Self::Desk => Origin::Database,
            Self::File(path) => Origin::File(path.to_owned()),
            Self::Environment => Origin::variable_of(key),
        }
    }

    fn metadata(self) -> Metadata {
        match self {
            Self::BuiltIn => Metadata::default(),
            Self::Desk => Metadata::named(DESK),
            Self::File(path) => Metadata::from("file", path),
            Self::Environment => Metadata::named(ENVIRONMENT),
        }
    }
}

struct Layer {
    metadata: Metadata,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl ConfigLayers {
    pub fn built_in() -> Self {
        let layers = Self {
            figment: Figment::new(),
            faults: Vec::new(),
        };
        layers.toml(crate::config::DEFAULTS, Source::BuiltIn)
    }

    /// What was saved at the desk: values as text, as in the environment. A key that is
    /// not for the desk is a fault.
    pub fn desk(mut self, saved: &Saved) -> Self {
        let mut sections = Dict::new();
        for (name, value) in saved {
            match name.split_once('.') {
                Some((section, key)) if keys::is_admin_editable(name) => {
                    put(&mut sections, section, key, value.clone());
                }
                _ => self.faults.push(ConfigError::Key {
                    key: name.clone(),
                    says: "is not set at the desk".to_owned(),
                    origin: Origin::Database,
                }),
            }
        }
        self.add(sections, Source::Desk)
    }

    /// The file `path`, which has this text.
    pub fn file(self, path: &Path, text: &str) -> Self {
        self.toml(text, Source::File(path))
    }

    pub fn unreadable(mut self, file: &Path, says: String) -> Self {
        self.faults.push(ConfigError::Unreadable {
            file: file.to_owned(),
            says,
        });
        self
    }

    fn toml(mut self, text: &str, source: Source<'_>) -> Self {
        match <Toml as Format>::from_str::<Dict>(text) {
            Ok(values) => self.add(values, source),
            Err(error) => {
                // The error's own display quotes the line, and with it perhaps a password.
                let before = error
                    .span()
                    .and_then(|span| text.get(..span.start))
                    .unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                self.faults.push(ConfigError::Syntax {
                    line,
                    says: error.message().to_owned(),
                    origin: source.origin(""),
                });
                self
            }
        }
    }

    /// Takes the variables `BROADSHEET_<SECTION>__<KEY>`, all as text. Others that begin
    /// with `BROADSHEET_` are left alone (Kubernetes makes some), unless they look like a
    /// setting whose second underscore was forgotten.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut sections = Dict::new();
        for (variable, value) in variables {
            let Some(name) = variable
                .strip_prefix(keys::PREFIX)
                .filter(|name| !name.starts_with("TEST_"))
            else {
                continue;
            };
            if let Some((section, key)) = name.to_ascii_lowercase().split_once("__") {
                put(&mut sections, section, key, value);
            } else if let Some(key) =
                keys::all().find(|key| key.replace('.', "_").eq_ignore_ascii_case(name))
            {
                let says = format!("write it with two underscores, {}", keys::variable(&key));
                self.faults.push(ConfigError::Key {
                    key,
                    says,
                    origin: Origin::Variable(variable),
                });
            }
        }
        self.add(sections, Source::Environment)
    }

    fn add(mut self, mut sections: Dict, source: Source<'_>) -> Self {
        sections.retain(|section, values| {
            let faults = &mut self.faults;
            let mut fault = |key: String, says: String| {
                let origin = source.origin(&key);
                faults.push(ConfigError::Key { key, says, origin });
            };
            let Value::Dict(_, values) = values else {
                fault(
                    section.clone(),
                    format!("expected a section, [{section}], with keys under it"),
                );
                return false;
            };
            values.retain(|key, _| {
                let known = keys::of_section(section);
                if known.is_some_and(|known| known.contains(&key.as_str())) {
                    return true;
                }
                fault(format!("{section}.{key}"), unknown(section, known));
                false
            });
            true
        });
        let metadata = source.metadata();
        self.figment = self.figment.merge(Layer {
            metadata,
            values: sections,
        });
        self
    }

    /// The value of `section.key` in the topmost layer that has it.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.figment.find_value(key).ok()
    }

    pub fn origin(&self, key: &str) -> Origin {
        let Some(metadata) = self.figment.find_metadata(key) else {
            return Origin::BuiltIn;
        };
        match metadata
            .source
            .as_ref()
            .and_then(|source| source.file_path())
        {
            Some(path) => Origin::File(path.to_owned()),
            None if metadata.name == ENVIRONMENT => Origin::variable_of(key),
            None if metadata.name == DESK => Origin::Database,
            None => Origin::BuiltIn,
        }
    }

    pub fn take_faults(&mut self) -> Vec<ConfigError> {
        std::mem::take(&mut self.faults)
    }
}

fn put(sections: &mut Dict, section: &str, key: &str, value: String) {
    let section = sections
        .entry(section.to_owned())
        .or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, values) = section {
        values.insert(key.to_owned(), Value::from(value));
    }
}

fn unknown(section: &str, known: Option<&[&str]>) -> String {
    match known {
        Some(known) => format!("unknown key; [{section}] has {}", known.join(", ")),
        None => {
            let sections: Vec<&str> = keys::SECTIONS.iter().map(|(name, _)| *name).collect();
            format!("unknown key; the sections are {}", sections.join(", "))
        }
    }
}

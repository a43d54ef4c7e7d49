//! What is wrong with the settings, in words a person can act on.

use std::fmt;
use std::path::PathBuf;

use crate::config::keys;

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    BuiltIn,
    /// Saved at the desk, and kept in the database.
    Database,
    File(PathBuf),
    /// An environment variable, by name.
    Variable(String),
}

impl Origin {
    pub(super) fn variable_of(key: &str) -> Self {
        Self::Variable(keys::variable(key))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::Database => f.write_str("saved at the desk"),
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Variable(name) => write!(f, "in {name}"),
        }
    }
}

/// One thing to put right. Secrets are never quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{}: cannot be read: {says}", file.display())]
    Unreadable { file: PathBuf, says: String },
    #[error("line {line}: {says} ({origin})")]
    Syntax {
        line: usize,
        says: String,
        origin: Origin,
    },
    #[error("{key}: {says} ({origin})")]
    Key {
        key: String,
        says: String,
        origin: Origin,
    },
}

impl ConfigError {
    /// Whether it is about the way out.
    pub fn is_of_smtp(&self) -> bool {
        matches!(self, Self::Key { key, .. } if key.starts_with("smtp."))
    }

    /// Whether leaving out what the desk saved as `saved` may help: it is the faulty key
    /// itself, or does not go with a value of its section that the file is right about.
    pub(super) fn is_caused_by(&self, saved: &str) -> bool {
        match self {
            Self::Key {
                key,
                origin: Origin::Database,
                ..
            } => key == saved,
            Self::Key { key, .. } => key.split('.').next() == saved.split('.').next(),
            Self::Unreadable { .. } | Self::Syntax { .. } => false,
        }
    }
}

/// All that is wrong with the settings, at least one fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    faults: Vec<ConfigError>,
}

impl ConfigErrors {
    pub(super) fn new(faults: Vec<ConfigError>) -> Self {
        Self { faults }
    }

    pub fn faults(&self) -> &[ConfigError] {
        &self.faults
    }
}

/// A fault a line.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

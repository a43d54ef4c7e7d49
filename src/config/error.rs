//! Errors in the settings: which key, what is wrong, what is expected, where it was set.

use std::fmt;
use std::path::PathBuf;

use crate::config::keys;

/// Where the value of a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The defaults in the program.
    BuiltIn,
    /// Saved in the admin UI and stored in the database.
    Database,
    /// The settings file.
    File(PathBuf),
    /// The environment variable with this name.
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
            Self::Database => f.write_str("saved in the admin UI"),
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Variable(name) => write!(f, "in {name}"),
        }
    }
}

/// One error in the settings. Never quotes a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The settings file cannot be read.
    #[error("{}: cannot be read: {message}", file.display())]
    Unreadable {
        /// The settings file.
        file: PathBuf,
        /// The error of the operating system.
        message: String,
    },
    /// The text is not valid TOML.
    #[error("line {line}: {message} ({origin})")]
    Syntax {
        /// Line number, from 1.
        line: usize,
        /// What the TOML parser expected.
        message: String,
        /// The file that contains the text.
        origin: Origin,
    },
    /// A key is unknown, or its value is missing or invalid.
    #[error("{key}: {message} ({origin})")]
    Key {
        /// Full name, `section.key`.
        key: String,
        /// What is wrong and what is expected.
        message: String,
        /// Where the value was set.
        origin: Origin,
    },
}

impl ConfigError {
    /// Returns whether the error concerns a setting of section `smtp`.
    pub fn is_smtp(&self) -> bool {
        matches!(self, Self::Key { key, .. } if key.starts_with("smtp."))
    }

    /// Returns whether ignoring the saved setting `saved` may resolve the error.
    ///
    /// True for the saved setting itself, and for the settings of the same section when
    /// the file or environment contains a value that contradicts one of them.
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

/// All errors in the settings; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl ConfigErrors {
    pub(super) fn new(errors: Vec<ConfigError>) -> Self {
        Self { errors }
    }

    /// Returns the errors in the order in which the settings were read.
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }
}

/// Writes one error per line.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

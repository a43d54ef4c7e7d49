//! Reads typed values from the layers and collects every error on the way.

use std::fmt::Display;

use toml::Value;

use crate::config::error::{ConfigErrors, Origin};
use crate::config::layers::ConfigLayers;

/// Marks a missing value whose error the reader has recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invalid;

pub(super) type ReadResult<T> = Result<T, Invalid>;

/// Reads settings by name. The parsers are in [`values`](crate::config::values).
pub(super) struct ConfigReader {
    pub layers: ConfigLayers,
}

impl ConfigReader {
    /// Reads a setting that may be missing. Empty text counts as missing.
    pub fn optional<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> ReadResult<Option<T>> {
        let parsed = match self.layers.get(key) {
            None => return Ok(None),
            Some(value) if value.as_str().is_some_and(|text| text.trim().is_empty()) => {
                return Ok(None);
            }
            Some(value) => parse(value),
        };
        match parsed {
            Ok(value) => Ok(Some(value)),
            Err(message) => Err(self.invalid(key, message)),
        }
    }

    /// Reads a setting that has a built-in value and may not be empty.
    pub fn required<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> ReadResult<T> {
        self.optional(key, parse)?
            .ok_or_else(|| self.invalid(key, "must not be empty"))
    }

    /// Reads a setting whose type has a default for a missing value, such as a list.
    pub fn or_default<T: Default>(
        &mut self,
        key: &str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> ReadResult<T> {
        self.optional(key, parse).map(Option::unwrap_or_default)
    }

    /// Records an error about `key`. `message` may quote its value only if that is not a
    /// secret.
    pub fn invalid(&mut self, key: &str, message: impl Display) -> Invalid {
        let origin = self.layers.origin(key);
        self.layers.add_error(key, message.to_string(), origin);
        Invalid
    }

    /// Returns whether the value of `key` was saved in the admin UI.
    pub fn is_from_database(&self, key: &str) -> bool {
        self.layers.origin(key) == Origin::Database
    }

    /// Returns what was read if no error was recorded.
    pub fn finish<T>(self, read: ReadResult<T>) -> Result<T, ConfigErrors> {
        let errors = self.layers.into_errors();
        match read {
            Ok(value) if errors.is_empty() => Ok(value),
            _ => Err(ConfigErrors::new(errors)),
        }
    }
}

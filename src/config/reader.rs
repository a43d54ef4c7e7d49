//! Reads typed values out of the layers, and collects every fault on the way.

use std::fmt::Display;
use std::ops::RangeInclusive;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Num, Value};

use crate::config::error::{ConfigError, ConfigErrors, Origin};
use crate::config::layers::ConfigLayers;
use crate::config::setting_info::{self, SettingInfo};

pub(super) struct ConfigReader {
    layers: ConfigLayers,
    faults: Vec<ConfigError>,
}

/// The value is not there, because a fault was noted instead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invalid;

pub(super) type ReadResult<T> = Result<T, Invalid>;

impl ConfigReader {
    pub fn new(mut layers: ConfigLayers) -> Self {
        let faults = layers.take_faults();
        Self { layers, faults }
    }

    /// A setting that may be missing; empty text is the same as missing.
    pub fn optional<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> ReadResult<Option<T>> {
        match self.layers.get(key) {
            None => Ok(None),
            Some(value) if value.as_str().is_some_and(|text| text.trim().is_empty()) => Ok(None),
            Some(value) => match parse(&value) {
                Ok(value) => Ok(Some(value)),
                Err(says) => Err(self.fault(key, says)),
            },
        }
    }

    /// A setting that has a default, and may not be emptied.
    pub fn needed<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> ReadResult<T> {
        self.optional(key, parse)?
            .ok_or_else(|| self.fault(key, "must not be empty"))
    }

    /// A list, which may be empty. One bare text is a list of one.
    pub fn list<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> ReadResult<Vec<T>> {
        self.optional(key, |value| elements(value)?.iter().map(&parse).collect())
            .map(Option::unwrap_or_default)
    }

    /// Notes what is wrong with `key`, whose value is told apart from the words.
    pub fn fault(&mut self, key: &str, says: impl Display) -> Invalid {
        let origin = self.layers.origin(key);
        self.faults.push(ConfigError::Key {
            key: key.to_owned(),
            says: says.to_string(),
            origin,
        });
        Invalid
    }

    /// Whether `key` has its value from the desk.
    pub fn is_from_desk(&self, key: &str) -> bool {
        self.layers.origin(key) == Origin::Database
    }

    /// What stands in the layers, whether or not it fits.
    pub fn listing(&self) -> Vec<SettingInfo> {
        setting_info::of(&self.layers)
    }

    /// `read`, if nothing at all was wrong.
    pub fn finish<T>(self, read: ReadResult<T>) -> Result<T, ConfigErrors> {
        match read {
            Ok(value) if self.faults.is_empty() => Ok(value),
            _ => Err(ConfigErrors::new(self.faults)),
        }
    }
}

/// A list as TOML has it, or its text (from the environment).
fn elements(value: &Value) -> Result<Vec<Value>, String> {
    let Value::String(_, text) = value else {
        let list = value.as_array().map(<[Value]>::to_vec);
        return list
            .ok_or_else(|| format!("expected a list like [\"a\", \"b\"], got {}", shown(value)));
    };
    let text = text.trim();
    if !(text.starts_with('[') && text.ends_with(']')) {
        return Ok(vec![value.clone()]);
    }
    let parsed = <Toml as Format>::from_str::<Dict>(&format!("list = {text}")).ok();
    let list = parsed
        .filter(|dict| dict.len() == 1)
        .and_then(|mut dict| dict.remove("list")?.into_array());
    list.ok_or_else(|| {
        "expected a list like [\"a\", \"b\"], with every text in double quotes".to_owned()
    })
}

/// Text that `parse` understands.
pub(super) fn text<T, E: Display>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&Value) -> Result<T, String> {
    move |value| match value {
        Value::String(_, text) => parse(text).map_err(|error| error.to_string()),
        other => Err(format!("expected text in quotes, got {}", shown(other))),
    }
}

/// A whole number of a range.
pub(super) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&Value) -> Result<T, String>
where
    T: TryFrom<i128> + PartialOrd + Display,
{
    move |value| {
        let number = match value {
            Value::String(_, text) => text.trim().parse().ok(),
            other => other.to_num().and_then(whole),
        };
        let number = number
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number));
        number.ok_or_else(|| {
            format!(
                "expected a number from {} to {}, got {}",
                range.start(),
                range.end(),
                shown(value)
            )
        })
    }
}

fn whole(number: Num) -> Option<i128> {
    number
        .to_i128()
        .or_else(|| number.to_u128().and_then(|number| number.try_into().ok()))
}

pub(super) fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(_, flag) => Ok(*flag),
        Value::String(_, text) if text.trim() == "true" => Ok(true),
        Value::String(_, text) if text.trim() == "false" => Ok(false),
        other => Err(format!("expected true or false, got {}", shown(other))),
    }
}

/// Only asked of values whose key holds no secret, or that are not text.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("'{text}'"),
        Value::Char(_, c) => format!("'{c}'"),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => match (whole(*number), number.to_f64()) {
            (Some(number), _) => number.to_string(),
            (None, Some(number)) => number.to_string(),
            (None, None) => "a number".to_owned(),
        },
        Value::Empty(..) => "nothing".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(..) => "a list".to_owned(),
    }
}

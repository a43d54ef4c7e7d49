//! Parsers of single values: from TOML, or from text as the environment has it.

use std::convert::Infallible;
use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use toml::{Table, Value};
use url::Url;

use crate::domain::email_address::EmailAddress;

/// Parses text with `parse`.
pub(super) fn text<T, E: Display>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&Value) -> Result<T, String> {
    move |value| match value {
        Value::String(text) => parse(text).map_err(|error| error.to_string()),
        other => Err(format!("expected text in quotes, got {}", describe(other))),
    }
}

/// Parses a list, whose elements `parse` parses. A text without brackets is a list of one
/// element.
pub(super) fn list<T>(
    parse: impl Fn(&Value) -> Result<T, String>,
) -> impl Fn(&Value) -> Result<Vec<T>, String> {
    move |value| elements(value)?.iter().map(&parse).collect()
}

fn elements(value: &Value) -> Result<Vec<Value>, String> {
    let text = match value {
        Value::Array(elements) => return Ok(elements.clone()),
        Value::String(text) => text.trim(),
        other => {
            return Err(format!(
                "expected a list like [\"a\", \"b\"], got {}",
                describe(other)
            ));
        }
    };
    if !(text.starts_with('[') && text.ends_with(']')) {
        return Ok(vec![value.clone()]);
    }
    let parsed = format!("list = {text}").parse::<Table>().ok();
    match parsed.filter(|table| table.len() == 1).as_mut() {
        Some(table) => match table.remove("list") {
            Some(Value::Array(elements)) => Ok(elements),
            _ => Ok(vec![value.clone()]),
        },
        None => {
            Err("expected a list like [\"a\", \"b\"], with every text in double quotes".to_owned())
        }
    }
}

/// Parses a whole number within `range`.
pub(super) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&Value) -> Result<T, String>
where
    T: TryFrom<i64> + PartialOrd + Display,
{
    move |value| {
        let number = match value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_integer(),
        };
        number
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                format!(
                    "expected a number from {} to {}, got {}",
                    range.start(),
                    range.end(),
                    describe(value)
                )
            })
    }
}

/// Parses a number of sign-ups per hour.
pub(super) fn per_hour(value: &Value) -> Result<NonZeroU32, String> {
    let number = number::<u32>(1..=1_000_000)(value)?;
    NonZeroU32::new(number).ok_or_else(|| "must not be 0".to_owned())
}

/// Parses a whole number of units of `seconds` seconds.
fn seconds(
    range: RangeInclusive<u64>,
    seconds: u64,
) -> impl Fn(&Value) -> Result<Duration, String> {
    let parse = number(range);
    move |value| parse(value).map(|number| Duration::from_secs(number * seconds))
}

pub(super) fn hours(range: RangeInclusive<u64>) -> impl Fn(&Value) -> Result<Duration, String> {
    seconds(range, 3600)
}

pub(super) fn days(range: RangeInclusive<u64>) -> impl Fn(&Value) -> Result<Duration, String> {
    seconds(range, 24 * 3600)
}

pub(super) fn milliseconds(
    range: RangeInclusive<u64>,
) -> impl Fn(&Value) -> Result<Duration, String> {
    let parse = number(range);
    move |value| parse(value).map(Duration::from_millis)
}

pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(boolean) => Ok(*boolean),
        Value::String(text) if text.trim() == "true" => Ok(true),
        Value::String(text) if text.trim() == "false" => Ok(false),
        other => Err(format!("expected true or false, got {}", describe(other))),
    }
}

/// Parses a word of an enum.
pub(super) fn word<T: FromStr + strum::VariantNames>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        let words: Vec<String> = T::VARIANTS.iter().map(|word| format!("'{word}'")).collect();
        format!("expected {}, got '{text}'", words.join(" or "))
    })
}

/// Accepts any text.
pub(super) fn any(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}

pub(super) fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(text.into())
}

pub(super) fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

/// Parses text for a mail header, which a line break would end.
pub(super) fn one_line(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        Err("expected one line of text")
    } else {
        Ok(text.to_owned())
    }
}

pub(super) fn lines(text: &str) -> Result<String, &'static str> {
    let text = text.trim().replace("\r\n", "\n");
    if text.chars().any(|c| c.is_control() && c != '\n') {
        Err("expected text without control characters other than line breaks")
    } else {
        Ok(text)
    }
}

/// Parses the form of a language tag (RFC 5646 §2.1).
pub(super) fn language(text: &str) -> Result<String, String> {
    let is_subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let first = text.split('-').next().unwrap_or_default();
    let is_language = (2..=3).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && text.split('-').all(is_subtag);
    is_language
        .then(|| text.to_owned())
        .ok_or_else(|| format!("'{text}' is not a language tag; expected one like en or pt-BR"))
}

pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| {
        format!(
            "'{text}' is not an address and port; expected them like 127.0.0.1:8080 or [::]:8080"
        )
    })
}

pub(super) fn feed_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| {
        format!("'{text}' is not a web address; expected one like https://example.com/feed.xml")
    })
}

/// Parses a domain by the rules for the domain of an email address.
pub(super) fn domain(text: &str) -> Result<String, String> {
    let address = EmailAddress::parse(&format!("postmaster@{}", text.trim()));
    address
        .map(|address| address.domain().to_owned())
        .map_err(|_| format!("'{text}' is not a domain; expected one like example.com"))
}

/// Describes a value for an error. Not for text that may contain a secret.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        Value::Table(_) => "a table".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Datetime(_) => "a date".to_owned(),
    }
}

//! What single values may be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;
use url::Url;

use crate::config::sections::{DkimKey, PostOrder};
use crate::domain::dkim_selector::Selector;
use crate::domain::email_address::EmailAddress;

pub(super) fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

pub(super) fn plain(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.to_owned())
}

pub(super) fn path(text: &str) -> Result<PathBuf, std::convert::Infallible> {
    Ok(text.into())
}

/// What goes into a header must not begin another one.
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
    let stray = text.chars().any(|c| c.is_control() && c != '\n');
    if stray {
        Err("control characters do not belong in an address")
    } else {
        Ok(text)
    }
}

pub(super) fn language(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let first = text.split('-').next().unwrap_or_default();
    let fits = (2..=3).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && text.split('-').all(part);
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("'{text}' is no language; expected one like en or pt-BR"))
}

pub(super) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| {
        format!("'{text}' is no address and port; expected them like 127.0.0.1:8080 or [::]:8080")
    })
}

pub(super) fn feed_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| {
        format!("'{text}' is no web address; expected one like https://example.com/feed.xml")
    })
}

pub(super) fn post_order(text: &str) -> Result<PostOrder, String> {
    match text {
        "newest" => Ok(PostOrder::Newest),
        "hottest" => Ok(PostOrder::Hottest),
        other => Err(format!("expected 'newest' or 'hottest', got '{other}'")),
    }
}

/// A domain by the rules that an address's domain follows.
pub(super) fn domain(text: &str) -> Result<String, String> {
    let address = EmailAddress::parse(&format!("postmaster@{}", text.trim()));
    address
        .map(|address| address.domain().to_owned())
        .map_err(|_| format!("'{text}' is no domain; expected one like example.com"))
}

pub(super) fn dkim_key(value: &Value) -> Result<DkimKey, String> {
    const EXPECTED: &str = "expected { selector = \"broadsheet\", file = \"data/dkim.pem\" }";
    let dict = value.as_dict().ok_or(EXPECTED)?;
    if let Some(unknown) = dict
        .keys()
        .find(|key| !matches!(key.as_str(), "selector" | "file"))
    {
        return Err(format!("unknown key '{unknown}'; {EXPECTED}"));
    }
    let field = |name| {
        dict.get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .ok_or(EXPECTED)
    };
    let (selector, file) = (field("selector")?, field("file")?);
    let selector = Selector::parse(selector).map_err(|error| error.to_string())?;
    Ok(DkimKey {
        selector,
        file: file.into(),
    })
}

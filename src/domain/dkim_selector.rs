//! Selectors of DKIM keys (RFC 6376 §3.1).

use std::fmt;

/// Name of a DKIM key: labels of letters, digits and hyphens, separated by dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(String);

/// Error of [`Selector::parse`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a valid selector; expected letters, digits and hyphens")]
pub struct SelectorError(String);

impl Selector {
    /// Parses a selector.
    ///
    /// # Errors
    /// Returns [`SelectorError`] if `text` cannot be part of a domain name.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        // At most 128 of 253 octets, so that `._domainkey.` and a domain fit after it.
        if text.len() > 128 || !text.split('.').all(is_label) {
            return Err(SelectorError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the selector.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selector_consists_of_domain_labels() {
        for text in ["broadsheet", "2026-11", "a.b"] {
            assert_eq!(Selector::parse(text).unwrap().as_str(), text);
        }
        let long = "a".repeat(64);
        for text in ["", "s p", "a..b", ".a", "ä", "a;b", "a\n", &long] {
            assert!(Selector::parse(text).is_err(), "{text:?}");
        }
    }
}

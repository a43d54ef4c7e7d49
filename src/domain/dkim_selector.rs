//! Which of a domain's DKIM keys (RFC 6376 §3.1).

use std::fmt;

/// Labels of letters, digits and hyphens, with dots between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no selector; expected letters, digits and hyphens")]
pub struct SelectorError(String);

impl Selector {
    /// # Errors
    /// When `text` cannot stand in a domain name.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        // With `._domainkey.` behind it there must be room for a domain.
        if text.len() > 128 || !text.split('.').all(label) {
            return Err(SelectorError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

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
    fn labels_of_a_domain_name() {
        for text in ["broadsheet", "2026-11", "a.b"] {
            assert_eq!(Selector::parse(text).unwrap().as_str(), text);
        }
        let long = "a".repeat(64);
        for text in ["", "s p", "a..b", ".a", "ä", "a;b", "a\n", &long] {
            assert!(Selector::parse(text).is_err(), "{text:?}");
        }
    }
}

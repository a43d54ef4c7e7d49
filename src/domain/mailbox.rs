//! Who a mail is from.

use std::fmt;

use crate::domain::email_address::{EmailAddress, EmailAddressError};

/// A mailbox with an optional display name: `Example Lab <news@example.com>` or the
/// bare address (RFC 5322 §3.4).
#[derive(Clone, PartialEq, Eq)]
pub struct Sender {
    name: Option<String>,
    address: EmailAddress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SenderError {
    #[error("expected Name <name@example.com> or name@example.com")]
    Shape,
    #[error("control characters do not belong in a sender")]
    Control,
    #[error("the name is too long (100 characters)")]
    NameTooLong,
    #[error(transparent)]
    Address(#[from] EmailAddressError),
}

const NAME_MAX: usize = 100;

impl Sender {
    /// # Errors
    /// What is wrong with `text`, in words for who wrote the setting.
    pub fn parse(text: &str) -> Result<Self, SenderError> {
        let text = text.trim_matches([' ', '\t']);
        if text.chars().any(char::is_control) {
            return Err(SenderError::Control);
        }
        let Some((name, rest)) = text.rsplit_once('<') else {
            return Ok(Self {
                name: None,
                address: EmailAddress::parse(text)?,
            });
        };
        let address = rest.strip_suffix('>').ok_or(SenderError::Shape)?;
        let name = unquoted(name.trim());
        if name.chars().count() > NAME_MAX {
            return Err(SenderError::NameTooLong);
        }
        Ok(Self {
            name: (!name.is_empty()).then_some(name),
            address: EmailAddress::parse(address)?,
        })
    }

    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub fn address(&self) -> &EmailAddress {
        &self.address
    }

    /// The domain that Message-IDs and list identifiers are made under.
    pub fn domain(&self) -> &str {
        self.address.domain()
    }
}

impl From<EmailAddress> for Sender {
    fn from(address: EmailAddress) -> Self {
        Self {
            name: None,
            address,
        }
    }
}

fn unquoted(name: &str) -> String {
    match name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// Masked like the address in it.
impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({:?})", self.address)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_both_shapes() {
        for (text, name, address) in [
            (
                "Example Lab <news@example.com>",
                Some("Example Lab"),
                "news@example.com",
            ),
            (
                "\"Lab, \\\"the\\\" Example\" <n@example.com>",
                Some("Lab, \"the\" Example"),
                "n@example.com",
            ),
            (
                "Übersicht <news@bücher.example>",
                Some("Übersicht"),
                "news@xn--bcher-kva.example",
            ),
            ("<news@example.com>", None, "news@example.com"),
            (" news@example.com ", None, "news@example.com"),
        ] {
            let sender = Sender::parse(text).unwrap();
            assert_eq!(
                (sender.name(), sender.address().to_string().as_str()),
                (name, address)
            );
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(
            Sender::parse("Lab <news@example.com"),
            Err(SenderError::Shape)
        );
        assert_eq!(
            Sender::parse("Lab\r\nBcc: x <n@example.com>"),
            Err(SenderError::Control)
        );
        assert_eq!(
            Sender::parse(&format!("{} <n@example.com>", "a".repeat(101))),
            Err(SenderError::NameTooLong)
        );
        assert_eq!(
            Sender::parse("Lab <news>"),
            Err(SenderError::Address(EmailAddressError::Malformed))
        );
        assert_eq!(
            Sender::parse(""),
            Err(SenderError::Address(EmailAddressError::Empty))
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}") {
            let _ = Sender::parse(&text);
        }
    }
}

//! Sender of a message.

use std::fmt;

use crate::domain::email_address::{EmailAddress, EmailAddressError};

/// A mailbox with an optional display name: `Example Lab <news@example.com>` or the
/// bare address (RFC 5322 §3.4).
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: Option<String>,
    address: EmailAddress,
}

/// Error of [`Mailbox::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// A `<` is not closed.
    #[error("not a sender; expected Name <name@example.com> or name@example.com")]
    Shape,
    /// The text contains control characters.
    #[error("the sender contains control characters; expected one line of text")]
    Control,
    /// The display name exceeds 100 characters.
    #[error("the name is too long; expected at most 100 characters")]
    NameTooLong,
    /// The address is invalid.
    #[error(transparent)]
    Address(#[from] EmailAddressError),
}

/// Maximum length of a display name in characters.
const MAX_NAME_CHARS: usize = 100;

impl Mailbox {
    /// Parses a mailbox. The display name may be quoted.
    ///
    /// # Errors
    /// Returns the variant of [`MailboxError`] that describes what is wrong with `text`.
    pub fn parse(text: &str) -> Result<Self, MailboxError> {
        let text = text.trim_matches([' ', '\t']);
        if text.chars().any(char::is_control) {
            return Err(MailboxError::Control);
        }
        let Some((name, rest)) = text.rsplit_once('<') else {
            return Ok(Self {
                name: None,
                address: EmailAddress::parse(text)?,
            });
        };
        let address = rest.strip_suffix('>').ok_or(MailboxError::Shape)?;
        let name = unquote(name.trim());
        if name.chars().count() > MAX_NAME_CHARS {
            return Err(MailboxError::NameTooLong);
        }
        Ok(Self {
            name: (!name.is_empty()).then_some(name),
            address: EmailAddress::parse(address)?,
        })
    }

    /// Returns the display name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the address.
    pub fn address(&self) -> &EmailAddress {
        &self.address
    }

    /// Returns the domain of the address, used for Message-IDs and list identifiers.
    pub fn domain(&self) -> &str {
        self.address.domain()
    }
}

impl From<EmailAddress> for Mailbox {
    fn from(address: EmailAddress) -> Self {
        Self {
            name: None,
            address,
        }
    }
}

fn unquote(name: &str) -> String {
    match name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// Hides the local part, like [`EmailAddress`].
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({:?})", self.address)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parse_accepts_both_forms() {
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
            let mailbox = Mailbox::parse(text).unwrap();
            assert_eq!(
                (mailbox.name(), mailbox.address().to_string().as_str()),
                (name, address)
            );
        }
    }

    #[test]
    fn parse_invalid_mailbox_returns_error() {
        assert_eq!(
            Mailbox::parse("Lab <news@example.com"),
            Err(MailboxError::Shape)
        );
        assert_eq!(
            Mailbox::parse("Lab\r\nBcc: x <n@example.com>"),
            Err(MailboxError::Control)
        );
        assert_eq!(
            Mailbox::parse(&format!("{} <n@example.com>", "a".repeat(101))),
            Err(MailboxError::NameTooLong)
        );
        assert_eq!(
            Mailbox::parse("Lab <news>"),
            Err(MailboxError::Address(EmailAddressError::Malformed))
        );
        assert_eq!(
            Mailbox::parse(""),
            Err(MailboxError::Address(EmailAddressError::Empty))
        );
    }

    proptest! {
        #[test]
        fn parse_any_text_does_not_panic(text in "\\PC{0,60}") {
            let _ = Mailbox::parse(&text);
        }
    }
}

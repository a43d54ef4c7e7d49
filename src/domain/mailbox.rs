//! Who a mail is from.

use std::fmt;

use crate::domain::email_address::{EmailAddress, EmailAddressError};

/// A mailbox with an optional display name: `Example Lab <news@example.com>` or the
/// bare address (RFC 5322 §3.4).
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: Option<String>,
    address: EmailAddress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
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

impl Mailbox {
    /// # Errors
    /// What is wrong with `text`, in words for who wrote the setting.
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
        let name = unquoted(name.trim());
        if name.chars().count() > NAME_MAX {
            return Err(MailboxError::NameTooLong);
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

impl From<EmailAddress> for Mailbox {
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

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// Masked like the address in it.
impl fmt::Debug for Mailbox {
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
            let sender = Mailbox::parse(text).unwrap();
            assert_eq!(
                (sender.name(), sender.address().to_string().as_str()),
                (name, address)
            );
        }
    }

    #[test]
    fn says_what_is_wrong() {
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
        fn never_panics(text in "\\PC{0,60}") {
            let _ = Mailbox::parse(&text);
        }
    }
}

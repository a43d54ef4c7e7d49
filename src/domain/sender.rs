//! Whom a mail is from.

use super::email_address::{EmailAddress, EmailAddressError};

/// A mailbox with an optional display name (RFC 5322 §3.4), as people write it in
/// settings: `Name <name@example.com>` or the bare address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    name: Option<String>,
    address: EmailAddress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SenderError {
    #[error("control characters do not belong in a name")]
    Control,
    #[error("the name is too long (100 characters)")]
    TooLong,
    #[error("expected 'Name <name@example.com>' or the bare address")]
    Brackets,
    #[error(transparent)]
    Address(#[from] EmailAddressError),
}

const LONGEST_NAME: usize = 100;

impl Sender {
    /// # Errors
    /// What is wrong with `text`, in words for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, SenderError> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err(SenderError::Control);
        }
        let Some((name, rest)) = text.rsplit_once('<') else {
            return Ok(Self {
                name: None,
                address: EmailAddress::parse(text)?,
            });
        };
        let address = EmailAddress::parse(rest.strip_suffix('>').ok_or(SenderError::Brackets)?)?;
        let name = unquoted(name.trim());
        if name.chars().count() > LONGEST_NAME {
            return Err(SenderError::TooLong);
        }
        Ok(Self {
            name: (!name.is_empty()).then_some(name),
            address,
        })
    }

    /// The display name, not yet encoded for a header.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub fn address(&self) -> &EmailAddress {
        &self.address
    }
}

/// A quoted-string's content (RFC 5322 §3.2.4); any other text as it is.
fn unquoted(text: &str) -> String {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    else {
        return text.to_owned();
    };
    let mut content = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        content.push(if c == '\\' {
            chars.next().unwrap_or(c)
        } else {
            c
        });
    }
    content.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_bare_addresses() {
        for (text, name) in [
            ("news@example.com", None),
            ("<news@example.com>", None),
            ("The Blog <news@example.com>", Some("The Blog")),
            ("  Blog, The  <news@example.com> ", Some("Blog, The")),
            ("\"Blog \\\"X\\\"\" <news@example.com>", Some("Blog \"X\"")),
            (
                "Jörg's <3 mails <news@example.com>",
                Some("Jörg's <3 mails"),
            ),
        ] {
            let sender = Sender::parse(text).unwrap();
            assert_eq!(
                (sender.name(), sender.address().to_string().as_str()),
                (name, "news@example.com"),
                "{text}"
            );
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, error) in [
            ("", SenderError::Address(EmailAddressError::Empty)),
            (
                "The Blog",
                SenderError::Address(EmailAddressError::Malformed),
            ),
            (
                "The Blog <news@localhost>",
                SenderError::Address(EmailAddressError::Domain),
            ),
            ("The Blog <news@example.com", SenderError::Brackets),
            ("The Blog <news@example.com> x", SenderError::Brackets),
            ("The\r\nBcc: x <news@example.com>", SenderError::Control),
        ] {
            assert_eq!(Sender::parse(text), Err(error), "{text:?}");
        }
        let long = format!("{} <news@example.com>", "x".repeat(101));
        assert_eq!(Sender::parse(&long), Err(SenderError::TooLong));
    }
}

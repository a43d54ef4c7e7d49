//! EHLO name of the client.

use std::fmt;

use lettre::transport::smtp::extension::ClientId;

/// The client's name in EHLO: a domain name, or an IP address in brackets (RFC 5321
/// §4.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloName(ClientId);

/// The text is neither a host name nor an IP address in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a host name like mail.example.com or an address like [192.0.2.1]")]
pub struct HelloNameError;

impl HelloName {
    /// Parses a host name or an IP address in brackets.
    ///
    /// # Errors
    ///
    /// Returns [`HelloNameError`] if `text` is neither.
    pub fn parse(text: &str) -> Result<Self, HelloNameError> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
        if text.is_empty() || text.len() > 255 || !text.bytes().all(is_allowed) {
            return Err(HelloNameError);
        }
        let literal = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let v6 = literal.and_then(|literal| literal.strip_prefix("IPv6:"));
        let id = match (literal, v6) {
            (None, _) if !text.contains(['[', ']', ':']) => Some(ClientId::Domain(text.to_owned())),
            (None, _) => None,
            (_, Some(v6)) => v6.parse().map(ClientId::Ipv6).ok(),
            (Some(v4), None) => v4.parse().map(ClientId::Ipv4).ok(),
        };
        id.map(Self).ok_or(HelloNameError)
    }

    pub(super) fn client_id(&self) -> &ClientId {
        &self.0
    }
}

impl fmt::Display for HelloName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_name_is_host_name_or_bracketed_address() {
        for text in [
            "mail.example.com",
            "my_host",
            "[192.0.2.1]",
            "[IPv6:2001:db8::1]",
        ] {
            assert_eq!(HelloName::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "a b",
            "mail.example.com\r\nRSET",
            "[192.0.2]",
            "[2001:db8::1]",
            "[a",
            "a]",
            "a:25",
        ] {
            assert_eq!(HelloName::parse(text), Err(HelloNameError), "{text}");
        }
    }
}

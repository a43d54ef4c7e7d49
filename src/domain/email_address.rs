//! Email addresses that mail can be sent to.

use std::fmt;

use lettre::Address;
use validator::ValidateEmail;

/// An address that both validator and lettre accept.
///
/// The domain is a name with at least one dot, as A-labels (RFC 5891) in lower case. The local
/// part is ASCII of at most 64 octets (RFC 5321 §4.5.3.1.1) and keeps its case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    local: String,
    domain: String,
}

/// Error of [`EmailAddress::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailAddressError {
    /// The text is empty.
    #[error("the address is empty; expected one like name@example.com")]
    Empty,
    /// The text contains control characters.
    #[error("the address contains control characters; expected one like name@example.com")]
    Control,
    /// The text does not have the form of an address.
    #[error("not a valid address; expected one like name@example.com")]
    Malformed,
    /// The local part contains characters outside ASCII, which need SMTPUTF8 (RFC 6531).
    #[error(
        "letters outside ASCII before the @ cannot be delivered to everywhere yet; use another address"
    )]
    InternationalLocalPart,
    /// The domain is an IP address or not a full domain name.
    #[error("the domain is incomplete or invalid; expected one like example.com")]
    Domain,
    /// The address exceeds the limits of RFC 5321.
    #[error(
        "the address is too long; expected at most 64 characters before the @ and 254 in total"
    )]
    TooLong,
}

impl EmailAddress {
    /// Parses an address; surrounding spaces are removed.
    ///
    /// # Errors
    /// Returns the variant of [`EmailAddressError`] that describes what is wrong with `text`;
    /// its message is shown to the user.
    pub fn parse(text: &str) -> Result<Self, EmailAddressError> {
        let text = text.trim_matches([' ', '\t']);
        if text.is_empty() {
            return Err(EmailAddressError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(EmailAddressError::Control);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(EmailAddressError::Malformed)?;
        if !local.is_ascii() {
            return Err(EmailAddressError::InternationalLocalPart);
        }
        let domain = parse_domain(domain)?;
        if local.len() > 64 || local.len() + 1 + domain.len() > 254 {
            return Err(EmailAddressError::TooLong);
        }
        let whole = format!("{local}@{domain}");
        // Quoted local parts are legal (RFC 5321 §4.1.2), but almost always a typo.
        if local.contains('"') || !whole.validate_email() || whole.parse::<Address>().is_err() {
            return Err(EmailAddressError::Malformed);
        }
        Ok(Self {
            local: local.to_owned(),
            domain,
        })
    }

    /// Returns the form in which addresses are unique: all in lower case.
    pub fn key(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }

    /// Returns the form by which rate limits count.
    ///
    /// Removes plus-tags and dots from the local part, so that variants of one mailbox share a
    /// limit.
    pub fn rate_key(&self) -> String {
        let local = self.local.to_ascii_lowercase();
        let mailbox = local.split('+').next().unwrap_or_default().replace('.', "");
        format!("{mailbox}@{}", self.domain)
    }

    /// Returns the domain in lower case, as A-labels.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the part before the `@`, in its original case.
    pub fn local_part(&self) -> &str {
        &self.local
    }
}

fn parse_domain(text: &str) -> Result<String, EmailAddressError> {
    let domain = match url::Host::parse(text) {
        Ok(url::Host::Domain(domain)) => domain.to_ascii_lowercase(),
        Ok(url::Host::Ipv4(_) | url::Host::Ipv6(_)) | Err(_) => {
            return Err(EmailAddressError::Domain);
        }
    };
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let top_is_a_name = labels
        .last()
        .is_some_and(|top| top.len() >= 2 && !top.bytes().all(|b| b.is_ascii_digit()));
    if labels.len() < 2 || !labels.iter().all(is_label) || !top_is_a_name {
        return Err(EmailAddressError::Domain);
    }
    Ok(domain)
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Hides the local part, because debug output may be logged and logs contain no address.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress(…@{})", self.domain)
    }
}

impl From<&EmailAddress> for Address {
    fn from(address: &EmailAddress) -> Self {
        Address::new(&address.local, &address.domain).expect("lettre accepted the address in parse")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parse_accepts_common_addresses() {
        for text in [
            "a@x.com",
            "  name@example.com ",
            "first.last+tag@sub.example.co.uk",
            "o'hara@example.ie",
        ] {
            assert!(EmailAddress::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn parse_invalid_address_returns_error() {
        use EmailAddressError::*;
        for (text, error) in [
            ("", Empty),
            ("   ", Empty),
            ("name", Malformed),
            ("@example.com", Malformed),
            ("a..b@x.com", Malformed),
            (".a@x.com", Malformed),
            ("a b@x.com", Malformed),
            ("\"a b\"@x.com", Malformed),
            ("a@localhost", Domain),
            ("a@1.2.3.4", Domain),
            ("a@[1.2.3.4]", Domain),
            ("a@x..com", Domain),
            ("a@-x.com", Domain),
            ("a@x.com.", Domain),
            ("a@x.c", Domain),
            ("a@x.com\r\nBcc: b@x.com", Control),
            ("a\0@x.com", Control),
            ("jörg@example.de", InternationalLocalPart),
        ] {
            assert_eq!(EmailAddress::parse(text), Err(error), "{text:?}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        assert_eq!(EmailAddress::parse(&long), Err(TooLong));
    }

    #[test]
    fn key_ignores_case_and_rate_key_ignores_tags() {
        let a = EmailAddress::parse("A.Name@X.COM").unwrap();
        let b = EmailAddress::parse("a.name@x.com").unwrap();
        assert_eq!(a.key(), b.key());
        assert_eq!(a.to_string(), "A.Name@x.com");
        assert_eq!(
            EmailAddress::parse("an.ame+tag@x.com").unwrap().rate_key(),
            "aname@x.com"
        );
    }

    #[test]
    fn domain_is_converted_to_a_labels() {
        let address = EmailAddress::parse("info@bücher.example").unwrap();
        assert_eq!(address.domain(), "xn--bcher-kva.example");
    }

    #[test]
    fn debug_output_hides_the_local_part() {
        let address = EmailAddress::parse("secret@example.com").unwrap();
        assert!(!format!("{address:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn parse_any_text_is_stable_and_does_not_panic(text in "\\PC{0,80}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert_eq!(EmailAddress::parse(&address.to_string()), Ok(address.clone()));
                let _ = Address::from(&address);
            }
        }

        #[test]
        fn parse_accepts_generated_addresses(local in "[a-z][a-z0-9]{0,20}", domain in "[a-z]{2,12}\\.(com|org|co\\.uk)") {
            let address = format!("{local}@{domain}");
            prop_assert!(EmailAddress::parse(&address).is_ok());
        }
    }
}

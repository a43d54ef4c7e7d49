//! An address that mail can be sent to.

use std::fmt;

use lettre::Address;
use validator::ValidateEmail;

/// A mailbox: what validator and lettre both accept, in a dotted domain that is a
/// name, its domain an A-label (RFC 5891), its local part ASCII of at most 64
/// octets (RFC 5321 §4.5.3.1.1). The local part keeps the case it was typed in.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    local: String,
    domain: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailAddressError {
    #[error("the address is empty; expected something like name@example.com")]
    Empty,
    #[error("control characters do not belong in an address")]
    Control,
    #[error("not an address like name@example.com")]
    Malformed,
    #[error(
        "letters outside ASCII before the @ cannot be delivered to everywhere yet; use another address"
    )]
    InternationalLocalPart,
    #[error("the domain must be a full name like example.com")]
    Domain,
    #[error("the address is too long (64 characters before the @, 254 in all)")]
    TooLong,
}

impl EmailAddress {
    /// # Errors
    /// What is wrong with `text`, in words for the person who typed it.
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
        // Quoted local parts are legal (RFC 5321 §4.1.2) and practically always a mistake.
        if local.contains('"') || !whole.validate_email() || whole.parse::<Address>().is_err() {
            return Err(EmailAddressError::Malformed);
        }
        Ok(Self {
            local: local.to_owned(),
            domain,
        })
    }

    /// The form under which an address is unique: all in lower case.
    pub fn key(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }

    /// The form under which tries are counted: plus-tags and dots of the local part
    /// are folded, so that one mailbox cannot pass for many.
    pub fn rate_key(&self) -> String {
        let local = self.local.to_ascii_lowercase();
        let mailbox = local.split('+').next().unwrap_or_default().replace('.', "");
        format!("{mailbox}@{}", self.domain)
    }

    /// The domain, lower case, as an A-label.
    pub fn domain(&self) -> &str {
        &self.domain
    }

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
    let label_ok = |label: &&str| {
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
    if labels.len() < 2 || !labels.iter().all(label_ok) || !top_is_a_name {
        return Err(EmailAddressError::Domain);
    }
    Ok(domain)
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Masked: a debug print may end in a log, and a log bears no address.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress(…@{})", self.domain)
    }
}

impl From<&EmailAddress> for Address {
    fn from(address: &EmailAddress) -> Self {
        Address::new(&address.local, &address.domain).expect("lettre accepted it in parse")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_what_people_have() {
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
    fn says_what_is_wrong() {
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
    fn one_mailbox_has_one_key() {
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
    fn domains_become_a_labels() {
        let address = EmailAddress::parse("info@bücher.example").unwrap();
        assert_eq!(address.domain(), "xn--bcher-kva.example");
    }

    #[test]
    fn debug_does_not_give_the_reader_away() {
        let address = EmailAddress::parse("secret@example.com").unwrap();
        assert!(!format!("{address:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn never_panics_and_what_it_takes_parses_again(text in "\\PC{0,80}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert_eq!(EmailAddress::parse(&address.to_string()), Ok(address.clone()));
                let _ = Address::from(&address);
            }
        }

        #[test]
        fn ordinary_addresses_pass(local in "[a-z][a-z0-9]{0,20}", domain in "[a-z]{2,12}\\.(com|org|co\\.uk)") {
            let address = format!("{local}@{domain}");
            prop_assert!(EmailAddress::parse(&address).is_ok());
        }
    }
}

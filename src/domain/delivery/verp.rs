//! Variable envelope return paths (VERP): one authenticated address per message.
//!
//! A bounce report is addressed to the return path of the message, which therefore
//! identifies subscriber and issue. A message authentication code (MAC) in the address
//! makes forged reports ineffective.

use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::ids::SubscriberId;
use crate::domain::issue::IssueNumber;
use crate::domain::signed_token::{Purpose, SecretKeys, TokenError};

/// Base address for bounce reports, from `smtp.return_path`.
///
/// With `bounces@b.example.com` the server must deliver `bounces+anything@b.example.com` to
/// the same mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(EmailAddress);

/// Why a text is not a valid return path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReturnPathError {
    /// The text is not an email address.
    #[error(transparent)]
    Address(#[from] EmailAddressError),
    /// The local part leaves no room for what is appended to it.
    #[error(
        "the part before the @ must have at most {MAX_LOCAL_PART} characters, as in bounces@example.com, because subscriber and issue are appended to it"
    )]
    TooLong,
}

/// The recipient that a return path identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerpRecipient {
    /// The subscriber to whom the message was sent.
    pub subscriber: SubscriberId,
    /// The issue that was sent; `None` for other mail.
    pub issue: Option<IssueNumber>,
}

/// Hexadecimal digits of the subscriber id.
const ID_DIGITS: usize = 32;

/// Hexadecimal digits of the truncated MAC (64 bits).
const MAC_DIGITS: usize = 16;

/// Maximum characters of the configured local part.
///
/// RFC 5321 §4.5.3.1.1 allows 64 octets before the `@`. With id, MAC and a `+`, eight digits
/// remain for the issue number.
const MAX_LOCAL_PART: usize = 7;

impl ReturnPath {
    /// Parses the value of `smtp.return_path`.
    ///
    /// # Errors
    ///
    /// Returns [`ReturnPathError::Address`] if `text` is not an email address, and
    /// [`ReturnPathError::TooLong`] if its local part has more than seven characters.
    pub fn parse(text: &str) -> Result<Self, ReturnPathError> {
        let address = EmailAddress::parse(text)?;
        if address.local_part().len() > MAX_LOCAL_PART {
            return Err(ReturnPathError::TooLong);
        }
        Ok(Self(address))
    }

    /// Returns the configured address, which is used for mail without a subscriber.
    pub fn address(&self) -> &EmailAddress {
        &self.0
    }

    /// Returns the return path of one message to `subscriber`.
    ///
    /// Returns the configured address if the issue number has more than eight digits.
    pub fn encode(
        &self,
        keys: &SecretKeys,
        subscriber: &SubscriberId,
        issue: Option<IssueNumber>,
    ) -> EmailAddress {
        let number = issue.map_or(0, IssueNumber::get);
        let mac = keys.mac(
            Purpose::ReturnPath,
            &mac_input(subscriber, &number.to_be_bytes()),
        );
        let text = format!(
            "{}+{}{number:x}{}@{}",
            self.0.local_part(),
            subscriber.as_uuid().as_simple(),
            hex::encode(&mac[..MAC_DIGITS / 2]),
            self.0.domain()
        );
        EmailAddress::parse(&text).unwrap_or_else(|_| self.0.clone())
    }

    /// Returns the recipient that `address` identifies.
    ///
    /// # Errors
    ///
    /// Returns [`TokenError`] if `address` was not made by [`encode`](Self::encode) with one
    /// of `keys`.
    pub fn decode(
        &self,
        keys: &SecretKeys,
        address: &EmailAddress,
    ) -> Result<VerpRecipient, TokenError> {
        let (name, tag) = address.local_part().rsplit_once('+').ok_or(TokenError)?;
        let has_base =
            name.eq_ignore_ascii_case(self.0.local_part()) && address.domain() == self.0.domain();
        if !has_base || tag.len() <= ID_DIGITS + MAC_DIGITS || !tag.is_ascii() {
            return Err(TokenError);
        }
        let (id, rest) = tag.split_at(ID_DIGITS);
        let (number, mac) = rest.split_at(rest.len() - MAC_DIGITS);
        let id = Uuid::try_parse(id).map_err(|_| TokenError)?;
        let subscriber = SubscriberId::from_uuid(id);
        let number = i64::from_str_radix(number, 16).map_err(|_| TokenError)?;
        let mac = hex::decode(mac).map_err(|_| TokenError)?;
        let is_authentic = keys
            .macs(
                Purpose::ReturnPath,
                &mac_input(&subscriber, &number.to_be_bytes()),
            )
            .iter()
            .any(|expected| expected[..MAC_DIGITS / 2].ct_eq(&mac).into());
        let recipient = VerpRecipient {
            subscriber,
            issue: IssueNumber::new(number).ok(),
        };
        is_authentic.then_some(recipient).ok_or(TokenError)
    }
}

fn mac_input<'a>(subscriber: &'a SubscriberId, number: &'a [u8; 8]) -> [&'a [u8]; 2] {
    [subscriber.as_uuid().as_bytes(), number]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::random::Random;

    fn keys(seed: u64) -> SecretKeys {
        SecretKeys::generate(&Random::seeded(seed))
    }

    fn subscriber() -> SubscriberId {
        SubscriberId::new(Timestamp::from_millis(1), &Random::seeded(1))
    }

    fn return_path() -> ReturnPath {
        ReturnPath::parse("bounces@b.example.com").unwrap()
    }

    #[test]
    fn encoded_address_decodes_and_fits_64_octets() {
        for number in [None, Some(1), Some(42), Some(0xffff_ffff)] {
            let issue = number.map(|number| IssueNumber::new(number).unwrap());

            let address = return_path().encode(&keys(1), &subscriber(), issue);

            assert!(address.local_part().len() <= 64, "{address}");
            let upper = EmailAddress::parse(&address.to_string().to_uppercase()).unwrap();
            for address in [address, upper] {
                let recipient = return_path().decode(&keys(1), &address).unwrap();
                let expected = VerpRecipient {
                    subscriber: subscriber(),
                    issue,
                };
                assert_eq!(recipient, expected);
            }
        }
    }

    #[test]
    fn forged_address_is_rejected() {
        let issue = Some(IssueNumber::FIRST);
        let valid = return_path()
            .encode(&keys(1), &subscriber(), issue)
            .to_string();
        let tag = valid.split(['+', '@']).nth(1).unwrap();
        let other_key = return_path()
            .encode(&keys(2), &subscriber(), issue)
            .to_string();
        let forged = [
            other_key,
            valid.replace("bounces+", "bounce+"),
            valid.replace("b.example.com", "example.com"),
            valid.replace(tag, &format!("{}2{}", &tag[..32], &tag[33..])),
            valid.replace(tag, &format!("{}0{}", &tag[..32], &tag[32..])),
            valid.replace(tag, &tag[..48]),
            valid.replace(tag, "x"),
            "bounces@b.example.com".to_owned(),
        ];

        for text in forged {
            let address = EmailAddress::parse(&text).unwrap();
            // A leading zero encodes the same number, which is harmless.
            let is_same = text.contains(&format!("{}01", &tag[..32]));
            let decoded = return_path().decode(&keys(1), &address);
            assert_eq!(decoded.is_ok(), is_same, "{text}");
        }
    }

    #[test]
    fn old_key_still_authenticates_address() {
        let text = [keys(2), keys(1)].map(|keys| keys.to_file_text()).concat();
        let rotated = SecretKeys::parse(&text).unwrap();

        let address = return_path().encode(&keys(1), &subscriber(), None);

        let recipient = return_path().decode(&rotated, &address).unwrap();
        assert_eq!(recipient.subscriber, subscriber());
    }

    #[test]
    fn local_part_over_seven_characters_is_rejected() {
        assert_eq!(
            ReturnPath::parse("newsletter@example.com"),
            Err(ReturnPathError::TooLong)
        );
        assert_eq!(
            ReturnPath::parse("x"),
            Err(ReturnPathError::Address(EmailAddressError::Malformed))
        );
    }

    #[test]
    fn long_issue_number_falls_back_to_base_address() {
        let issue = IssueNumber::new(i64::MAX).ok();

        let address = return_path().encode(&keys(1), &subscriber(), issue);

        assert_eq!(address, *return_path().address());
    }
}

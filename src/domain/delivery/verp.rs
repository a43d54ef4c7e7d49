//! Where servers send their reports: for each copy an address of its own (VERP), which
//! proves itself, so that a forged report changes nothing.

use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::ids::SubscriberId;
use crate::domain::issue::IssueNumber;
use crate::domain::signed_token::{Purpose, SecretKeys, TokenError};

/// `smtp.return_path`: `bounces@b.example.com`, whose server must deliver
/// `bounces+anything@` to the same mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(EmailAddress);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReturnPathError {
    #[error(transparent)]
    Address(#[from] EmailAddressError),
    #[error(
        "at most {LONGEST} characters before the @, as in bounces@example.com: it is followed by whose copy a report is about"
    )]
    TooLong,
}

/// What the address of a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerpRecipient {
    pub reader: SubscriberId,
    /// `None`: a mail that was no issue.
    pub issue: Option<IssueNumber>,
}

/// In hexadecimal digits. RFC 5321 §4.5.3.1.1 allows 64 octets before the `@`; with these,
/// a `+` and the longest name, eight digits are left for the number of the issue.
const READER: usize = 32;
const MAC: usize = 16;
const LONGEST: usize = 7;

impl ReturnPath {
    /// # Errors
    /// When it is no address, or too long for what is added to it.
    pub fn parse(text: &str) -> Result<Self, ReturnPathError> {
        let address = EmailAddress::parse(text)?;
        if address.local_part().len() > LONGEST {
            return Err(ReturnPathError::TooLong);
        }
        Ok(Self(address))
    }

    /// As it was set, for mail to nobody in particular.
    pub fn address(&self) -> &EmailAddress {
        &self.0
    }

    /// The address for reports about one mail to this reader.
    pub fn encode(
        &self,
        keys: &SecretKeys,
        reader: &SubscriberId,
        issue: Option<IssueNumber>,
    ) -> EmailAddress {
        let number = issue.map_or(0, IssueNumber::get);
        let mac = keys.mac(Purpose::ReturnPath, &parts(reader, &number.to_be_bytes()));
        let text = format!(
            "{}+{}{number:x}{}@{}",
            self.0.local_part(),
            reader.as_uuid().as_simple(),
            hex::encode(&mac[..MAC / 2]),
            self.0.domain()
        );
        // An issue's number of nine digits would not fit any more.
        EmailAddress::parse(&text).unwrap_or_else(|_| self.0.clone())
    }

    /// Whose copy a report to `address` is about.
    ///
    /// # Errors
    /// When these keys never made that address.
    pub fn decode(
        &self,
        keys: &SecretKeys,
        address: &EmailAddress,
    ) -> Result<VerpRecipient, TokenError> {
        let (name, tag) = address.local_part().rsplit_once('+').ok_or(TokenError)?;
        let ours =
            name.eq_ignore_ascii_case(self.0.local_part()) && address.domain() == self.0.domain();
        if !ours || tag.len() <= READER + MAC || !tag.is_ascii() {
            return Err(TokenError);
        }
        let (reader, rest) = tag.split_at(READER);
        let (number, mac) = rest.split_at(rest.len() - MAC);
        let reader = Uuid::try_parse(reader).map_err(|_| TokenError)?;
        let reader = SubscriberId::from_uuid(reader);
        let number = i64::from_str_radix(number, 16).map_err(|_| TokenError)?;
        let mac = hex::decode(mac).map_err(|_| TokenError)?;
        let holds = keys
            .macs(Purpose::ReturnPath, &parts(&reader, &number.to_be_bytes()))
            .iter()
            .any(|own| own[..MAC / 2].ct_eq(&mac).into());
        let about = VerpRecipient {
            reader,
            issue: IssueNumber::new(number).ok(),
        };
        holds.then_some(about).ok_or(TokenError)
    }
}

fn parts<'a>(reader: &'a SubscriberId, number: &'a [u8; 8]) -> [&'a [u8]; 2] {
    [reader.as_uuid().as_bytes(), number]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::random::Random;

    fn keys(seed: u64) -> SecretKeys {
        SecretKeys::generate(&Random::seeded(seed))
    }

    fn reader() -> SubscriberId {
        SubscriberId::new(Timestamp::from_millis(1), &Random::seeded(1))
    }

    fn path() -> ReturnPath {
        ReturnPath::parse("bounces@b.example.com").unwrap()
    }

    #[test]
    fn an_address_reads_back_and_fits() {
        for number in [None, Some(1), Some(42), Some(0xffff_ffff)] {
            let issue = number.map(|number| IssueNumber::new(number).unwrap());
            let address = path().encode(&keys(1), &reader(), issue);
            assert!(address.local_part().len() <= 64, "{address}");
            let upper = EmailAddress::parse(&address.to_string().to_uppercase()).unwrap();
            for address in [address, upper] {
                let about = path().decode(&keys(1), &address).unwrap();
                assert_eq!(
                    about,
                    VerpRecipient {
                        reader: reader(),
                        issue
                    }
                );
            }
        }
    }

    #[test]
    fn nothing_forged_is_believed() {
        let issue = Some(IssueNumber::FIRST);
        let good = path().encode(&keys(1), &reader(), issue).to_string();
        let tag = good.split(['+', '@']).nth(1).unwrap();
        let other = path().encode(&keys(2), &reader(), issue).to_string();
        let forged = [
            other,
            good.replace("bounces+", "bounce+"),
            good.replace("b.example.com", "example.com"),
            good.replace(tag, &format!("{}2{}", &tag[..32], &tag[33..])),
            good.replace(tag, &format!("{}0{}", &tag[..32], &tag[32..])),
            good.replace(tag, &tag[..48]),
            good.replace(tag, "x"),
            "bounces@b.example.com".to_owned(),
        ];
        for text in forged {
            let address = EmailAddress::parse(&text).unwrap();
            // A leading zero is the same number: nothing is gained by it.
            let same = text.contains(&format!("{}01", &tag[..32]));
            assert_eq!(path().decode(&keys(1), &address).is_ok(), same, "{text}");
        }
    }

    #[test]
    fn an_old_key_still_proves_old_mail() {
        let text = [keys(2), keys(1)].map(|keys| keys.to_file_text()).concat();
        let rotated = SecretKeys::parse(&text).unwrap();
        let address = path().encode(&keys(1), &reader(), None);
        assert_eq!(path().decode(&rotated, &address).unwrap().reader, reader());
    }

    #[test]
    fn a_name_that_leaves_no_room_is_refused() {
        assert_eq!(
            ReturnPath::parse("newsletter@example.com"),
            Err(ReturnPathError::TooLong)
        );
        assert_eq!(
            ReturnPath::parse("x"),
            Err(ReturnPathError::Address(EmailAddressError::Malformed))
        );
        assert_eq!(
            path().encode(&keys(1), &reader(), IssueNumber::new(i64::MAX).ok()),
            *path().address()
        );
    }
}

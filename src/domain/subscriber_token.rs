//! The links in a reader's mail: whose they are, and what for.

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::ids::SubscriberId;
use crate::domain::signed_token::{KEY_ID_LEN, MAC_LEN, Purpose, SecretKeys, TokenError};

impl SecretKeys {
    /// A link for one reader that never expires (unsubscribe, preferences). Always
    /// [`READER_TOKEN_LEN`] characters.
    pub fn subscriber_token(&self, purpose: Purpose, subscriber: &SubscriberId) -> String {
        self.sign(purpose, subscriber.as_uuid().as_bytes(), b"")
    }

    /// Whose link it is.
    pub fn verify_subscriber_token(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<SubscriberId, TokenError> {
        let payload = self.verify(purpose, token, b"")?;
        Uuid::from_slice(&payload)
            .map(SubscriberId::from_uuid)
            .map_err(|_| TokenError)
    }

    /// A link for one reader that is good until `expires`, and only while the subscriber's
    /// stored nonce is `nonce`. `more` rides along: sealed, and readable by whoever has it.
    pub fn expiring_token(
        &self,
        purpose: Purpose,
        (subscriber, nonce): (&SubscriberId, &str),
        expires: Timestamp,
        more: &[u8],
    ) -> String {
        let mut payload = subscriber.as_uuid().as_bytes().to_vec();
        payload.extend_from_slice(&expires.as_millis().to_be_bytes());
        payload.extend_from_slice(more);
        self.sign(purpose, &payload, nonce.as_bytes())
    }

    /// Whom such a link claims to be for, so that their nonce can be looked up. Proves
    /// nothing: [`Self::open_timed`] does.
    pub fn claimed_subscriber(&self, token: &str) -> Result<SubscriberId, TokenError> {
        let payload = Self::decode_unverified(token)?;
        split_timed(&payload).map(|(subscriber, ..)| subscriber)
    }

    /// When the link expires and what rode along, if it was made for this subscriber and
    /// nonce. The caller compares with its clock: a link that was once good may be offered
    /// again.
    pub fn verify_expiring_token(
        &self,
        purpose: Purpose,
        token: &str,
        nonce: &str,
    ) -> Result<(Timestamp, Vec<u8>), TokenError> {
        let payload = self.verify(purpose, token, nonce.as_bytes())?;
        split_timed(&payload).map(|(_, expires, more)| (expires, more.to_vec()))
    }

    /// The confirmation link.
    pub fn confirmation_token(
        &self,
        subscriber: &SubscriberId,
        nonce: &str,
        expires: Timestamp,
    ) -> String {
        self.expiring_token(Purpose::Confirm, (subscriber, nonce), expires, b"")
    }

    /// When a confirmation link expires, if it holds: see [`Self::open_timed`].
    pub fn verify_confirmation(&self, token: &str, nonce: &str) -> Result<Timestamp, TokenError> {
        let (expires, _) = self.verify_expiring_token(Purpose::Confirm, token, nonce)?;
        Ok(expires)
    }
}

/// Length of every [`SecretKeys::reader_token`]: 36 bytes in base64.
pub const SUBSCRIBER_TOKEN_LEN: usize = (KEY_ID_LEN + 16 + MAC_LEN).div_ceil(3) * 4;

fn split_timed(payload: &[u8]) -> Result<(SubscriberId, Timestamp, &[u8]), TokenError> {
    let (id, rest) = payload.split_first_chunk::<16>().ok_or(TokenError)?;
    let (expires, more) = rest.split_first_chunk().ok_or(TokenError)?;
    Ok((
        SubscriberId::from_uuid(Uuid::from_bytes(*id)),
        Timestamp::from_millis(i64::from_be_bytes(*expires)),
        more,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::random::Random;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn keys(seed: u64) -> SecretKeys {
        SecretKeys::generate(&Random::seeded(seed))
    }

    fn someone() -> SubscriberId {
        SubscriberId::from_uuid(Uuid::from_u128(7))
    }

    #[test]
    fn a_reader_token_names_its_reader_for_its_purpose_only() {
        let keys = keys(1);
        let token = keys.subscriber_token(Purpose::Unsubscribe, &someone());
        assert_eq!(token.len(), SUBSCRIBER_TOKEN_LEN);
        assert_eq!(
            keys.verify_subscriber_token(Purpose::Unsubscribe, &token),
            Ok(someone())
        );
        assert_eq!(
            keys.verify_subscriber_token(Purpose::Preferences, &token),
            Err(TokenError)
        );
    }

    #[test]
    fn old_links_outlive_a_new_key() {
        let old = keys(1);
        let token = old.subscriber_token(Purpose::Unsubscribe, &someone());
        let new = keys(2);
        assert!(
            new.verify_subscriber_token(Purpose::Unsubscribe, &token)
                .is_err()
        );
        let old_line = old.to_file_text().lines().nth(1).unwrap().to_owned();
        let rotated = SecretKeys::parse(&format!("{}{old_line}\n", new.to_file_text())).unwrap();
        assert_eq!(
            rotated.verify_subscriber_token(Purpose::Unsubscribe, &token),
            Ok(someone())
        );
        assert_eq!(rotated.fingerprint(), new.fingerprint());
        assert!(rotated.has_fingerprint(&old.fingerprint()));
    }

    #[test]
    fn a_confirmation_is_bound_to_its_nonce() {
        let keys = keys(1);
        let expires = Timestamp::from_millis(1_795_500_000_000);
        let token = keys.confirmation_token(&someone(), "nonce", expires);
        assert_eq!(keys.claimed_subscriber(&token), Ok(someone()));
        assert_eq!(keys.verify_confirmation(&token, "nonce"), Ok(expires));
        assert_eq!(keys.verify_confirmation(&token, "other"), Err(TokenError));
    }

    #[test]
    fn a_timed_link_is_for_its_purpose_and_carries_what_it_was_given() {
        let keys = keys(1);
        let expires = Timestamp::from_millis(1_795_500_000_000);
        let reader = (&someone(), "nonce");
        let token = keys.expiring_token(Purpose::NewAddress, reader, expires, b"b@example.com");
        assert_eq!(
            keys.verify_expiring_token(Purpose::NewAddress, &token, "nonce"),
            Ok((expires, b"b@example.com".to_vec()))
        );
        for other in [Purpose::ChangeAddress, Purpose::Erase, Purpose::Confirm] {
            assert_eq!(
                keys.verify_expiring_token(other, &token, "nonce"),
                Err(TokenError)
            );
        }
    }

    proptest! {
        #[test]
        fn no_changed_token_holds(at in 0usize..SUBSCRIBER_TOKEN_LEN, by in 1u8..63) {
            let keys = keys(1);
            let mut bytes = URL_SAFE_NO_PAD.decode(keys.subscriber_token(Purpose::Unsubscribe, &someone())).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= by;
            let forged = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert!(keys.verify_subscriber_token(Purpose::Unsubscribe, &forged).is_err());
        }

        #[test]
        fn garbage_is_an_error_not_a_panic(text in "\\PC{0,100}") {
            let keys = keys(1);
            prop_assert!(keys.verify_subscriber_token(Purpose::Unsubscribe, &text).is_err());
            prop_assert!(keys.verify_confirmation(&text, "").is_err());
        }
    }
}

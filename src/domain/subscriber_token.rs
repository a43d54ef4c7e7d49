//! Tokens in the links of a subscriber's messages.

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::ids::SubscriberId;
use crate::domain::signed_token::{KEY_ID_LEN, MAC_LEN, Purpose, SecretKeys, TokenError};

impl SecretKeys {
    /// Creates a token for a subscriber that never expires (unsubscribe, preferences).
    ///
    /// Its length is always [`SUBSCRIBER_TOKEN_LEN`].
    pub fn subscriber_token(&self, purpose: Purpose, subscriber: &SubscriberId) -> String {
        self.sign(purpose, subscriber.as_uuid().as_bytes(), b"")
    }

    /// Verifies a token of [`Self::subscriber_token`] and returns its subscriber.
    ///
    /// # Errors
    /// Returns [`TokenError`] if the token is invalid or for another purpose.
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

    /// Creates a token for a subscriber that is valid until `expires`, and only while the
    /// subscriber's stored nonce is `nonce`.
    ///
    /// `extra` is contained in the token: signed, but not encrypted.
    pub fn expiring_token(
        &self,
        purpose: Purpose,
        (subscriber, nonce): (&SubscriberId, &str),
        expires: Timestamp,
        extra: &[u8],
    ) -> String {
        let mut payload = subscriber.as_uuid().as_bytes().to_vec();
        payload.extend_from_slice(&expires.as_millis().to_be_bytes());
        payload.extend_from_slice(extra);
        self.sign(purpose, &payload, nonce.as_bytes())
    }

    /// Returns the subscriber of an expiring token without verifying it, to look up the nonce.
    /// [`Self::verify_expiring_token`] verifies it.
    ///
    /// # Errors
    /// Returns [`TokenError`] if `token` does not have the form of an expiring token.
    pub fn claimed_subscriber(&self, token: &str) -> Result<SubscriberId, TokenError> {
        let payload = Self::decode_unverified(token)?;
        split_payload(&payload).map(|(subscriber, ..)| subscriber)
    }

    /// Verifies an expiring token and returns its expiry and the extra data.
    ///
    /// The caller compares the expiry with its clock, because it may offer a new link for one
    /// that has expired.
    ///
    /// # Errors
    /// Returns [`TokenError`] if the token is invalid, or for another purpose or nonce.
    pub fn verify_expiring_token(
        &self,
        purpose: Purpose,
        token: &str,
        nonce: &str,
    ) -> Result<(Timestamp, Vec<u8>), TokenError> {
        let payload = self.verify(purpose, token, nonce.as_bytes())?;
        split_payload(&payload).map(|(_, expires, extra)| (expires, extra.to_vec()))
    }

    /// Creates the token of a confirmation link.
    pub fn confirmation_token(
        &self,
        subscriber: &SubscriberId,
        nonce: &str,
        expires: Timestamp,
    ) -> String {
        self.expiring_token(Purpose::Confirm, (subscriber, nonce), expires, b"")
    }

    /// Verifies the token of a confirmation link and returns its expiry: see
    /// [`Self::verify_expiring_token`].
    ///
    /// # Errors
    /// Returns [`TokenError`] if the token is invalid or for another nonce.
    pub fn verify_confirmation(&self, token: &str, nonce: &str) -> Result<Timestamp, TokenError> {
        let (expires, _) = self.verify_expiring_token(Purpose::Confirm, token, nonce)?;
        Ok(expires)
    }
}

/// Length of every [`SecretKeys::subscriber_token`] in characters: 36 bytes in base64.
pub const SUBSCRIBER_TOKEN_LEN: usize = (KEY_ID_LEN + 16 + MAC_LEN).div_ceil(3) * 4;

fn split_payload(payload: &[u8]) -> Result<(SubscriberId, Timestamp, &[u8]), TokenError> {
    let (id, rest) = payload.split_first_chunk::<16>().ok_or(TokenError)?;
    let (expires, extra) = rest.split_first_chunk().ok_or(TokenError)?;
    Ok((
        SubscriberId::from_uuid(Uuid::from_bytes(*id)),
        Timestamp::from_millis(i64::from_be_bytes(*expires)),
        extra,
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

    fn subscriber() -> SubscriberId {
        SubscriberId::from_uuid(Uuid::from_u128(7))
    }

    #[test]
    fn subscriber_token_is_valid_for_its_purpose_only() {
        let keys = keys(1);
        let token = keys.subscriber_token(Purpose::Unsubscribe, &subscriber());
        assert_eq!(token.len(), SUBSCRIBER_TOKEN_LEN);
        assert_eq!(
            keys.verify_subscriber_token(Purpose::Unsubscribe, &token),
            Ok(subscriber())
        );
        assert_eq!(
            keys.verify_subscriber_token(Purpose::Preferences, &token),
            Err(TokenError)
        );
    }

    #[test]
    fn old_token_is_valid_after_key_rotation() {
        let old = keys(1);
        let token = old.subscriber_token(Purpose::Unsubscribe, &subscriber());
        let new = keys(2);
        assert!(
            new.verify_subscriber_token(Purpose::Unsubscribe, &token)
                .is_err()
        );
        let old_key = old.to_file_text().lines().nth(1).unwrap().to_owned();
        let rotated = SecretKeys::parse(&format!("{}{old_key}\n", new.to_file_text())).unwrap();
        assert_eq!(
            rotated.verify_subscriber_token(Purpose::Unsubscribe, &token),
            Ok(subscriber())
        );
        assert_eq!(rotated.fingerprint(), new.fingerprint());
        assert!(rotated.has_fingerprint(&old.fingerprint()));
    }

    #[test]
    fn confirmation_token_is_bound_to_its_nonce() {
        let keys = keys(1);
        let expires = Timestamp::from_millis(1_795_500_000_000);
        let token = keys.confirmation_token(&subscriber(), "nonce", expires);
        assert_eq!(keys.claimed_subscriber(&token), Ok(subscriber()));
        assert_eq!(keys.verify_confirmation(&token, "nonce"), Ok(expires));
        assert_eq!(keys.verify_confirmation(&token, "other"), Err(TokenError));
    }

    #[test]
    fn expiring_token_has_purpose_and_extra_data() {
        let keys = keys(1);
        let expires = Timestamp::from_millis(1_795_500_000_000);
        let bound = (&subscriber(), "nonce");
        let token = keys.expiring_token(Purpose::NewAddress, bound, expires, b"b@example.com");
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
        fn changed_token_is_rejected(at in 0usize..SUBSCRIBER_TOKEN_LEN, by in 1u8..63) {
            let keys = keys(1);
            let mut bytes = URL_SAFE_NO_PAD.decode(keys.subscriber_token(Purpose::Unsubscribe, &subscriber())).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= by;
            let forged = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert!(keys.verify_subscriber_token(Purpose::Unsubscribe, &forged).is_err());
        }

        #[test]
        fn verify_any_text_does_not_panic(text in "\\PC{0,100}") {
            let keys = keys(1);
            prop_assert!(keys.verify_subscriber_token(Purpose::Unsubscribe, &text).is_err());
            prop_assert!(keys.verify_confirmation(&text, "").is_err());
        }
    }
}

//! Signed tokens: an HMAC over purpose and payload, as URL-safe text.
//!
//! Tokens are not stored, so a database backup contains none. A token contains the id of its
//! key, so that links stay valid after a new key was added.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::domain::random::Random;

/// What a token is used for. A token for another purpose is rejected like a forged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Link to confirm a subscription.
    Confirm,
    /// Link to unsubscribe.
    Unsubscribe,
    /// Link to the preferences page.
    Preferences,
    /// Link to the form for a new address, sent to the current one.
    ChangeAddress,
    /// Link that confirms a new address, sent to it.
    NewAddress,
    /// Link to download the stored data.
    Export,
    /// Link to delete the stored data.
    Erase,
    /// Hidden form field with the time when the form was shown.
    FormTiming,
    /// Short-lived link to the page with one button, for a sign-up by a script.
    SignupStep,
    /// Short-lived cookie that carries an address from the form to `/check`.
    CheckCookie,
    /// CSRF tokens in the forms of the admin UI.
    Csrf,
    /// Message-IDs.
    MessageId,
    /// Return path of one delivery (VERP).
    ReturnPath,
    /// Hash of an erased address, which prevents that an import adds it again.
    Suppression,
    /// Rate-limit key of a mailbox or a subscriber.
    Mailbox,
}

impl Purpose {
    /// Returns the label in the HMAC. Changing one invalidates all tokens of that purpose.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Confirm => b"confirm",
            Self::Unsubscribe => b"unsubscribe",
            Self::Preferences => b"preferences",
            Self::ChangeAddress => b"change-address",
            Self::NewAddress => b"new-address",
            Self::Export => b"export",
            Self::Erase => b"erase",
            Self::FormTiming => b"form-stamp",
            Self::SignupStep => b"signup-step",
            Self::CheckCookie => b"check-cookie",
            Self::Csrf => b"csrf",
            Self::MessageId => b"message-id",
            Self::ReturnPath => b"return-path",
            Self::Suppression => b"suppression",
            Self::Mailbox => b"mailbox",
        }
    }
}

/// Error for a token that is forged, damaged, expired or for another purpose.
///
/// There is one error for all of them, because the response must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the link is invalid or has expired")]
pub struct TokenError;

/// Error of [`SecretKeys::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file has no key.
    #[error("the file contains no key; expected lines of 64 hexadecimal digits")]
    Empty,
    /// This line, counted from 1, is not a key.
    #[error("line {0} is not a key; expected 64 hexadecimal digits")]
    Line(usize),
}

/// Length of a key in bytes.
const KEY_LEN: usize = 32;
/// Length of the key id in a token, in bytes. Enough to tell the few keys of a file apart.
pub(crate) const KEY_ID_LEN: usize = 4;
/// Length of the MAC in a token, in bytes: 128 bits cannot be guessed and keep links short.
pub(crate) const MAC_LEN: usize = 16;

#[derive(Clone)]
struct Key {
    bytes: [u8; KEY_LEN],
    id: [u8; KEY_ID_LEN],
}

impl Key {
    fn new(bytes: [u8; KEY_LEN]) -> Self {
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(&digest(&bytes, &[b"key-name"])[..KEY_ID_LEN]);
        Self { bytes, id }
    }
}

/// The current secret key, and earlier keys that only verify.
#[derive(Clone)]
pub struct SecretKeys {
    current: Key,
    old: Vec<Key>,
}

impl std::fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKeys(…)")
    }
}

impl SecretKeys {
    /// Generates a new key.
    pub fn generate(random: &Random) -> Self {
        Self {
            current: Key::new(random.bytes()),
            old: Vec::new(),
        }
    }

    /// Parses a key file: one key per line in hexadecimal, the current one first.
    ///
    /// # Errors
    /// Returns [`KeyError::Empty`] if there is no key, and [`KeyError::Line`] for the first line
    /// that is not a key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bytes = hex::decode(line)
                .ok()
                .and_then(|bytes| bytes.try_into().ok());
            keys.push(Key::new(bytes.ok_or(KeyError::Line(index + 1))?));
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(KeyError::Empty)?;
        Ok(Self {
            current,
            old: keys.collect(),
        })
    }

    /// Formats the keys as a key file.
    pub fn to_file_text(&self) -> String {
        let mut text = String::from(
            "# Secret key of Broadsheet. Put a new key on top; keep the old ones for old links.\n",
        );
        for key in std::iter::once(&self.current).chain(&self.old) {
            text.push_str(&hex::encode(key.bytes));
            text.push('\n');
        }
        text
    }

    /// Returns a fingerprint of the current key, which does not reveal it.
    ///
    /// It is stored in the database, so that a wrong key file is detected at start.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.current)
    }

    /// Returns whether one of the keys has this fingerprint.
    pub fn has_fingerprint(&self, wanted: &str) -> bool {
        self.all_keys().any(|key| fingerprint(key) == wanted)
    }

    /// Returns the full HMAC-SHA256 of `parts` with the current key, for ids and lookups.
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.current, purpose, parts)
    }

    /// Returns the HMAC with each key, the current one first, to find values of earlier keys.
    pub fn macs(&self, purpose: Purpose, parts: &[&[u8]]) -> Vec<[u8; 32]> {
        self.all_keys()
            .map(|key| mac(key, purpose, parts))
            .collect()
    }

    /// Creates a token that contains `payload` and is also bound to `bound`.
    pub fn sign(&self, purpose: Purpose, payload: &[u8], bound: &[u8]) -> String {
        let mut token = Vec::with_capacity(KEY_ID_LEN + payload.len() + MAC_LEN);
        token.extend_from_slice(&self.current.id);
        token.extend_from_slice(payload);
        token.extend_from_slice(&mac(&self.current, purpose, &[payload, bound])[..MAC_LEN]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Returns the payload without verifying the token, to look up what it is bound to.
    ///
    /// Call [`Self::verify`] before using it for anything else.
    ///
    /// # Errors
    /// Returns [`TokenError`] if `token` does not have the form of a token.
    pub(crate) fn decode_unverified(token: &str) -> Result<Vec<u8>, TokenError> {
        TokenParts::decode(token).map(|parts| parts.payload)
    }

    /// Verifies a token of [`Self::sign`] and returns its payload.
    ///
    /// # Errors
    /// Returns [`TokenError`] if `token` was not signed by one of the keys for this purpose,
    /// payload and `bound`.
    pub fn verify(
        &self,
        purpose: Purpose,
        token: &str,
        bound: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        let parts = TokenParts::decode(token)?;
        let key = self
            .all_keys()
            .find(|key| key.id == parts.key_id)
            .ok_or(TokenError)?;
        let expected = mac(key, purpose, &[&parts.payload, bound]);
        let is_valid: bool = expected[..MAC_LEN].ct_eq(&parts.mac).into();
        is_valid.then_some(parts.payload).ok_or(TokenError)
    }

    fn all_keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.old)
    }
}

/// Decoded parts of a token, not yet verified.
struct TokenParts {
    key_id: [u8; KEY_ID_LEN],
    payload: Vec<u8>,
    mac: [u8; MAC_LEN],
}

impl TokenParts {
    fn decode(token: &str) -> Result<Self, TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError)?;
        let (key_id, rest) = bytes.split_first_chunk().ok_or(TokenError)?;
        let (payload, mac) = rest.split_last_chunk().ok_or(TokenError)?;
        Ok(Self {
            key_id: *key_id,
            payload: payload.to_vec(),
            mac: *mac,
        })
    }
}

fn fingerprint(key: &Key) -> String {
    hex::encode(&digest(&key.bytes, &[b"key-fingerprint"])[..16])
}

fn mac(key: &Key, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
    let mut all = Vec::with_capacity(parts.len() + 1);
    all.push(purpose.label());
    all.extend_from_slice(parts);
    digest(&key.bytes, &all)
}

/// Computes the HMAC-SHA256 of `parts`. Each part is preceded by its length, so that different
/// lists of parts never have the same input.
fn digest(key: &[u8; KEY_LEN], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC pads a short key with zeros to its block size (RFC 2104 §2). Padding it here avoids
    // the fallible constructor.
    let mut block = [0; 64];
    block[..KEY_LEN].copy_from_slice(key);
    let mut hmac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        hmac.update(&(part.len() as u64).to_be_bytes());
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_file_error_has_the_invalid_line() {
        assert_eq!(
            SecretKeys::parse("# nothing\n").unwrap_err(),
            KeyError::Empty
        );
        assert_eq!(
            SecretKeys::parse("# key\nabc\n").unwrap_err(),
            KeyError::Line(2)
        );
        let keys = SecretKeys::generate(&Random::seeded(3));
        assert_eq!(
            SecretKeys::parse(&keys.to_file_text())
                .unwrap()
                .fingerprint(),
            keys.fingerprint()
        );
    }

    #[test]
    fn verify_checks_purpose_and_bound_value() {
        let keys = SecretKeys::generate(&Random::seeded(1));
        let token = keys.sign(Purpose::FormTiming, b"payload", b"bound");
        assert_eq!(
            keys.verify(Purpose::FormTiming, &token, b"bound")
                .as_deref(),
            Ok(&b"payload"[..])
        );
        assert!(keys.verify(Purpose::FormTiming, &token, b"other").is_err());
        assert!(keys.verify(Purpose::Csrf, &token, b"bound").is_err());
    }
}

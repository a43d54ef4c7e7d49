//! Links that prove themselves: an HMAC over what they are for and whom they concern.
//!
//! A token is opaque URL-safe text. Nothing of it is stored, so nothing of it can
//! leak from a backup; the key is named inside, so that old links outlive a new key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::domain::random::Random;

/// What a token is good for. One for another purpose is as bad as a forged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    Confirm,
    Unsubscribe,
    Preferences,
    /// The form for another address, mailed to the one of before.
    ChangeAddress,
    /// Proves the other address, mailed to it.
    NewAddress,
    Export,
    Erase,
    /// The hidden field that says when a form was shown.
    FormTiming,
    /// The short-lived cookie that carries an address from the form to `/check`.
    CheckCookie,
    /// The one-use fields of the desk's forms.
    Csrf,
    MessageId,
    /// The address that reports about one copy go to.
    ReturnPath,
    /// What an erased reader leaves: enough to keep them out of an import, no more.
    Suppression,
    /// A mailbox in the count of sign-up mails, or a reader in that of links.
    Mailbox,
}

impl Purpose {
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
            Self::CheckCookie => b"check-cookie",
            Self::Csrf => b"csrf",
            Self::MessageId => b"message-id",
            Self::ReturnPath => b"return-path",
            Self::Suppression => b"suppression",
            Self::Mailbox => b"mailbox",
        }
    }
}

/// A link that does not hold: forged, mangled, for something else, or too old. They
/// are one error on purpose, since the answer to all of them must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this link does not work (any more)")]
pub struct TokenError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("no key in it; expected lines of 64 hexadecimal digits")]
    Empty,
    #[error("line {0} is not 64 hexadecimal digits")]
    Line(usize),
}

const KEY_LEN: usize = 32;
pub(crate) const KEY_ID_LEN: usize = 4;
/// 128 bits: beyond guessing, and short enough for a link.
pub(crate) const MAC_LEN: usize = 16;

#[derive(Clone)]
struct Key {
    bytes: [u8; KEY_LEN],
    name: [u8; KEY_ID_LEN],
}

impl Key {
    fn new(bytes: [u8; KEY_LEN]) -> Self {
        let mut name = [0; KEY_ID_LEN];
        name.copy_from_slice(&digest(&bytes, &[b"key-name"])[..KEY_ID_LEN]);
        Self { bytes, name }
    }
}

/// The secret key, and the ones before it, which only verify.
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
    pub fn generate(random: &Random) -> Self {
        Self {
            current: Key::new(random.bytes()),
            old: Vec::new(),
        }
    }

    /// Reads a key file: a key a line in hexadecimal, the current one first.
    ///
    /// # Errors
    /// When there is no key, or a line is none.
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

    /// The key file's text.
    pub fn to_file_text(&self) -> String {
        let mut text = String::from(
            "# Broadsheet's secret key. A new one goes on top; keep the old ones for old links.\n",
        );
        for key in std::iter::once(&self.current).chain(&self.old) {
            text.push_str(&hex::encode(key.bytes));
            text.push('\n');
        }
        text
    }

    /// Names the current key without giving it away: kept in the database, so that a
    /// wrong key is noticed before it breaks every link.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.current)
    }

    /// Whether `fingerprint` is of one of these keys.
    pub fn has_fingerprint(&self, wanted: &str) -> bool {
        self.all().any(|key| fingerprint(key) == wanted)
    }

    /// The whole HMAC-SHA256 of `parts` under the current key, for ids and look-ups.
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.current, purpose, parts)
    }

    /// The same under each key, the current one first: to find what an old key wrote.
    pub fn macs(&self, purpose: Purpose, parts: &[&[u8]]) -> Vec<[u8; 32]> {
        self.all().map(|key| mac(key, purpose, parts)).collect()
    }

    /// A token over `payload` (which it carries) and `bound` (which it does not).
    pub fn sign(&self, purpose: Purpose, payload: &[u8], bound: &[u8]) -> String {
        let mut token = Vec::with_capacity(KEY_ID_LEN + payload.len() + MAC_LEN);
        token.extend_from_slice(&self.current.name);
        token.extend_from_slice(payload);
        token.extend_from_slice(&mac(&self.current, purpose, &[payload, bound])[..MAC_LEN]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// What a token carries, unproven: look up what it is bound to, then [`Self::open`] it.
    pub(crate) fn decode_unverified(token: &str) -> Result<Vec<u8>, TokenError> {
        Claim::read(token).map(|claim| claim.payload)
    }

    /// The payload of a token that [`Self::seal`] made for this purpose.
    ///
    /// # Errors
    /// When it was not.
    pub fn verify(
        &self,
        purpose: Purpose,
        token: &str,
        bound: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        let claim = Claim::read(token)?;
        let key = self
            .all()
            .find(|key| key.name == claim.key_name)
            .ok_or(TokenError)?;
        let expected = mac(key, purpose, &[&claim.payload, bound]);
        let holds: bool = expected[..MAC_LEN].ct_eq(&claim.mac).into();
        holds.then_some(claim.payload).ok_or(TokenError)
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.old)
    }
}

/// A token taken apart.
struct Claim {
    key_name: [u8; KEY_ID_LEN],
    payload: Vec<u8>,
    mac: [u8; MAC_LEN],
}

impl Claim {
    fn read(token: &str) -> Result<Self, TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError)?;
        let (key_name, rest) = bytes.split_first_chunk().ok_or(TokenError)?;
        let (payload, mac) = rest.split_last_chunk().ok_or(TokenError)?;
        Ok(Self {
            key_name: *key_name,
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

/// Each part goes in behind its length, so that no two lists of parts look alike.
fn digest(key: &[u8; KEY_LEN], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC pads a short key with zeros to its block (RFC 2104 §2): done here, it cannot fail.
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
    fn a_key_file_says_which_line_is_wrong() {
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
    fn what_a_token_is_bound_to_must_be_the_same() {
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

//! Links that prove themselves: an HMAC over what they are for and whom they concern.
//!
//! A token is opaque URL-safe text. Nothing of it is stored, so nothing of it can
//! leak from a backup; the key is named inside, so that old links outlive a new key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::clock::Timestamp;
use super::ids::SubscriberId;
use super::random::Random;

/// What a token is good for. One for another purpose is as bad as a forged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    Confirm,
    Unsubscribe,
    Preferences,
    /// The hidden field that says when a form was shown.
    FormStamp,
    /// The short-lived cookie that carries an address from the form to `/check`.
    CheckCookie,
    /// The one-use fields of the desk's forms.
    Csrf,
    MessageId,
    /// What an erased reader leaves: enough to keep them out of an import, no more.
    Suppression,
    /// A mailbox in the count of sign-up mails.
    Mailbox,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Confirm => b"confirm",
            Self::Unsubscribe => b"unsubscribe",
            Self::Preferences => b"preferences",
            Self::FormStamp => b"form-stamp",
            Self::CheckCookie => b"check-cookie",
            Self::Csrf => b"csrf",
            Self::MessageId => b"message-id",
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
const NAME_LEN: usize = 4;
/// 128 bits: beyond guessing, and short enough for a link.
const MAC_LEN: usize = 16;

#[derive(Clone)]
struct Key {
    bytes: [u8; KEY_LEN],
    name: [u8; NAME_LEN],
}

impl Key {
    fn new(bytes: [u8; KEY_LEN]) -> Self {
        let mut name = [0; NAME_LEN];
        name.copy_from_slice(&digest(&bytes, &[b"key-name"])[..NAME_LEN]);
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
    pub fn knows(&self, wanted: &str) -> bool {
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
    pub fn seal(&self, purpose: Purpose, payload: &[u8], bound: &[u8]) -> String {
        let mut token = Vec::with_capacity(NAME_LEN + payload.len() + MAC_LEN);
        token.extend_from_slice(&self.current.name);
        token.extend_from_slice(payload);
        token.extend_from_slice(&mac(&self.current, purpose, &[payload, bound])[..MAC_LEN]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// What a token carries, unproven: look up what it is bound to, then [`Self::open`] it.
    fn peek(token: &str) -> Result<(Vec<u8>, [u8; NAME_LEN], [u8; MAC_LEN]), TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError)?;
        let (name, rest) = bytes.split_first_chunk::<NAME_LEN>().ok_or(TokenError)?;
        let (payload, mac) = rest.split_last_chunk::<MAC_LEN>().ok_or(TokenError)?;
        Ok((payload.to_vec(), *name, *mac))
    }

    /// The payload of a token that [`Self::seal`] made for this purpose.
    ///
    /// # Errors
    /// When it was not.
    pub fn open(&self, purpose: Purpose, token: &str, bound: &[u8]) -> Result<Vec<u8>, TokenError> {
        let (payload, name, claimed) = Self::peek(token)?;
        let key = self.all().find(|key| key.name == name).ok_or(TokenError)?;
        let expected = mac(key, purpose, &[&payload, bound]);
        let holds: bool = expected[..MAC_LEN].ct_eq(&claimed).into();
        holds.then_some(payload).ok_or(TokenError)
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.old)
    }

    /// A link for one reader that never expires (unsubscribe, preferences). Always
    /// [`READER_TOKEN_LEN`] characters.
    pub fn reader_token(&self, purpose: Purpose, subscriber: &SubscriberId) -> String {
        self.seal(purpose, subscriber.as_uuid().as_bytes(), b"")
    }

    /// Whose link it is.
    pub fn open_reader_token(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<SubscriberId, TokenError> {
        let payload = self.open(purpose, token, b"")?;
        Uuid::from_slice(&payload)
            .map(SubscriberId::from_uuid)
            .map_err(|_| TokenError)
    }

    /// The confirmation link: good until `expires`, and only while the subscriber's
    /// stored nonce is `nonce`.
    pub fn confirmation_token(
        &self,
        subscriber: &SubscriberId,
        nonce: &str,
        expires: Timestamp,
    ) -> String {
        let mut payload = subscriber.as_uuid().as_bytes().to_vec();
        payload.extend_from_slice(&expires.as_millis().to_be_bytes());
        self.seal(Purpose::Confirm, &payload, nonce.as_bytes())
    }

    /// Whom a confirmation link claims to be for, so that their nonce can be looked up.
    /// Proves nothing: [`Self::open_confirmation`] does.
    pub fn confirmation_claims(&self, token: &str) -> Result<SubscriberId, TokenError> {
        let (payload, _, _) = Self::peek(token)?;
        split_confirmation(&payload).map(|(subscriber, _)| subscriber)
    }

    /// When the link expires, if it was made for this subscriber and nonce. The caller
    /// compares with its clock: a link that was once good may be offered again.
    pub fn open_confirmation(&self, token: &str, nonce: &str) -> Result<Timestamp, TokenError> {
        let payload = self.open(Purpose::Confirm, token, nonce.as_bytes())?;
        split_confirmation(&payload).map(|(_, expires)| expires)
    }
}

/// Length of every [`SecretKeys::reader_token`]: 36 bytes in base64.
pub const READER_TOKEN_LEN: usize = (NAME_LEN + 16 + MAC_LEN).div_ceil(3) * 4;

fn split_confirmation(payload: &[u8]) -> Result<(SubscriberId, Timestamp), TokenError> {
    let (id, rest) = payload.split_first_chunk::<16>().ok_or(TokenError)?;
    let expires = rest
        .try_into()
        .map(i64::from_be_bytes)
        .map_err(|_| TokenError)?;
    Ok((
        SubscriberId::from_uuid(Uuid::from_bytes(*id)),
        Timestamp::from_millis(expires),
    ))
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
    use proptest::prelude::*;

    use super::*;

    fn keys(seed: u64) -> SecretKeys {
        SecretKeys::generate(&Random::seeded(seed))
    }

    fn someone() -> SubscriberId {
        SubscriberId::from_uuid(Uuid::from_u128(7))
    }

    #[test]
    fn a_reader_token_names_its_reader_for_its_purpose_only() {
        let keys = keys(1);
        let token = keys.reader_token(Purpose::Unsubscribe, &someone());
        assert_eq!(token.len(), READER_TOKEN_LEN);
        assert_eq!(
            keys.open_reader_token(Purpose::Unsubscribe, &token),
            Ok(someone())
        );
        assert_eq!(
            keys.open_reader_token(Purpose::Preferences, &token),
            Err(TokenError)
        );
    }

    #[test]
    fn old_links_outlive_a_new_key() {
        let old = keys(1);
        let token = old.reader_token(Purpose::Unsubscribe, &someone());
        let new = keys(2);
        assert!(new.open_reader_token(Purpose::Unsubscribe, &token).is_err());
        let old_line = old.to_file_text().lines().nth(1).unwrap().to_owned();
        let rotated = SecretKeys::parse(&format!("{}{old_line}\n", new.to_file_text())).unwrap();
        assert_eq!(
            rotated.open_reader_token(Purpose::Unsubscribe, &token),
            Ok(someone())
        );
        assert_eq!(rotated.fingerprint(), new.fingerprint());
        assert!(rotated.knows(&old.fingerprint()));
    }

    #[test]
    fn a_confirmation_is_bound_to_its_nonce() {
        let keys = keys(1);
        let expires = Timestamp::from_millis(1_795_500_000_000);
        let token = keys.confirmation_token(&someone(), "nonce", expires);
        assert_eq!(keys.confirmation_claims(&token), Ok(someone()));
        assert_eq!(keys.open_confirmation(&token, "nonce"), Ok(expires));
        assert_eq!(keys.open_confirmation(&token, "other"), Err(TokenError));
    }

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
        let keys = keys(3);
        assert_eq!(
            SecretKeys::parse(&keys.to_file_text())
                .unwrap()
                .fingerprint(),
            keys.fingerprint()
        );
    }

    proptest! {
        #[test]
        fn no_changed_token_holds(at in 0usize..READER_TOKEN_LEN, by in 1u8..63) {
            let keys = keys(1);
            let mut bytes = URL_SAFE_NO_PAD.decode(keys.reader_token(Purpose::Unsubscribe, &someone())).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= by;
            let forged = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert!(keys.open_reader_token(Purpose::Unsubscribe, &forged).is_err());
        }

        #[test]
        fn garbage_is_an_error_not_a_panic(text in "\\PC{0,100}") {
            let keys = keys(1);
            prop_assert!(keys.open_reader_token(Purpose::Unsubscribe, &text).is_err());
            prop_assert!(keys.open_confirmation(&text, "").is_err());
        }
    }
}

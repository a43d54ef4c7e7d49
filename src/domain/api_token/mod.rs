//! API tokens: name, scopes, validity and secret.

mod scope;

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
pub use crate::domain::ids::ApiTokenId;
use crate::domain::random::Random;
pub use scope::{Scope, Scopes, ScopesError};

/// Name of a token on one line, for example the program that uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenName(String);

/// Error of [`TokenName::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "give it a name of at most {} characters, on one line",
    TokenName::MAX_CHARS
)]
pub struct TokenNameError;

impl TokenName {
    /// Maximum length in characters; fits one line of the list of tokens.
    pub const MAX_CHARS: usize = 60;

    /// Parses a name; surrounding white space is removed.
    ///
    /// # Errors
    /// Returns [`TokenNameError`] if the name is empty, longer than
    /// [`MAX_CHARS`](Self::MAX_CHARS) or contains control characters.
    pub fn parse(text: &str) -> Result<Self, TokenNameError> {
        let text = text.trim();
        let length = text.chars().count();
        if !(1..=Self::MAX_CHARS).contains(&length) || text.chars().any(char::is_control) {
            return Err(TokenNameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long a token is valid after its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(Duration);

/// Error of [`Lifetime::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a time like 90d, 12h or 52w, at most ten years, or never")]
pub struct LifetimeError;

impl Lifetime {
    /// Maximum lifetime in hours: ten years and some days.
    const MAX_HOURS: u64 = 3660 * 24;

    /// Default lifetime, so that a token that is no longer used expires automatically.
    pub const DEFAULT: &str = "90d";

    /// Parses a lifetime, or `None` for `never`: the token is valid until it is revoked.
    ///
    /// # Errors
    /// Returns [`LifetimeError`] if `text` is neither.
    pub fn parse_or_never(text: &str) -> Result<Option<Self>, LifetimeError> {
        match text {
            "never" => Ok(None),
            text => Self::parse(text).map(Some),
        }
    }

    /// Parses a number of hours, days or weeks: `12h`, `90d`, `52w`.
    ///
    /// # Errors
    /// Returns [`LifetimeError`] if `text` has another form, is zero, or exceeds ten years.
    pub fn parse(text: &str) -> Result<Self, LifetimeError> {
        let hours_per_unit = |unit| match unit {
            'h' => Some(1),
            'd' => Some(24),
            'w' => Some(7 * 24),
            _ => None,
        };
        let (unit_at, unit) = text.char_indices().last().ok_or(LifetimeError)?;
        let factor = hours_per_unit(unit).ok_or(LifetimeError)?;
        let number: u64 = text[..unit_at].parse().map_err(|_| LifetimeError)?;
        let hours = number.checked_mul(factor).ok_or(LifetimeError)?;
        if !(1..=Self::MAX_HOURS).contains(&hours) {
            return Err(LifetimeError);
        }
        Ok(Self(Duration::from_secs(hours * 60 * 60)))
    }

    /// Returns when a token created at `now` expires.
    pub fn expires_at(self, now: Timestamp) -> Timestamp {
        now.plus(self.0)
    }
}

/// The secret of a token. It is shown once and only its hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(…)")
    }
}

/// Prefix that identifies a Broadsheet token, also for tools that scan for leaked secrets.
const PREFIX: &str = "bs_";

/// Random bytes in a secret: 256 bits, as many as the hash has.
const RANDOM_BYTES: usize = 32;

impl TokenSecret {
    /// Generates a secret.
    pub fn new(random: &Random) -> Self {
        let key = URL_SAFE_NO_PAD.encode(random.bytes::<RANDOM_BYTES>());
        Self(format!("{PREFIX}{key}"))
    }

    /// Returns `text` as a secret if it has the right form. Does not check that the token
    /// exists.
    pub fn parse(text: &str) -> Option<Self> {
        let key = text.strip_prefix(PREFIX)?;
        let bytes = URL_SAFE_NO_PAD.decode(key).ok()?;
        (bytes.len() == RANDOM_BYTES).then(|| Self(text.to_owned()))
    }

    /// Returns the secret in plain text, to be shown once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the SHA-256 hash in hexadecimal, which is stored.
    ///
    /// The secret has 256 random bits, so neither a salt nor a slow hash is needed.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }
}

/// A token that is not yet stored.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// Key of the token.
    pub id: ApiTokenId,
    /// Name for the list of tokens and the audit log.
    pub name: TokenName,
    /// Permissions.
    pub scopes: Scopes,
    /// Secret to show once.
    pub secret: TokenSecret,
    /// When the token was created.
    pub created_at: Timestamp,
    /// Account that created the token; `None` for the command line.
    pub created_by: Option<EmailAddress>,
    /// When the token expires; `None` for never.
    pub expires_at: Option<Timestamp>,
}

impl NewApiToken {
    /// Creates a token with a new id and secret.
    pub fn new(
        (name, scopes): (TokenName, Scopes),
        lifetime: Option<Lifetime>,
        created_by: Option<EmailAddress>,
        (random, now): (&Random, Timestamp),
    ) -> Self {
        Self {
            id: ApiTokenId::new(now, random),
            name,
            scopes,
            secret: TokenSecret::new(random),
            created_at: now,
            created_by,
            expires_at: lifetime.map(|lifetime| lifetime.expires_at(now)),
        }
    }
}

/// Whether a token is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Validity {
    /// The token is accepted. Written `holds`.
    #[strum(serialize = "holds")]
    Valid,
    /// The lifetime has ended.
    Expired,
    /// The token was revoked.
    Revoked,
}

impl Validity {
    /// Returns the validity at `now` of a token with these dates.
    pub fn from_dates(
        expires_at: Option<Timestamp>,
        revoked_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        if revoked_at.is_some() {
            Self::Revoked
        } else if expires_at.is_some_and(|end| end <= now) {
            Self::Expired
        } else {
            Self::Valid
        }
    }

    /// Returns the word for templates and JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_has_prefix_and_is_not_in_debug_output() {
        let secret = TokenSecret::new(&Random::seeded(1));
        assert_eq!(secret.expose().len(), PREFIX.len() + 43);
        assert_eq!(TokenSecret::parse(secret.expose()).as_ref(), Some(&secret));
        assert!(!format!("{secret:?}").contains(&secret.expose()[3..]));
        assert!(!secret.hash().contains(&secret.expose()[3..]));
        for wrong in [
            "",
            "bs_",
            "bs_c2hvcnQ",
            &secret.expose()[3..],
            &format!("{}x", secret.expose()),
        ] {
            assert_eq!(TokenSecret::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn token_name_is_one_short_line() {
        assert_eq!(TokenName::parse(" blog ").unwrap().as_str(), "blog");
        for wrong in ["", "  ", "a\nb", &"x".repeat(61)] {
            assert_eq!(TokenName::parse(wrong), Err(TokenNameError));
        }
    }

    #[test]
    fn lifetime_has_a_unit_and_a_limit() {
        let now = Timestamp::EPOCH;
        let end = |text| Lifetime::parse(text).map(|it| it.expires_at(now).as_millis() / 3_600_000);
        assert_eq!(end("12h"), Ok(12));
        assert_eq!(end("90d"), Ok(90 * 24));
        assert_eq!(end("52w"), Ok(364 * 24));
        for wrong in [
            "",
            "d",
            "0d",
            "90",
            "-1d",
            "1.5d",
            "9999999d",
            "99999999999999999999d",
            "é",
        ] {
            assert_eq!(end(wrong), Err(LifetimeError), "{wrong}");
        }
    }

    #[test]
    fn validity_depends_on_expiry_and_revocation() {
        let at = |day: i64| Some(Timestamp::from_millis(day));
        let now = Timestamp::from_millis(5);
        for (expires, revoked, validity) in [
            (None, None, Validity::Valid),
            (at(6), None, Validity::Valid),
            (at(5), None, Validity::Expired),
            (at(6), at(4), Validity::Revoked),
            (at(4), at(4), Validity::Revoked),
        ] {
            assert_eq!(Validity::from_dates(expires, revoked, now), validity);
        }
    }
}

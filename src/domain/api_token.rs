//! Keys for programs: what one is called, what it is good for, and for how long.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::words;
use crate::domain::email_address::EmailAddress;
pub use crate::domain::ids::ApiTokenId;
use crate::domain::random::Random;

words! {
    /// What a token is good for. None includes another.
    #[derive(PartialOrd, Ord)]
    Scope, ScopeError, "'{0}' is no scope; expected read, subscribers or issues" {
        /// To read everything.
        Read => "read",
        /// To add readers, end their subscriptions and erase them.
        Subscribers => "subscribers",
        /// To edit and send the next issue, and to pause, resume, cancel and repeat a send.
        Issues => "issues",
    }
}

/// At least one scope, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Scope>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    #[error("choose at least one thing that it may do")]
    None,
    #[error(transparent)]
    Unknown(#[from] ScopeError),
}

impl Scopes {
    /// # Errors
    /// When a word is no scope, or there is none.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopesError> {
        let scopes: BTreeSet<Scope> = words
            .into_iter()
            .map(Scope::parse)
            .collect::<Result<_, _>>()?;
        if scopes.is_empty() {
            return Err(ScopesError::None);
        }
        Ok(Self(scopes))
    }

    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.as_str()).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

/// What a token is called, on one line: where it is used, or by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenName(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "give it a name of at most {} characters, on one line",
    TokenName::MAX_CHARS
)]
pub struct TokenNameError;

impl TokenName {
    /// In characters.
    pub const MAX_CHARS: usize = 60;

    /// # Errors
    /// When it is empty, too long, or more than a line.
    pub fn parse(text: &str) -> Result<Self, TokenNameError> {
        let text = text.trim();
        let length = text.chars().count();
        if !(1..=Self::MAX_CHARS).contains(&length) || text.chars().any(char::is_control) {
            return Err(TokenNameError);
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long a token holds from when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a time like 90d, 12h or 52w, at most ten years, or never")]
pub struct LifetimeError;

impl Lifetime {
    const MAX_HOURS: u64 = 3660 * 24;
    /// Unless asked otherwise: a forgotten token ends by itself.
    pub const DEFAULT: &str = "90d";

    /// As [`Self::parse`]; `None` for `never`, which holds until it is revoked.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse_or_never(text: &str) -> Result<Option<Self>, LifetimeError> {
        match text {
            "never" => Ok(None),
            text => Self::parse(text).map(Some),
        }
    }

    /// Hours, days or weeks: `12h`, `90d`, `52w`.
    ///
    /// # Errors
    /// When it is none, or longer than ten years.
    pub fn parse(text: &str) -> Result<Self, LifetimeError> {
        let hours_of = |unit| match unit {
            'h' => Some(1),
            'd' => Some(24),
            'w' => Some(7 * 24),
            _ => None,
        };
        let (at, unit) = text.char_indices().last().ok_or(LifetimeError)?;
        let each = hours_of(unit).ok_or(LifetimeError)?;
        let number: u64 = text[..at].parse().map_err(|_| LifetimeError)?;
        let hours = number.checked_mul(each).ok_or(LifetimeError)?;
        if !(1..=Self::MAX_HOURS).contains(&hours) {
            return Err(LifetimeError);
        }
        Ok(Self(Duration::from_secs(hours * 60 * 60)))
    }

    pub fn expires_at(self, now: Timestamp) -> Timestamp {
        now.plus(self.0)
    }
}

/// The token itself: known to who holds it, and kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(…)")
    }
}

/// Says what it is to whoever finds one, and to programs that look for lost keys.
const PREFIX: &str = "bs_";
const RANDOM_BYTES: usize = 32;

impl TokenSecret {
    pub fn new(random: &Random) -> Self {
        let key = URL_SAFE_NO_PAD.encode(random.bytes::<RANDOM_BYTES>());
        Self(format!("{PREFIX}{key}"))
    }

    /// What looks like one; whether it is one tells the list.
    pub fn parse(text: &str) -> Option<Self> {
        let key = text.strip_prefix(PREFIX)?;
        let bytes = URL_SAFE_NO_PAD.decode(key).ok()?;
        (bytes.len() == RANDOM_BYTES).then(|| Self(text.to_owned()))
    }

    /// To be shown to who is to have it, once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it: it is as random as the hash is long, so no salt and no slow
    /// hashing is needed.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }
}

/// A token before it is kept.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    pub id: ApiTokenId,
    pub name: TokenName,
    pub scopes: Scopes,
    pub secret: TokenSecret,
    pub created_at: Timestamp,
    /// The account that makes it; none: a command.
    pub created_by: Option<EmailAddress>,
    pub expires_at: Option<Timestamp>,
}

impl NewApiToken {
    pub fn new(
        (name, scopes): (TokenName, Scopes),
        lifetime: Option<Lifetime>,
        made_by: Option<EmailAddress>,
        (random, now): (&Random, Timestamp),
    ) -> Self {
        Self {
            id: ApiTokenId::new(now, random),
            name,
            scopes,
            secret: TokenSecret::new(random),
            created_at: now,
            created_by: made_by,
            expires_at: lifetime.map(|lifetime| lifetime.expires_at(now)),
        }
    }
}

/// Whether a token still opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    Valid,
    Expired,
    Revoked,
}

impl Validity {
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

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "holds",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_known_by_its_beginning_and_shown_by_nothing() {
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
    fn a_token_is_good_for_what_was_named_and_nothing_else() {
        let scopes = Scopes::parse(["issues", "read", "issues"]).unwrap();
        assert_eq!(scopes.to_string(), "read issues");
        assert!(scopes.contains(Scope::Read) && !scopes.contains(Scope::Subscribers));
        assert_eq!(Scopes::parse([]), Err(ScopesError::None));
        assert_eq!(
            Scopes::parse(["read", "all"]).unwrap_err().to_string(),
            "'all' is no scope; expected read, subscribers or issues"
        );
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(TokenName::parse(" blog ").unwrap().as_str(), "blog");
        for wrong in ["", "  ", "a\nb", &"x".repeat(61)] {
            assert_eq!(TokenName::parse(wrong), Err(TokenNameError));
        }
    }

    #[test]
    fn a_lifetime_has_a_unit_and_an_end() {
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
    fn what_was_revoked_holds_no_more_nor_what_is_past_its_end() {
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

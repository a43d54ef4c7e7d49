//! Who may try a password or a token, how often, and whether a password is right.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use crate::web::error::HttpError;

/// Characters that a password needs.
pub const SHORTEST: usize = 10;
pub const LONGEST: usize = 200;

/// Each takes 19 MiB and a core for a moment.
const AT_ONCE: usize = 2;

/// Tries, after which there is one more a minute: all are back in 10 minutes.
const PER_ACCOUNT: NonZeroU32 = NonZeroU32::new(10).expect("10 is not zero");
/// An office may stand behind one address.
const PER_NETWORK: NonZeroU32 = NonZeroU32::new(30).expect("30 is not zero");
const ALL_BACK: Duration = Duration::from_secs(10 * 60);
/// A wrong token is counted by itself: a program with an old one must not lock people out.
/// There is one more try after this.
pub const TOKEN_WAIT: Duration = Duration::from_secs(20);
/// Names that were tried; beyond this the idle ones are forgotten.
const REMEMBERED: usize = 10_000;

/// Checked when nobody has the name, so that an unknown name takes as long as a known
/// one. No password is known to have this hash.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyBpdC4uLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tries")]
pub struct RateLimited;

/// The password could not be looked at: a hash is damaged, or memory has run out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct HashError(String);

impl From<HashError> for HttpError {
    fn from(error: HashError) -> Self {
        tracing::error!(%error, "nobody can log in");
        Self::Away
    }
}

/// The counts and the hashing of this process.
#[derive(Debug)]
pub struct LoginThrottle {
    by_account: DefaultKeyedRateLimiter<String>,
    by_network: DefaultKeyedRateLimiter<IpAddr>,
    tokens_by_network: DefaultKeyedRateLimiter<IpAddr>,
    hashing: Semaphore,
}

impl LoginThrottle {
    pub fn new() -> Self {
        let quota = |burst: NonZeroU32| {
            Quota::with_period(ALL_BACK / burst.get())
                .expect("a part of 10 minutes is not zero")
                .allow_burst(burst)
        };
        Self {
            by_account: RateLimiter::keyed(quota(PER_ACCOUNT)),
            by_network: RateLimiter::keyed(quota(PER_NETWORK)),
            tokens_by_network: RateLimiter::keyed(quota(PER_NETWORK)),
            hashing: Semaphore::new(AT_ONCE),
        }
    }

    /// Counts a try. Names nobody has are counted as those that somebody has.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn count(&self, ip: IpAddr, account: &str) -> Result<(), RateLimited> {
        if self.by_account.len() + self.by_network.len() > REMEMBERED {
            self.by_account.retain_recent();
            self.by_network.retain_recent();
        }
        let network = self.by_network.check_key(&network(ip));
        network.map_err(|_| RateLimited)?;
        let account = self.by_account.check_key(&account.to_owned());
        account.map_err(|_| RateLimited)
    }

    /// Counts a token that was wrong.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn count_token(&self, ip: IpAddr) -> Result<(), RateLimited> {
        if self.tokens_by_network.len() > REMEMBERED {
            self.tokens_by_network.retain_recent();
        }
        let counted = self.tokens_by_network.check_key(&network(ip));
        counted.map_err(|_| RateLimited)
    }

    /// The argon2id hash of a new password, in PHC form (RFC 9106; OWASP's m=19456, t=2, p=1).
    ///
    /// # Errors
    /// When it cannot be computed.
    pub async fn hash(&self, password: &str, salt: [u8; 16]) -> Result<String, HashError> {
        let password = password.to_owned();
        self.compute(move || {
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string())
                .map_err(|error| HashError(error.to_string()))
        })
        .await
    }

    /// Whether `password` has `hash`; with none, the same work for nothing.
    ///
    /// # Errors
    /// When `hash` is damaged or cannot be computed.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, HashError> {
        let password = password.to_owned();
        let known = hash.is_some();
        let hash = hash.unwrap_or(NOBODYS).to_owned();
        self.compute(move || {
            use argon2::password_hash::Error::PasswordInvalid;
            let hash = PasswordHash::new(&hash).map_err(|error| HashError(error.to_string()))?;
            match Argon2::default().verify_password(password.as_bytes(), &hash) {
                Ok(()) => Ok(known),
                Err(PasswordInvalid) => Ok(false),
                Err(error) => Err(HashError(error.to_string())),
            }
        })
        .await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let failed = |error: &dyn std::error::Error| HashError(error.to_string());
        let _permit = self
            .hashing
            .acquire()
            .await
            .map_err(|error| failed(&error))?;
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| failed(&error))?
    }
}

/// Who is counted as one: an IPv6 household has a /64.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let keeper = LoginThrottle::new();
        let hash = keeper.hash("correct horse", [7; 16]).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_eq!(keeper.verify("correct horse", Some(&hash)).await, Ok(true));
        assert_eq!(keeper.verify("correct horsf", Some(&hash)).await, Ok(false));
        assert!(keeper.verify("x", Some("damaged")).await.is_err());
    }

    #[tokio::test]
    async fn an_unknown_name_costs_the_same_work() {
        assert_eq!(LoginThrottle::new().verify("x", None).await, Ok(false));
        let own = LoginThrottle::new().hash("x", [7; 16]).await.unwrap();
        let cost = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(cost(NOBODYS), cost(&own));
        assert_eq!(NOBODYS.len(), own.len());
    }

    #[test]
    fn an_account_is_throttled_from_wherever() {
        let keeper = LoginThrottle::new();
        let from = |n: u8| IpAddr::from([192, 0, 2, n]);
        for n in 0..10 {
            assert_eq!(keeper.count(from(n), "ada@example.com"), Ok(()));
        }
        assert_eq!(keeper.count(from(99), "ada@example.com"), Err(RateLimited));
        assert_eq!(keeper.count(from(99), "bob@example.com"), Ok(()));
    }

    #[test]
    fn wrong_tokens_are_throttled_and_lock_nobody_out_of_the_desk() {
        let keeper = LoginThrottle::new();
        for _ in 0..30 {
            assert_eq!(keeper.count_token(HERE), Ok(()));
        }
        assert_eq!(keeper.count_token(HERE), Err(RateLimited));
        assert_eq!(keeper.count(HERE, "ada@example.com"), Ok(()));
        assert_eq!(TOKEN_WAIT * PER_NETWORK.get(), ALL_BACK);
    }

    #[test]
    fn an_address_is_throttled_whatever_the_name() {
        let keeper = LoginThrottle::new();
        for n in 0..30 {
            assert_eq!(keeper.count(HERE, &format!("{n}@example.com")), Ok(()));
        }
        assert_eq!(keeper.count(HERE, "new@example.com"), Err(RateLimited));
    }
}

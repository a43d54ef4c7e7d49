//! Rate limits for password and API token attempts.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Login attempts per account before the limit applies.
///
/// One attempt becomes available per minute, so all of them after [`REFILL_TIME`].
const MAX_ATTEMPTS_PER_ACCOUNT: NonZeroU32 = NonZeroU32::new(10).expect("10 is not zero");

/// Attempts per network before the limit applies. Higher than the limit per account,
/// because an office may share one address.
const MAX_ATTEMPTS_PER_NETWORK: NonZeroU32 = NonZeroU32::new(30).expect("30 is not zero");

/// Time after which all attempts are available again.
const REFILL_TIME: Duration = Duration::from_secs(10 * 60);

/// Time until a network may try one more API token: [`REFILL_TIME`] divided by the limit.
pub const TOKEN_RETRY_AFTER: Duration = Duration::from_secs(20);

/// Accounts and networks that are tracked before idle ones are removed. Limits memory use.
const MAX_TRACKED_KEYS: usize = 10_000;

/// The limit for this network or account is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts")]
pub struct RateLimited;

/// Attempt counters of this process.
///
/// Invalid API tokens are counted separately, so that a program with an old token does not
/// lock users of the same network out of the admin UI.
#[derive(Debug)]
pub struct LoginThrottle {
    by_account: DefaultKeyedRateLimiter<String>,
    by_network: DefaultKeyedRateLimiter<IpAddr>,
    tokens_by_network: DefaultKeyedRateLimiter<IpAddr>,
}

impl Default for LoginThrottle {
    fn default() -> Self {
        let quota = |burst: NonZeroU32| {
            Quota::with_period(REFILL_TIME / burst.get())
                .expect("a part of 10 minutes is not zero")
                .allow_burst(burst)
        };
        Self {
            by_account: RateLimiter::keyed(quota(MAX_ATTEMPTS_PER_ACCOUNT)),
            by_network: RateLimiter::keyed(quota(MAX_ATTEMPTS_PER_NETWORK)),
            tokens_by_network: RateLimiter::keyed(quota(MAX_ATTEMPTS_PER_NETWORK)),
        }
    }
}

impl LoginThrottle {
    /// Counts a password attempt. `account` is counted whether or not it exists, so that
    /// the limit does not reveal which accounts exist.
    ///
    /// # Errors
    /// Returns [`RateLimited`] when the limit for the network or the account is exhausted.
    pub fn check_login(&self, ip: IpAddr, account: &str) -> Result<(), RateLimited> {
        if self.by_account.len() + self.by_network.len() > MAX_TRACKED_KEYS {
            self.by_account.retain_recent();
            self.by_network.retain_recent();
        }
        let network = self.by_network.check_key(&network(ip));
        network.map_err(|_| RateLimited)?;
        let account = self.by_account.check_key(&account.to_owned());
        account.map_err(|_| RateLimited)
    }

    /// Counts an attempt with an invalid API token.
    ///
    /// # Errors
    /// Returns [`RateLimited`] when the limit for the network is exhausted.
    pub fn check_token(&self, ip: IpAddr) -> Result<(), RateLimited> {
        if self.tokens_by_network.len() > MAX_TRACKED_KEYS {
            self.tokens_by_network.retain_recent();
        }
        let checked = self.tokens_by_network.check_key(&network(ip));
        checked.map_err(|_| RateLimited)
    }
}

/// Returns the network that is counted: the IPv4 address, or the /64 of an IPv6 address,
/// which is what one household is assigned.
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

    #[test]
    fn account_is_limited_across_networks() {
        let throttle = LoginThrottle::default();
        let from = |n: u8| IpAddr::from([192, 0, 2, n]);

        for n in 0..10 {
            assert_eq!(throttle.check_login(from(n), "ada@example.com"), Ok(()));
        }

        assert_eq!(
            throttle.check_login(from(99), "ada@example.com"),
            Err(RateLimited)
        );
        assert_eq!(throttle.check_login(from(99), "bob@example.com"), Ok(()));
    }

    #[test]
    fn invalid_tokens_are_limited_without_limiting_logins() {
        let throttle = LoginThrottle::default();

        for _ in 0..30 {
            assert_eq!(throttle.check_token(HERE), Ok(()));
        }

        assert_eq!(throttle.check_token(HERE), Err(RateLimited));
        assert_eq!(throttle.check_login(HERE, "ada@example.com"), Ok(()));
        assert_eq!(
            TOKEN_RETRY_AFTER * MAX_ATTEMPTS_PER_NETWORK.get(),
            REFILL_TIME
        );
    }

    #[test]
    fn network_is_limited_across_accounts() {
        let throttle = LoginThrottle::default();

        for n in 0..30 {
            assert_eq!(
                throttle.check_login(HERE, &format!("{n}@example.com")),
                Ok(())
            );
        }

        assert_eq!(
            throttle.check_login(HERE, "new@example.com"),
            Err(RateLimited)
        );
    }
}

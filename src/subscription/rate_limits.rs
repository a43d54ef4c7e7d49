//! Rate limits for sign-ups, so that the form cannot be used to flood other people's
//! mailboxes.
//!
//! The counters are in memory, per process.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::api_token::ApiTokenId;

/// Providers with so many mailboxes that a limit per domain would reject honest sign-ups.
const LARGE_PROVIDERS: &[&str] = &[
    "163.com",
    "aol.com",
    "gmail.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "t-online.de",
    "web.de",
    "yahoo.com",
    "yandex.ru",
];

/// Maximum sign-ups per hour in total. A higher rate is an attack: it is far above what a
/// popular blog gets on its best day.
const TOTAL_PER_HOUR: NonZeroU32 = NonZeroU32::new(50_000).expect("50,000 is not zero");

/// Limits from the settings, in sign-ups per hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignupLimitConfig {
    /// Per IPv4 address or IPv6 /64 network (`limits.signups_per_ip_hour`).
    pub per_ip_hour: NonZeroU32,
    /// Per email domain except large providers (`limits.signups_per_domain_hour`).
    pub per_domain_hour: NonZeroU32,
    /// Per API token (`limits.signups_per_token_hour`).
    pub per_token_hour: NonZeroU32,
}

/// Error for a sign-up above a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ups")]
pub struct RateLimited;

/// Whether a sign-up from a network needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignupPace {
    /// Below the limit of the network.
    Normal,
    /// Above the limit, below twice of it: many people may share the address of a company, a
    /// school or a proxy, and a button keeps none of them out.
    NeedsButton,
}

/// Sign-up counters of this process.
#[derive(Debug)]
pub struct SignupLimits {
    by_ip: DefaultKeyedRateLimiter<Network>,
    /// Twice the limit of `by_ip`.
    by_ip_refusal: DefaultKeyedRateLimiter<Network>,
    by_domain: DefaultKeyedRateLimiter<String>,
    by_token: DefaultKeyedRateLimiter<ApiTokenId>,
    total: DefaultDirectRateLimiter,
}

/// A client network: an IPv4 address or an IPv6 /64.
///
/// IPv6 clients are counted by /64, because a single host can use any of its 2^64 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Self(v4.into()),
            IpAddr::V6(v6) => {
                Self(std::net::Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into())
            }
        }
    }
}

impl SignupLimits {
    /// Creates counters that start at zero.
    pub fn new(limits: SignupLimitConfig) -> Self {
        Self {
            by_ip: RateLimiter::keyed(Quota::per_hour(limits.per_ip_hour)),
            by_ip_refusal: RateLimiter::keyed(Quota::per_hour(
                limits
                    .per_ip_hour
                    .saturating_mul(NonZeroU32::new(2).expect("two is not zero")),
            )),
            by_domain: RateLimiter::keyed(Quota::per_hour(limits.per_domain_hour)),
            by_token: RateLimiter::keyed(Quota::per_hour(limits.per_token_hour)),
            total: RateLimiter::direct(Quota::per_hour(TOTAL_PER_HOUR)),
        }
    }

    /// Counts a form sign-up for an address at `domain` from `ip`, and returns whether the limit
    /// of the network is exceeded.
    ///
    /// # Errors
    /// Returns [`RateLimited`] if twice the limit of the network, or the limit of the domain or
    /// the total is reached.
    pub fn check_form_signup(&self, ip: IpAddr, domain: &str) -> Result<SignupPace, RateLimited> {
        let network = Network::from(ip);
        self.by_ip_refusal
            .check_key(&network)
            .map_err(|_| RateLimited)?;
        self.check_domain(domain)?;
        Ok(match self.by_ip.check_key(&network) {
            Ok(()) => SignupPace::Normal,
            Err(_) => SignupPace::NeedsButton,
        })
    }

    /// Counts an API sign-up for an address at `domain`.
    ///
    /// # Errors
    /// Returns [`RateLimited`] if the limit of the token, the domain or the total is reached.
    pub fn check_api_signup(&self, token: &ApiTokenId, domain: &str) -> Result<(), RateLimited> {
        self.by_token.check_key(token).map_err(|_| RateLimited)?;
        self.check_domain(domain)
    }

    fn check_domain(&self, domain: &str) -> Result<(), RateLimited> {
        if !LARGE_PROVIDERS.contains(&domain) {
            self.by_domain
                .check_key(&domain.to_owned())
                .map_err(|_| RateLimited)?;
        }
        self.total.check().map_err(|_| RateLimited)
    }

    /// Removes counters whose quota is full again, to bound memory.
    pub fn purge_idle(&self) {
        self.by_ip.retain_recent();
        self.by_ip_refusal.retain_recent();
        self.by_domain.retain_recent();
        self.by_token.retain_recent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_ip: u32, per_domain: u32) -> SignupLimits {
        let number = |n| NonZeroU32::new(n).unwrap();
        SignupLimits::new(SignupLimitConfig {
            per_ip_hour: number(per_ip),
            per_domain_hour: number(per_domain),
            per_token_hour: number(1000),
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn form_limit_counts_per_network() {
        let limits = limits(2, 1000);
        let check = |address: &str| limits.check_form_signup(ip(address), "a.example");

        let (normal, button) = (Ok(SignupPace::Normal), Ok(SignupPace::NeedsButton));
        for (address, pace) in [
            ("2001:db8::1", normal),
            ("2001:db8::2", normal),
            ("2001:db8::3", button),
            ("2001:db8::4", button),
            ("2001:db8::5", Err(RateLimited)),
            ("2001:db8:0:1::1", normal),
            ("192.0.2.1", normal),
            ("::ffff:192.0.2.1", normal),
            ("192.0.2.1", button),
            ("192.0.2.1", button),
            ("192.0.2.1", Err(RateLimited)),
        ] {
            assert_eq!(check(address), pace, "{address}");
        }
    }

    #[test]
    fn domain_limit_excludes_large_providers() {
        let limits = limits(1000, 1);
        let check = |address: &str, domain: &str| limits.check_form_signup(ip(address), domain);

        assert!(check("192.0.2.1", "victim.example").is_ok());
        assert_eq!(check("192.0.2.2", "victim.example"), Err(RateLimited));
        assert!(check("192.0.2.3", "gmail.com").is_ok());
        assert!(check("192.0.2.4", "gmail.com").is_ok());
        assert_eq!(limits.check_domain("victim.example"), Err(RateLimited));
    }
}

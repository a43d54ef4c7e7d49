//! How many sign-ups are taken, so that the form is no weapon against others' mailboxes.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::api_token::ApiTokenId;

/// Providers with so many readers that their domain says nothing.
const LARGE: &[&str] = &[
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

/// Sign-ups taken an hour from the whole world: beyond this it is an attack.
const ALL_PER_HOUR: NonZeroU32 = NonZeroU32::new(50_000).expect("50,000 is not zero");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapLimits {
    pub per_ip_hour: NonZeroU32,
    pub per_domain_hour: NonZeroU32,
    pub per_token_hour: NonZeroU32,
}

/// A cap was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ups")]
pub struct RateLimited;

/// The counts of this process.
#[derive(Debug)]
pub struct SignupLimits {
    by_ip: DefaultKeyedRateLimiter<Network>,
    by_domain: DefaultKeyedRateLimiter<String>,
    by_token: DefaultKeyedRateLimiter<ApiTokenId>,
    all: DefaultDirectRateLimiter,
}

/// Who is counted as one: an IPv4 address, or an IPv6 /64, of which a household has
/// many addresses and an attacker 2^64.
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
    pub fn new(limits: CapLimits) -> Self {
        Self {
            by_ip: RateLimiter::keyed(Quota::per_hour(limits.per_ip_hour)),
            by_domain: RateLimiter::keyed(Quota::per_hour(limits.per_domain_hour)),
            by_token: RateLimiter::keyed(Quota::per_hour(limits.per_token_hour)),
            all: RateLimiter::direct(Quota::per_hour(ALL_PER_HOUR)),
        }
    }

    /// Counts a sign-up for `domain` from `ip`.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn count(&self, ip: IpAddr, domain: &str) -> Result<(), RateLimited> {
        self.by_ip
            .check_key(&Network::from(ip))
            .map_err(|_| RateLimited)?;
        self.count_domain(domain)
    }

    /// Counts a sign-up for `domain` from a program.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn count_program(&self, token: &ApiTokenId, domain: &str) -> Result<(), RateLimited> {
        self.by_token.check_key(token).map_err(|_| RateLimited)?;
        self.count_domain(domain)
    }

    fn count_domain(&self, domain: &str) -> Result<(), RateLimited> {
        if !LARGE.contains(&domain) {
            self.by_domain
                .check_key(&domain.to_owned())
                .map_err(|_| RateLimited)?;
        }
        self.all.check().map_err(|_| RateLimited)
    }

    /// Forgets whoever has all their tries back.
    pub fn forget_idle(&self) {
        self.by_ip.retain_recent();
        self.by_domain.retain_recent();
        self.by_token.retain_recent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(per_ip: u32, per_domain: u32) -> SignupLimits {
        let number = |n| NonZeroU32::new(n).unwrap();
        SignupLimits::new(CapLimits {
            per_ip_hour: number(per_ip),
            per_domain_hour: number(per_domain),
            per_token_hour: number(1000),
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_network_has_one_count() {
        let caps = caps(2, 1000);
        assert!(caps.count(ip("2001:db8::1"), "a.example").is_ok());
        assert!(caps.count(ip("2001:db8::2"), "a.example").is_ok());
        assert_eq!(caps.count(ip("2001:db8::3"), "a.example"), Err(RateLimited));
        assert!(caps.count(ip("2001:db8:0:1::1"), "a.example").is_ok());
        assert!(caps.count(ip("192.0.2.1"), "a.example").is_ok());
        assert!(caps.count(ip("::ffff:192.0.2.1"), "a.example").is_ok());
        assert_eq!(caps.count(ip("192.0.2.1"), "a.example"), Err(RateLimited));
    }

    #[test]
    fn a_domain_is_capped_and_a_large_provider_is_not() {
        let caps = caps(1000, 1);
        assert!(caps.count(ip("192.0.2.1"), "victim.example").is_ok());
        assert_eq!(
            caps.count(ip("192.0.2.2"), "victim.example"),
            Err(RateLimited)
        );
        assert!(caps.count(ip("192.0.2.3"), "gmail.com").is_ok());
        assert!(caps.count(ip("192.0.2.4"), "gmail.com").is_ok());
        assert_eq!(caps.count_domain("victim.example"), Err(RateLimited));
    }
}

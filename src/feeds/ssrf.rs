//! Protection against server-side request forgery (SSRF).
//!
//! The URL of a feed, and the redirects behind it, are untrusted input. They must not give
//! access to the private network that this program runs in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// IPv4 blocks that are not public, with the length of their prefix.
///
/// From the IANA special-purpose registry (RFC 6890), multicast (RFC 5771) and the 6to4
/// relays (RFC 7526).
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    (Ipv4Addr::new(255, 255, 255, 255), 32),
];

/// The IPv6 block assigned for global unicast (RFC 4291 §2.4).
///
/// All other addresses are loopback, unspecified, IPv4-mapped, `64:ff9b::/96`, unique local,
/// link-local or multicast.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Blocks within [`GLOBAL_V6`] that are not public: IETF protocols with Teredo and ORCHID,
/// documentation (RFC 3849, RFC 9637), and 6to4, which can contain any IPv4 address.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Returns whether `address` is on the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !NOT_PUBLIC_V4.iter().any(|block| in_v4(v4, *block)),
        IpAddr::V6(v6) => {
            in_v6(v6, GLOBAL_V6) && !NOT_PUBLIC_V6.iter().any(|block| in_v6(v6, *block))
        }
    }
}

fn in_v4(address: Ipv4Addr, (block, prefix): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ block.to_bits()).leading_zeros() >= prefix
}

fn in_v6(address: Ipv6Addr, (block, prefix): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ block.to_bits()).leading_zeros() >= prefix
}

/// A `host:port` that may be private, allowed by the setting `feeds.allow_private`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowPrivate {
    host: Host<String>,
    port: u16,
}

/// Error for an entry of `feeds.allow_private` that is not a host and a port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a valid host and port; expected one like blog.internal:8080 or [fd00::1]:80")]
pub struct AllowPrivateError(String);

impl AllowPrivate {
    /// Parses `host:port`. The port is required.
    ///
    /// # Errors
    /// Returns [`AllowPrivateError`] if the host is invalid or the port is missing or 0.
    pub fn parse(text: &str) -> Result<Self, AllowPrivateError> {
        let invalid = || AllowPrivateError(text.to_owned());
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(invalid)?;
        Ok(Self {
            host: Host::parse(host).map_err(|_| invalid())?,
            port: port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(invalid)?,
        })
    }

    /// Returns whether `url` has this host and port.
    pub fn matches(&self, url: &Url) -> bool {
        url.host().is_some_and(|host| host.to_owned() == self.host)
            && url.port_or_known_default() == Some(self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_public_excludes_special_purpose_blocks() {
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.1.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:200::1",
            "2003::1",
        ];
        let private = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in private {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn allow_private_matches_one_host_and_port() {
        let matches = |allow: &str, url: &str| {
            AllowPrivate::parse(allow)
                .unwrap()
                .matches(&Url::parse(url).unwrap())
        };
        assert!(matches("127.0.0.1:8000", "http://127.0.0.1:8000/feed"));
        assert!(matches("127.0.0.1:8000", "http://2130706433:8000/feed"));
        assert!(matches("Blog.Internal:443", "https://blog.internal/feed"));
        assert!(matches("[::1]:80", "http://[::1]/"));
        assert!(!matches("127.0.0.1:8000", "http://127.0.0.1:8001/feed"));
        assert!(!matches("blog.internal:443", "http://blog.internal/"));
        assert!(!matches("blog.internal:80", "http://x.blog.internal/"));
    }

    #[test]
    fn allow_private_without_host_or_port_is_rejected() {
        for text in [
            "",
            "blog.internal",
            "blog.internal:",
            "blog.internal:0",
            "blog.internal:70000",
            ":80",
            "::1:80",
        ] {
            assert!(AllowPrivate::parse(text).is_err(), "{text}");
        }
    }
}

//! Reverse proxies that are trusted to name the client of a request.

use std::net::IpAddr;

use ipnet::IpNet;

/// Addresses of the reverse proxies whose `X-Forwarded-For` header is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// Error of [`TrustedProxies::parse`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an address or network; expected one like 127.0.0.1, 10.0.0.0/8 or fd00::/8")]
pub struct TrustedProxyError(String);

impl TrustedProxies {
    /// Parses IP addresses and networks in CIDR form (RFC 4632 §3.1).
    ///
    /// # Errors
    /// Returns [`TrustedProxyError`] with the first text that is neither.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, TrustedProxyError> {
        texts
            .into_iter()
            .map(parse_network)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Returns whether `ip` is a trusted proxy.
    ///
    /// An IPv4 address mapped into IPv6, as a dual-stack socket reports it, counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.contains(&ip))
    }
}

/// Returns whether `peer` can be a reverse proxy of this installation that is not trusted by
/// mistake: it is on this machine or in a private network.
///
/// Anybody on the internet can send `X-Forwarded-For`; that says nothing about the settings.
pub fn is_possible_proxy(peer: IpAddr) -> bool {
    match peer.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

impl TrustedProxies {
    /// Returns the recorded address of a proxy if it is still not trusted.
    pub fn still_untrusted(&self, recorded: Option<String>) -> Option<String> {
        recorded.filter(|peer| peer.parse().is_ok_and(|peer| !self.contains(peer)))
    }
}

fn parse_network(text: &str) -> Result<IpNet, TrustedProxyError> {
    let text = text.trim();
    let address = text
        .parse::<IpAddr>()
        .map(|ip| IpNet::from(ip.to_canonical()));
    address
        .or_else(|_| text.parse())
        .map_err(|_| TrustedProxyError(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_matches_addresses_and_networks() {
        let proxies = TrustedProxies::parse(["127.0.0.1", "10.1.2.3/8", "fd00::/8"]).unwrap();
        for (ip, inside) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("fd12::1", true),
            ("::1", false),
        ] {
            assert_eq!(proxies.contains(ip.parse().unwrap()), inside, "{ip}");
        }
        assert!(!TrustedProxies::default().contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn possible_proxy_is_local_or_private() {
        for (ip, possible) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("172.17.0.2", true),
            ("fd00::2", true),
            ("203.0.113.9", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_possible_proxy(ip.parse().unwrap()), possible, "{ip}");
        }
    }

    #[test]
    fn recorded_proxy_is_untrusted_until_the_setting_has_it() {
        let recorded = || Some("172.17.0.2".to_owned());
        let none = TrustedProxies::default();
        assert_eq!(none.still_untrusted(recorded()), recorded());
        assert_eq!(none.still_untrusted(None), None);
        let docker = TrustedProxies::parse(["172.16.0.0/12"]).unwrap();
        assert_eq!(docker.still_untrusted(recorded()), None);
    }

    #[test]
    fn parse_error_has_the_invalid_text() {
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0", "127.0.0.1:80"] {
            let error = TrustedProxies::parse(["::1", text]).unwrap_err();
            assert_eq!(error, TrustedProxyError(text.to_owned()));
        }
    }
}

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
    fn parse_error_has_the_invalid_text() {
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0", "127.0.0.1:80"] {
            let error = TrustedProxies::parse(["::1", text]).unwrap_err();
            assert_eq!(error, TrustedProxyError(text.to_owned()));
        }
    }
}

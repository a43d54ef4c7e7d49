//! Whom a request is from.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::domain::trusted_proxies::TrustedProxies;
use crate::web::state::SharedState;

/// The client: the other end of the connection, or whom a trusted proxy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

impl FromRequestParts<SharedState> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &SharedState,
    ) -> Result<Self, Infallible> {
        let trusted = &state.web.door.trusted_proxies;
        Ok(Self(client_ip(
            peer(parts),
            &forwarded(&parts.headers),
            trusted,
        )))
    }
}

/// The other end of the connection. Without one (a test without a socket) all count as
/// one client.
pub fn peer(parts: &Parts) -> IpAddr {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| {
        address.ip().to_canonical()
    })
}

/// The hops of all `X-Forwarded-For` fields, in their order.
fn forwarded(headers: &HeaderMap) -> Vec<&str> {
    let fields = headers.get_all("x-forwarded-for").iter();
    // What is no text is no address either, and still a hop.
    fields
        .flat_map(|field| field.to_str().unwrap_or_default().split(','))
        .collect()
}

/// The rightmost hop that is no trusted proxy: each proxy appends whom it heard from, so
/// all to the left of that is hearsay. Only believed when the peer is a trusted proxy.
fn client_ip(peer: IpAddr, hops: &[&str], trusted: &TrustedProxies) -> IpAddr {
    let mut client = peer;
    for hop in hops.iter().rev() {
        if !trusted.contains(client) {
            break;
        }
        let Some(hop) = parse_hop(hop) else { break };
        client = hop;
    }
    client.to_canonical()
}

/// An address, as proxies write it: some add the port, and brackets to IPv6.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop
        .strip_prefix('[')
        .and_then(|hop| hop.strip_suffix(']'))
        .unwrap_or(hop);
    let address = bare
        .parse::<IpAddr>()
        .or_else(|_| hop.parse::<SocketAddr>().map(|it| it.ip()));
    address.ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_rightmost_hop_that_is_no_trusted_proxy() {
        let trusted = TrustedProxies::parse(["127.0.0.1", "10.0.0.0/8"]).unwrap();
        for (peer, header, client) in [
            ("198.51.100.1", "", "198.51.100.1"),
            // A stranger may say what they like.
            ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
            ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
            ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
            ("127.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
            ("127.0.0.1", "1.2.3.4, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
            ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
            ("127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
            ("127.0.0.1", "[2001:db8::1]", "2001:db8::1"),
            ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
            ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
            // All of it trusted: the farthest that is known.
            ("127.0.0.1", "10.0.0.7, 10.0.0.8", "10.0.0.7"),
            ("127.0.0.1", "", "127.0.0.1"),
            // What cannot be read hides nobody behind it.
            ("127.0.0.1", "203.0.113.9, unknown", "127.0.0.1"),
            ("127.0.0.1", "203.0.113.9, , 10.0.0.8", "10.0.0.8"),
        ] {
            let hops: Vec<&str> = header.split(',').collect();
            let found = client_ip(peer.parse().unwrap(), &hops, &trusted);
            assert_eq!(
                found,
                client.parse::<IpAddr>().unwrap(),
                "{peer} {header:?}"
            );
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "1.2.3.4, 5.6.7.8".parse().unwrap());
        headers.append("x-forwarded-for", "9.9.9.9".parse().unwrap());
        assert_eq!(forwarded(&headers), ["1.2.3.4", " 5.6.7.8", "9.9.9.9"]);
    }
}

//! IP address of the client.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::domain::trusted_proxies::{TrustedProxies, is_possible_proxy};
use crate::web::state::SharedState;

/// IP address of the client: the peer of the connection, or the address that a trusted proxy
/// reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

impl FromRequestParts<SharedState> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &SharedState,
    ) -> Result<Self, Infallible> {
        let trusted = &state.web.door.trusted_proxies;
        let (peer, hops) = (peer_ip(parts), forwarded_hops(&parts.headers));
        if !hops.is_empty() && !trusted.contains(peer) && is_possible_proxy(peer) {
            report_untrusted_proxy(state, peer).await;
        }
        Ok(Self(client_ip(peer, &hops, trusted)))
    }
}

/// Says once that a proxy names clients without being trusted: all of them count as one.
async fn report_untrusted_proxy(state: &SharedState, peer: IpAddr) {
    if state.untrusted_proxy_seen.swap(true, Ordering::Relaxed) {
        return;
    }
    tracing::warn!(
        %peer,
        "X-Forwarded-For comes from a peer that is not in server.trusted_proxies: all clients \
         count as one; add the peer if it is your proxy"
    );
    let peer = peer.to_string();
    if let Err(error) = state.web.store.record_untrusted_proxy(&peer).await {
        tracing::warn!(%error, "cannot record the untrusted proxy");
    }
}

/// Returns the IP address of the connection's peer, or `0.0.0.0` without a connection (in
/// tests).
pub fn peer_ip(parts: &Parts) -> IpAddr {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| {
        address.ip().to_canonical()
    })
}

/// Returns the hops of all `X-Forwarded-For` fields, in order. A field that is not text counts
/// as one invalid hop.
fn forwarded_hops(headers: &HeaderMap) -> Vec<&str> {
    let fields = headers.get_all("x-forwarded-for").iter();
    fields
        .flat_map(|field| field.to_str().unwrap_or_default().split(','))
        .collect()
}

/// Returns the rightmost hop that is not a trusted proxy. The header of a peer that is not
/// trusted is ignored.
///
/// Each proxy appends the address it received the request from, so hops to the left of the
/// first untrusted one can be forged.
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

/// Parses an address as proxies write it, optionally with port, and brackets for IPv6.
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
    fn client_is_rightmost_untrusted_hop() {
        let trusted = TrustedProxies::parse(["127.0.0.1", "10.0.0.0/8"]).unwrap();
        for (peer, header, client) in [
            ("198.51.100.1", "", "198.51.100.1"),
            // The header of an untrusted peer is ignored.
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
            // All hops are trusted: the leftmost one.
            ("127.0.0.1", "10.0.0.7, 10.0.0.8", "10.0.0.7"),
            ("127.0.0.1", "", "127.0.0.1"),
            // An invalid hop ends the chain.
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
    fn forwarded_hops_joins_several_fields() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "1.2.3.4, 5.6.7.8".parse().unwrap());
        headers.append("x-forwarded-for", "9.9.9.9".parse().unwrap());
        assert_eq!(forwarded_hops(&headers), ["1.2.3.4", " 5.6.7.8", "9.9.9.9"]);
    }
}

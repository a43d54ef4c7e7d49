//! Names to addresses, the public ones only.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::feeds::ssrf::is_public;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Public,
    Anywhere,
}

/// The address that is judged is the one that is connected to, as reqwest connects to
/// what this answers: a name that changes its mind between (DNS rebinding) gains nothing.
#[derive(Debug)]
pub(super) struct Resolver(Reach);

impl Resolver {
    pub fn new(reach: Reach) -> Self {
        Self(reach)
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("the name has no public address")]
    NotPublic,
    #[error("the name is not known: {0}")]
    Unknown(#[source] std::io::Error),
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(ResolveError::Unknown)?
                .collect();
            let reachable = within(reach, found);
            if reachable.is_empty() {
                return Err(ResolveError::NotPublic.into());
            }
            Ok(Box::new(reachable.into_iter()) as Addrs)
        })
    }
}

fn within(reach: Reach, addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let reachable = |address: &SocketAddr| reach == Reach::Anywhere || is_public(address.ip());
    addresses.into_iter().filter(reachable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_both_kinds_of_address_leads_to_the_public_one() {
        let public: SocketAddr = "1.1.1.1:0".parse().unwrap();
        let private: SocketAddr = "10.0.0.1:0".parse().unwrap();
        assert_eq!(within(Reach::Public, vec![private, public]), [public]);
        assert_eq!(
            within(Reach::Anywhere, vec![private, public]),
            [private, public]
        );
    }
}

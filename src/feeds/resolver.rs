//! DNS resolver that returns public addresses only.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::feeds::ssrf::is_public;

/// Addresses that a client may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressScope {
    /// Public addresses only.
    Public,
    /// All addresses, for hosts allowed by the operator.
    Any,
}

/// Resolver for reqwest.
///
/// reqwest connects to the addresses returned here, so the address that is checked is the
/// address that is used: DNS rebinding has no effect.
#[derive(Debug)]
pub(super) struct Resolver(AddressScope);

impl Resolver {
    /// Creates a resolver for the addresses in `scope`.
    pub(super) const fn new(scope: AddressScope) -> Self {
        Self(scope)
    }
}

/// Error of resolving a host name.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    /// All addresses are outside the scope.
    #[error("the name has no public address")]
    NotPublic,
    /// The name does not resolve.
    #[error("the name cannot be resolved: {0}")]
    Unknown(#[source] std::io::Error),
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let scope = self.0;
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(ResolveError::Unknown)?
                .collect();
            let allowed = filter_by_scope(scope, addresses);
            if allowed.is_empty() {
                return Err(ResolveError::NotPublic.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

fn filter_by_scope(scope: AddressScope, addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_allowed = |address: &SocketAddr| scope == AddressScope::Any || is_public(address.ip());
    addresses.into_iter().filter(is_allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_scope_removes_private_addresses() {
        let public: SocketAddr = "1.1.1.1:0".parse().unwrap();
        let private: SocketAddr = "10.0.0.1:0".parse().unwrap();
        let filter = |scope| filter_by_scope(scope, vec![private, public]);

        assert_eq!(filter(AddressScope::Public), [public]);
        assert_eq!(filter(AddressScope::Any), [private, public]);
    }
}

//! TLS towards a mail server: its certificate is always checked.

use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::domain::delivery::outcome::SmtpResult;
use crate::mail::reply::SmtpPhase;
use crate::mail::smtp::error::{WireError, settings};

/// A connector that trusts what this machine trusts (`SSL_CERT_FILE` is heeded); `None`
/// when it trusts nobody.
pub(super) fn of_this_machine() -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return None;
    }
    Some(trusting(roots))
}

pub(super) fn trusting(roots: RootCertStore) -> TlsConnector {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The name that the certificate must be for.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, SmtpResult> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| settings(&format!("'{host}' is no name a certificate could be for")))
}

/// A handshake that TLS itself refused will fail again until someone changes a setting;
/// one that the network broke may not.
pub(super) fn handshake_failure(error: &WireError) -> SmtpResult {
    match error {
        WireError::Io(io) if is_tls(io) => {
            settings(&format!("TLS failed, so nothing was sent: {io}"))
        }
        _ => error.report(SmtpPhase::StartTls),
    }
}

fn is_tls(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
}

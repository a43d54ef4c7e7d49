//! TLS to the mail server. The certificate is always verified.

use std::io;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::domain::delivery::outcome::SmtpResult;
use crate::mail::reply::SmtpPhase;
use crate::mail::smtp::error::{StreamError, settings_error};

/// Returns a connector that trusts the system's root certificates.
///
/// `SSL_CERT_FILE` replaces them. Returns `None` if there are none.
pub(super) fn system_connector() -> Option<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return None;
    }
    Some(connector(roots))
}

/// Returns a connector that trusts `roots`.
pub(super) fn connector(roots: RootCertStore) -> TlsConnector {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Returns the name that the server's certificate must match.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, SmtpResult> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| settings_error(&format!("'{host}' is not a valid TLS server name")))
}

/// Classifies a handshake error.
///
/// Certificate and protocol errors stop sending, I/O errors are retried.
pub(super) fn handshake_failure(error: &StreamError) -> SmtpResult {
    match error {
        StreamError::Io(io) if is_tls(io) => settings_error(&format!(
            "the TLS handshake failed, so nothing was sent: {io}"
        )),
        _ => error.to_result(SmtpPhase::StartTls),
    }
}

fn is_tls(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
}

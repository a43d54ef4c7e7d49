//! New keys, as PKCS #8 in PEM form.
//!
//! aws-lc-rs draws from a generator of its own, which the system seeds: a private key
//! comes from no [`Random`](crate::domain::random::Random), which a test may have seeded.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::Ed25519KeyPair;
use pem_rfc7468::LineEnding;
use secrecy::SecretString;

/// What receivers may rely on, and what fits the DNS (RFC 8301 §3.2).
const RSA_SIZE: KeySize = KeySize::Rsa2048;
/// Of an unencrypted PKCS #8 key (RFC 7468 §10).
const LABEL: &str = "PRIVATE KEY";

#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error("no key could be made, and the crypto library does not say why; try again")]
    Make(#[from] Unspecified),
    #[error("a key could not be encoded: {0}")]
    Pem(#[from] pem_rfc7468::Error),
}

/// A new RSA-2048 key (RFC 8017 appendix A.1.2 within RFC 5208 §5). Takes about a tenth of a
/// second.
///
/// # Errors
/// When no key was found or it cannot be encoded; neither is known to happen.
pub fn rsa_pem() -> Result<SecretString, GenerateError> {
    let key = rsa::KeyPair::generate(RSA_SIZE)?;
    let der: Pkcs8V1Der = key.as_der()?;
    pem(der.as_ref())
}

/// A new Ed25519 key (RFC 8410 §7), of version 1: OpenSSL does not read version 2.
///
/// # Errors
/// When it cannot be made or encoded; neither is known to happen.
pub fn ed25519_pem() -> Result<SecretString, GenerateError> {
    let der = Ed25519KeyPair::generate()?.to_pkcs8v1()?;
    pem(der.as_ref())
}

fn pem(der: &[u8]) -> Result<SecretString, GenerateError> {
    let pem = pem_rfc7468::encode_string(LABEL, LineEnding::LF, der)?;
    Ok(SecretString::from(pem))
}

//! Generates keys as PKCS #8 in PEM form.
//!
//! aws-lc-rs uses its own generator, seeded by the system, and not
//! [`Random`](crate::domain::random::Random), which tests seed with a constant.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::Ed25519KeyPair;
use pem_rfc7468::LineEnding;
use secrecy::SecretString;

/// Size of new RSA keys: the recommended minimum (RFC 8301 §3.2), which fits a DNS record.
const RSA_SIZE: KeySize = KeySize::Rsa2048;
/// PEM label of an unencrypted PKCS #8 key (RFC 7468 §10).
const LABEL: &str = "PRIVATE KEY";

/// Error of [`rsa_pem`] and [`ed25519_pem`].
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The crypto library failed; it gives no reason.
    #[error("cannot generate a key (the crypto library gives no reason); try again")]
    Generate(#[from] Unspecified),
    /// The key cannot be encoded as PEM.
    #[error("cannot encode the key: {0}")]
    Pem(#[from] pem_rfc7468::Error),
}

/// Generates an RSA-2048 key (RFC 8017 appendix A.1.2 in RFC 5208 §5) in about 0.1 s.
///
/// # Errors
/// Returns [`GenerateError`] if the crypto library fails or the key cannot be encoded.
pub fn rsa_pem() -> Result<SecretString, GenerateError> {
    let key = rsa::KeyPair::generate(RSA_SIZE)?;
    let der: Pkcs8V1Der = key.as_der()?;
    encode_pem(der.as_ref())
}

/// Generates an Ed25519 key (RFC 8410 §7) of version 1, because OpenSSL does not read version 2.
///
/// # Errors
/// Returns [`GenerateError`] if the crypto library fails or the key cannot be encoded.
pub fn ed25519_pem() -> Result<SecretString, GenerateError> {
    let der = Ed25519KeyPair::generate()?.to_pkcs8v1()?;
    encode_pem(der.as_ref())
}

fn encode_pem(der: &[u8]) -> Result<SecretString, GenerateError> {
    let pem = pem_rfc7468::encode_string(LABEL, LineEnding::LF, der)?;
    Ok(SecretString::from(pem))
}

//! Private keys and their DNS records.

use aws_lc_rs::rsa;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{DkimKey, Ed25519Key, RsaKey, Sha256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, alg_id};
use rustls::sign::public_key_to_spki;

/// Maximum modulus in bytes that every receiver must support (RFC 8301 §3.2).
const MAX_RSA_BYTES: usize = 4096 / 8;

/// A private key: RSA of 2048 to 4096 bits, or Ed25519.
pub struct PrivateKey(pub(super) DkimKey);

/// Error of [`PrivateKey::from_pem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text contains no private key in PEM form.
    #[error(
        "no private key in PEM form; expected -----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----, without a passphrase"
    )]
    NotPem,
    /// The type or the size of the key is not supported.
    #[error("neither an RSA key of 2048 to 4096 bits nor an Ed25519 key")]
    Unfit,
}

impl PrivateKey {
    /// Parses the first private key in `pem`: PKCS #8, or PKCS #1 for RSA.
    ///
    /// # Errors
    /// Returns [`KeyError::NotPem`] if there is no private key, and [`KeyError::Unfit`] if its
    /// type or size is not supported.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| KeyError::NotPem)?;
        if let PrivateKeyDer::Pkcs8(der) = &der {
            // OpenSSL omits the public key, which a strict parser requires.
            let key = Ed25519Key::from_pkcs8_maybe_unchecked_der(der.secret_pkcs8_der());
            if let Ok(key) = key {
                return Ok(Self(key.into()));
            }
        }
        // The library rejects keys of less than 2048 bits.
        let key = RsaKey::<Sha256>::from_key_der(der).map_err(|_| KeyError::Unfit)?;
        match rsa::PublicKey::from_der(&key.public_key()) {
            Ok(public) if public.modulus_len() <= MAX_RSA_BYTES => Ok(Self(key.into())),
            _ => Err(KeyError::Unfit),
        }
    }

    /// Returns the value of the TXT record of `selector._domainkey.domain` (RFC 6376 §3.6.1).
    pub fn dns_record(&self) -> String {
        match &self.0 {
            DkimKey::Rsa(key) => {
                let spki = public_key_to_spki(&alg_id::RSA_ENCRYPTION, key.public_key());
                format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(spki))
            }
            DkimKey::Ed25519(key) => {
                format!(
                    "v=DKIM1; k=ed25519; p={}",
                    STANDARD.encode(key.public_key())
                )
            }
        }
    }
}

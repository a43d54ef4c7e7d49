//! New keys.
//!
//! The `rsa` crate makes them. What its advisory
//! (RUSTSEC-2023-0071) warns of is the timing of signing and decrypting, which it never
//! does here.

use rsa::pkcs8::der::pem::PemLabel;
use rsa::pkcs8::spki::AlgorithmIdentifierRef;
use rsa::pkcs8::{
    self, EncodePrivateKey, LineEnding, ObjectIdentifier, PrivateKeyInfo, SecretDocument,
};
use rsa::rand_core::{self, CryptoRng, RngCore};
use secrecy::SecretString;

use crate::domain::random::Random;

/// What receivers may rely on, and what fits the DNS (RFC 8301 §3.2).
const RSA_BITS: usize = 2048;
/// id-Ed25519 (RFC 8410 §3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error("no RSA key could be made: {0}")]
    Rsa(#[from] rsa::Error),
    #[error("a key could not be encoded: {0}")]
    Encode(#[from] pkcs8::Error),
    #[error("a key could not be encoded: {0}")]
    Pem(#[from] pkcs8::der::Error),
}

/// A new RSA-2048 key as PKCS #8 in PEM form. Takes about a second.
///
/// # Errors
/// When no key was found or it cannot be encoded; neither is known to happen.
pub fn rsa_pem(random: &Random) -> Result<SecretString, GenerateError> {
    let key = rsa::RsaPrivateKey::new(&mut Source(random), RSA_BITS)?;
    let pem = key.to_pkcs8_pem(LineEnding::LF)?;
    Ok(SecretString::from(pem.as_str()))
}

/// A new Ed25519 key as PKCS #8 in PEM form (RFC 8410 §7).
///
/// # Errors
/// When it cannot be encoded, which is not known to happen.
pub fn ed25519_pem(random: &Random) -> Result<SecretString, GenerateError> {
    let seed = random.bytes::<32>();
    // An OCTET STRING within the OCTET STRING: CurvePrivateKey.
    let key = [&[0x04, 0x20], &seed[..]].concat();
    let algorithm = AlgorithmIdentifierRef {
        oid: ED25519,
        parameters: None,
    };
    let document = SecretDocument::try_from(PrivateKeyInfo::new(algorithm, &key))?;
    let pem = document.to_pem(PrivateKeyInfo::PEM_LABEL, LineEnding::LF)?;
    Ok(SecretString::from(pem.as_str()))
}

/// [`Random`] in the form that `rsa` asks for.
struct Source<'a>(&'a Random);

impl CryptoRng for Source<'_> {}

impl RngCore for Source<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.0.bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.0.bytes())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            chunk.copy_from_slice(&self.0.bytes::<32>()[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

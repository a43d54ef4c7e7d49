//! Signs messages with DKIM (RFC 6376, RFC 8301, RFC 8463).
//!
//! Every key signs every message with relaxed/relaxed canonicalization and no body limit: an
//! RSA key for all receivers, an Ed25519 key for those that support it. mail-auth
//! canonicalizes and aws-lc signs. The time of a signature is the Date of the message, so that
//! a retry has the same bytes; therefore mail-auth's `sign`, which reads the system clock, is
//! not used.

mod generate;
mod key;
mod key_file;
mod signer;

#[cfg(test)]
mod tests;

pub use generate::{GenerateError, ed25519_pem, rsa_pem};
pub use key::{KeyError, PrivateKey};
pub use key_file::{KeyFileError, create};
pub use signer::{KeySource, SignError, Signer};

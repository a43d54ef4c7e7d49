//! Signing mail for its domain (DKIM: RFC 6376, RFC 8301, RFC 8463).
//!
//! Every key signs every mail, relaxed/relaxed and to the end of the body: an RSA key for
//! all receivers, an Ed25519 key for those that know it. mail-auth canonicalises and aws-lc
//! signs. The time of a signature is the mail's own Date, so that a second try has the
//! same bytes; this is why mail-auth's `sign`, which asks the machine's clock, is not used.

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

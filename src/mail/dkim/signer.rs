//! Signs messages.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::fmt::rfc2822;
use mail_auth::AuthenticatedMessage;
use mail_auth::common::crypto::{HashAlgorithm, SigningKey};
use mail_auth::common::headers::{Writable, Writer};
use mail_auth::dkim::{Canonicalization, Signature};

use crate::domain::dkim_selector::Selector;
use crate::mail::dkim::key::PrivateKey;
use crate::mail::dkim::key_file::{self, KeyFileError};

/// Signed header fields. Each is listed once more than the message has it, so that a field
/// cannot be added in transit (RFC 6376 §5.4).
pub(super) const SIGNED_FIELDS: [&str; 14] = [
    "From",
    "Reply-To",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "Precedence",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "MIME-Version",
    "Content-Type",
];

/// Location of a key: its file and its selector in the DNS.
#[derive(Clone, Debug)]
pub struct KeySource {
    /// Selector of the public key in the DNS.
    pub selector: Selector,
    /// Path of the private key.
    pub file: PathBuf,
}

/// Signs messages of one domain with all its keys.
pub struct Signer {
    keys: Vec<NamedKey>,
    readable_by_others: Vec<PathBuf>,
}

struct NamedKey {
    key: PrivateKey,
    /// Values that are the same for every message.
    template: Signature,
}

/// Error of [`Signer::sign`]. Does not occur for messages that this program encodes.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The message has no valid Date header.
    #[error("the message has no valid Date header")]
    NoDate,
    /// The crypto library failed.
    #[error("cannot sign the message: {0}")]
    Key(#[from] mail_auth::Error),
}

impl Signer {
    /// Reads the key files.
    ///
    /// A file that other users can read is not an error: see [`Self::readable_by_others`].
    ///
    /// # Errors
    /// Returns [`KeyFileError`] for the first file that cannot be read or contains no usable key.
    pub fn load(domain: &str, keys: &[KeySource]) -> Result<Self, KeyFileError> {
        let mut signer = Self {
            keys: Vec::new(),
            readable_by_others: Vec::new(),
        };
        for source in keys {
            let file = key_file::read(&source.file)?;
            if file.readable_by_others {
                signer.readable_by_others.push(source.file.clone());
            }
            signer.keys.push(NamedKey::new(domain, source, file.key));
        }
        Ok(signer)
    }

    /// Returns the key files that other users of this machine can read.
    pub fn readable_by_others(&self) -> impl Iterator<Item = &Path> {
        self.readable_by_others.iter().map(PathBuf::as_path)
    }

    /// Returns name and value of the TXT record of each key.
    pub fn dns_records(&self) -> impl Iterator<Item = (String, String)> {
        self.keys.iter().map(|NamedKey { key, template }| {
            let name = format!("{}._domainkey.{}", template.s, template.d);
            (name, key.dns_record())
        })
    }

    /// Returns `message` with a signature of each key before it.
    ///
    /// `message` has CRLF line ends and no dot stuffing. The result is deterministic.
    ///
    /// # Errors
    /// Returns [`SignError::NoDate`] without a valid Date header, and [`SignError::Key`] if the
    /// crypto library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let parsed = AuthenticatedMessage::parse(message).ok_or(SignError::NoDate)?;
        let mut headers = parsed.raw_parsed_headers().to_vec();
        headers.retain(|(name, _)| is_signed(name));
        let time = date_seconds(&headers).ok_or(SignError::NoDate)?;
        let body = Canonicalization::Relaxed.canonical_body(parsed.raw_body(), 0);
        let body_hash = HashAlgorithm::Sha256.hash(body);
        let mut canonical = Vec::with_capacity(2048);
        // Of several fields with the same name the last is signed first (RFC 6376 §5.4.2).
        let from_bottom = headers.iter().rev();
        Canonicalization::Relaxed
            .canonicalize_headers(from_bottom.clone().copied(), &mut canonical);
        let names: Vec<String> = from_bottom
            .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
            .chain(SIGNED_FIELDS.map(str::to_owned))
            .collect();

        let mut signed = Vec::with_capacity(message.len() + 1024 * self.keys.len());
        for NamedKey { key, template } in &self.keys {
            let mut signature = Signature {
                t: time,
                h: names.clone(),
                bh: body_hash.as_ref().to_vec(),
                ..template.clone()
            };
            signature.b = key.0.sign(ToSign {
                headers: &canonical,
                signature: &signature,
            })?;
            signature.write(&mut signed, true);
        }
        signed.extend_from_slice(message);
        Ok(signed)
    }
}

impl NamedKey {
    fn new(domain: &str, source: &KeySource, key: PrivateKey) -> Self {
        let template = Signature {
            v: 1,
            a: key.0.algorithm(),
            d: domain.to_owned(),
            s: source.selector.as_str().to_owned(),
            ch: Canonicalization::Relaxed,
            cb: Canonicalization::Relaxed,
            ..Signature::default()
        };
        Self { key, template }
    }
}

fn is_signed(name: &[u8]) -> bool {
    SIGNED_FIELDS
        .iter()
        .any(|signed| name.eq_ignore_ascii_case(signed.as_bytes()))
}

/// Returns the Date header in Unix seconds.
fn date_seconds(headers: &[(&[u8], &[u8])]) -> Option<u64> {
    let (_, value) = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(b"Date"))?;
    let text = std::str::from_utf8(value).ok()?;
    let date = rfc2822::parse(text.trim()).ok()?;
    u64::try_from(date.timestamp().as_second()).ok()
}

/// Input of a signature: the fields and the signature field without its value (RFC 6376 §3.7).
struct ToSign<'a> {
    headers: &'a [u8],
    signature: &'a Signature,
}

impl Writable for ToSign<'_> {
    fn write(self, writer: &mut impl Writer) {
        writer.write(self.headers);
        self.signature.write(writer, false);
    }
}

/// Shows the selectors, not the keys.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let selectors = self.keys.iter().map(|key| &key.template.s);
        f.debug_list().entries(selectors).finish()
    }
}

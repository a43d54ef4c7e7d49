//! A message and its signatures.

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

/// The fields that are signed. Each is named once more than the mail has it, so that
/// nobody can add one on the way (RFC 6376 §5.4).
pub(super) const SIGNED: [&str; 14] = [
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

/// Where a key lies, and under which name its public half is in the DNS.
#[derive(Clone, Debug)]
pub struct KeySource {
    pub selector: Selector,
    pub file: PathBuf,
}

/// Signs mail of one domain with all its keys.
pub struct Signer {
    keys: Vec<NamedKey>,
    readable_by_others: Vec<PathBuf>,
}

struct NamedKey {
    key: PrivateKey,
    /// All of a signature that is the same for every mail.
    template: Signature,
}

/// Why a message was not signed. No mail that this program writes has such a fault.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("the mail has no Date to be signed at")]
    NoDate,
    #[error("the mail cannot be signed: {0}")]
    Key(#[from] mail_auth::Error),
}

impl Signer {
    /// Reads the key files. A file that others on this machine can read is no error, but
    /// see [`Self::readable_by_others`].
    ///
    /// # Errors
    /// Names the first file that cannot be read or holds no key to sign mail with.
    pub fn load(domain: &str, keys: &[KeySource]) -> Result<Self, KeyFileError> {
        let mut signer = Self {
            keys: Vec::new(),
            readable_by_others: Vec::new(),
        };
        for place in keys {
            let file = key_file::read(&place.file)?;
            if file.readable_by_others {
                signer.readable_by_others.push(place.file.clone());
            }
            signer.keys.push(NamedKey::new(domain, place, file.key));
        }
        Ok(signer)
    }

    /// The key files that others on this machine can read.
    pub fn readable_by_others(&self) -> impl Iterator<Item = &Path> {
        self.readable_by_others.iter().map(PathBuf::as_path)
    }

    /// What the DNS must have: the name and the value of each key's TXT record.
    pub fn dns_records(&self) -> impl Iterator<Item = (String, String)> {
        self.keys.iter().map(|NamedKey { key, template }| {
            let name = format!("{}._domainkey.{}", template.s, template.d);
            (name, key.dns_record())
        })
    }

    /// `message` (with CRLF, as it goes over the wire before dots are doubled) behind a
    /// signature of each key. The same message gets the same signatures.
    ///
    /// # Errors
    /// When it has no Date, or a key fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let parsed = AuthenticatedMessage::parse(message).ok_or(SignError::NoDate)?;
        let mut headers = parsed.raw_parsed_headers().to_vec();
        headers.retain(|(name, _)| is_signed(name));
        let time = date(&headers).ok_or(SignError::NoDate)?;
        let body = Canonicalization::Relaxed.canonical_body(parsed.raw_body(), 0);
        let body_hash = HashAlgorithm::Sha256.hash(body);
        let mut canonical = Vec::with_capacity(2048);
        // The last of several fields of a name is the first to be signed (RFC 6376 §5.4.2).
        let from_below = headers.iter().rev();
        Canonicalization::Relaxed.canonicalize_headers(from_below.clone().copied(), &mut canonical);
        let names: Vec<String> = from_below
            .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
            .chain(SIGNED.map(str::to_owned))
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
    fn new(domain: &str, place: &KeySource, key: PrivateKey) -> Self {
        let template = Signature {
            v: 1,
            a: key.0.algorithm(),
            d: domain.to_owned(),
            s: place.selector.as_str().to_owned(),
            ch: Canonicalization::Relaxed,
            cb: Canonicalization::Relaxed,
            ..Signature::default()
        };
        Self { key, template }
    }
}

fn is_signed(name: &[u8]) -> bool {
    SIGNED
        .iter()
        .any(|signed| name.eq_ignore_ascii_case(signed.as_bytes()))
}

/// In Unix seconds.
fn date(headers: &[(&[u8], &[u8])]) -> Option<u64> {
    let (_, value) = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(b"Date"))?;
    let text = std::str::from_utf8(value).ok()?;
    let date = rfc2822::parse(text.trim()).ok()?;
    u64::try_from(date.timestamp().as_second()).ok()
}

/// What a signature is over: the fields, and itself without its value (RFC 6376 §3.7).
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

/// The selectors: keys are not shown.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let selectors = self.keys.iter().map(|key| &key.template.s);
        f.debug_list().entries(selectors).finish()
    }
}

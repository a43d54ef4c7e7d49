//! An issue's message, encoded once, with placeholders for what differs between recipients.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::email_address::EmailAddress;
use crate::domain::random::Random;
use crate::domain::subscriber_token::SUBSCRIBER_TOKEN_LEN;
use crate::mail::compose::encode::encode_message;
use crate::mail::compose::message::{Mail, MessageId};

/// Placeholders for the recipient's values while an issue is rendered.
///
/// They have the length and the characters of real tokens, so that lines break in the same
/// places, and 288 random bits, so that no content contains them.
#[derive(Clone, Debug)]
pub struct Placeholders {
    unsubscribe: String,
    preferences: String,
    to: String,
    message_id: String,
}

impl Placeholders {
    /// Generates random placeholders.
    pub fn new(random: &Random) -> Self {
        let placeholder =
            || URL_SAFE_NO_PAD.encode(random.bytes::<{ SUBSCRIBER_TOKEN_LEN / 4 * 3 }>());
        Self {
            unsubscribe: placeholder(),
            preferences: placeholder(),
            to: placeholder(),
            message_id: placeholder(),
        }
    }

    /// Returns the placeholder of the unsubscribe token.
    pub fn unsubscribe(&self) -> &str {
        &self.unsubscribe
    }

    /// Returns the placeholder of the preferences token.
    pub fn preferences(&self) -> &str {
        &self.preferences
    }
}

/// Recipient of an issue, with the values that replace the placeholders.
#[derive(Clone, Debug)]
pub struct Recipient {
    to: EmailAddress,
    message_id: MessageId,
    unsubscribe_token: String,
    preferences_token: String,
}

/// Error of [`Recipient::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid token; expected {SUBSCRIBER_TOKEN_LEN} characters of A-Z a-z 0-9 - _")]
pub struct RecipientError;

impl Recipient {
    /// Creates a recipient.
    ///
    /// # Errors
    /// Returns [`RecipientError`] if a token does not have the length and characters of the
    /// placeholders.
    pub fn new(
        to: EmailAddress,
        message_id: MessageId,
        unsubscribe_token: String,
        preferences_token: String,
    ) -> Result<Self, RecipientError> {
        let is_valid = |token: &str| {
            token.len() == SUBSCRIBER_TOKEN_LEN
                && token
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if !is_valid(&unsubscribe_token) || !is_valid(&preferences_token) {
            return Err(RecipientError);
        }
        Ok(Self {
            to,
            message_id,
            unsubscribe_token,
            preferences_token,
        })
    }

    /// Returns the address.
    pub fn to(&self) -> &EmailAddress {
        &self.to
    }
}

/// An encoded message with placeholders.
///
/// Rendering it for a recipient returns the same bytes as encoding the message for that
/// recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Piece>", into = "Vec<Piece>")]
pub struct FrozenMail {
    pieces: Vec<Piece>,
}

/// A piece of the message. A soft line break may split a token, so tokens have ranges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Piece {
    Text(String),
    To,
    MessageId,
    Unsubscribe(Range<usize>),
    Preferences(Range<usize>),
}

/// Error for a stored message that [`FrozenMail::to_json`] did not write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrozenMailError {
    /// The text is not valid JSON, or has another structure.
    #[error("invalid frozen message: {0}")]
    Json(String),
    /// A range exceeds the length of a token.
    #[error("invalid frozen message: token range out of bounds")]
    Range,
}

impl FrozenMail {
    /// Encodes `mail`, which was rendered with `placeholders` instead of tokens.
    pub fn freeze(mail: &Mail<'_>, placeholders: &Placeholders) -> Self {
        let tokens = [placeholders.unsubscribe(), placeholders.preferences()];
        let message = encode_message(mail, &placeholders.to, &placeholders.message_id, &tokens);
        Self {
            pieces: split(&message, placeholders),
        }
    }

    /// Returns the message for one recipient.
    pub fn render_for(&self, recipient: &Recipient) -> Vec<u8> {
        let to = recipient.to.to_string();
        let id = recipient.message_id.to_string();
        let length = |piece: &Piece| -> usize {
            match piece {
                Piece::Text(text) => text.len(),
                _ => SUBSCRIBER_TOKEN_LEN,
            }
        };
        let size = self.pieces.iter().map(length).sum::<usize>() + to.len() + id.len();
        let mut message = Vec::with_capacity(size + TERMINATOR_ROOM);
        for piece in &self.pieces {
            message.extend_from_slice(match piece {
                Piece::Text(text) => text.as_bytes(),
                Piece::To => to.as_bytes(),
                Piece::MessageId => id.as_bytes(),
                Piece::Unsubscribe(range) => &recipient.unsubscribe_token.as_bytes()[range.clone()],
                Piece::Preferences(range) => &recipient.preferences_token.as_bytes()[range.clone()],
            });
        }
        message
    }

    /// Returns the stored form.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers can be serialized")
    }

    /// Parses the stored form.
    ///
    /// # Errors
    /// Returns [`FrozenMailError::Json`] if `json` was not written by [`Self::to_json`].
    pub fn from_json(json: &str) -> Result<Self, FrozenMailError> {
        serde_json::from_str(json).map_err(|error| FrozenMailError::Json(error.to_string()))
    }

    /// Returns the SHA-256 hash of the stored form in hexadecimal. It does not depend on the
    /// placeholders.
    pub fn content_hash(&self) -> String {
        hex::encode(Sha256::digest(self.to_json()))
    }
}

impl TryFrom<Vec<Piece>> for FrozenMail {
    type Error = FrozenMailError;

    fn try_from(pieces: Vec<Piece>) -> Result<Self, FrozenMailError> {
        let is_in_bounds = |piece: &Piece| match piece {
            Piece::Unsubscribe(range) | Piece::Preferences(range) => {
                range.start <= range.end && range.end <= SUBSCRIBER_TOKEN_LEN
            }
            Piece::Text(_) | Piece::To | Piece::MessageId => true,
        };
        if pieces.iter().all(is_in_bounds) {
            Ok(Self { pieces })
        } else {
            Err(FrozenMailError::Range)
        }
    }
}

impl From<FrozenMail> for Vec<Piece> {
    fn from(mail: FrozenMail) -> Self {
        mail.pieces
    }
}

/// Spare capacity in bytes for the line that ends a message in SMTP, which avoids a copy.
const TERMINATOR_ROOM: usize = 8;

/// Soft line break of quoted-printable.
const SOFT_BREAK: &str = "=\r\n";

/// Creates the piece for a range of a placeholder.
type MakePiece = fn(Range<usize>) -> Piece;

/// Splits an encoded message at its placeholders.
fn split(message: &str, placeholders: &Placeholders) -> Vec<Piece> {
    let kinds: [(&str, MakePiece); 4] = [
        (&placeholders.unsubscribe, Piece::Unsubscribe),
        (&placeholders.preferences, Piece::Preferences),
        (&placeholders.to, |_| Piece::To),
        (&placeholders.message_id, |_| Piece::MessageId),
    ];
    let mut pieces = Vec::new();
    let mut text_from = 0;
    let mut at = 0;
    while at < message.len() {
        let found = kinds.iter().find_map(|(placeholder, piece)| {
            Some((match_placeholder(&message[at..], placeholder)?, piece))
        });
        let Some(((parts, length), piece)) = found else {
            at += 1;
            continue;
        };
        push_text(&mut pieces, &message[text_from..at]);
        for (index, range) in parts.into_iter().enumerate() {
            if index > 0 {
                push_text(&mut pieces, SOFT_BREAK);
            }
            pieces.push(piece(range));
        }
        at += length;
        text_from = at;
    }
    push_text(&mut pieces, &message[text_from..]);
    pieces
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// Returns whether `message` starts with `placeholder`, ignoring soft line breaks in it.
///
/// The result has the ranges of the placeholder between the breaks, and the number of bytes
/// of the message that they and the breaks use.
fn match_placeholder(message: &str, placeholder: &str) -> Option<(Vec<Range<usize>>, usize)> {
    let mut parts = Vec::new();
    let (mut from, mut matched, mut at) = (0, 0, 0);
    while matched < placeholder.len() {
        if matched > from && message[at..].starts_with(SOFT_BREAK) {
            parts.push(from..matched);
            from = matched;
            at += SOFT_BREAK.len();
        }
        if message.as_bytes().get(at) != placeholder.as_bytes().get(matched) {
            return None;
        }
        matched += 1;
        at += 1;
    }
    parts.push(from..matched);
    Some((parts, at))
}

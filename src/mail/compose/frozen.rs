//! An issue's message, encoded once, with the places that differ from reader to reader.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::email_address::EmailAddress;
use crate::domain::random::Random;
use crate::domain::subscriber_token::SUBSCRIBER_TOKEN_LEN;
use crate::mail::compose::{Mail, MessageId, encode};

/// Stand-ins for what differs per reader while an issue is rendered: as long as a real
/// token and of the same characters, so that every line breaks where it will break, and
/// 288 random bits each, so that no content can hold one.
#[derive(Clone, Debug)]
pub struct Placeholders {
    unsubscribe: String,
    preferences: String,
    to: String,
    message_id: String,
}

impl Placeholders {
    pub fn new(random: &Random) -> Self {
        let marker = || URL_SAFE_NO_PAD.encode(random.bytes::<{ SUBSCRIBER_TOKEN_LEN / 4 * 3 }>());
        Self {
            unsubscribe: marker(),
            preferences: marker(),
            to: marker(),
            message_id: marker(),
        }
    }

    /// Goes where the reader's unsubscribe token belongs.
    pub fn unsubscribe(&self) -> &str {
        &self.unsubscribe
    }

    /// Goes where the reader's preferences token belongs.
    pub fn preferences(&self) -> &str {
        &self.preferences
    }
}

/// Who a copy is for, and what is theirs alone in it.
#[derive(Clone, Debug)]
pub struct Recipient {
    to: EmailAddress,
    message_id: MessageId,
    unsubscribe_token: String,
    preferences_token: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reader's token is {SUBSCRIBER_TOKEN_LEN} characters of A-Z a-z 0-9 - _")]
pub struct RecipientError;

impl Recipient {
    /// # Errors
    /// When a token is not of the form that the mail was frozen for.
    pub fn new(
        to: EmailAddress,
        message_id: MessageId,
        unsubscribe_token: String,
        preferences_token: String,
    ) -> Result<Self, RecipientError> {
        let fits = |token: &str| {
            token.len() == SUBSCRIBER_TOKEN_LEN
                && token
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if !fits(&unsubscribe_token) || !fits(&preferences_token) {
            return Err(RecipientError);
        }
        Ok(Self {
            to,
            message_id,
            unsubscribe_token,
            preferences_token,
        })
    }

    pub fn to(&self) -> &EmailAddress {
        &self.to
    }
}

/// A message with gaps. Filling them gives, byte for byte, what composing the mail
/// afresh for that reader would give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Piece>", into = "Vec<Piece>")]
pub struct FrozenMail {
    pieces: Vec<Piece>,
}

/// A token may fall apart at soft line breaks, hence the ranges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Piece {
    Text(String),
    To,
    MessageId,
    Unsubscribe(Range<usize>),
    Preferences(Range<usize>),
}

/// The stored form is none that this program wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrozenMailError {
    #[error("the frozen mail cannot be read: {0}")]
    Json(String),
    #[error("the frozen mail asks for a part of a token that is none")]
    Range,
}

impl FrozenMail {
    /// Encodes `mail`, rendered with `markers` in place of the reader's tokens.
    pub fn freeze(mail: &Mail<'_>, markers: &Placeholders) -> Self {
        let tokens = [markers.unsubscribe(), markers.preferences()];
        let message = encode::message(mail, &markers.to, &markers.message_id, &tokens);
        Self {
            pieces: split(&message, markers),
        }
    }

    /// The message for one reader.
    pub fn render_for(&self, recipient: &Recipient) -> Vec<u8> {
        let to = recipient.to.to_string();
        let id = recipient.message_id.to_string();
        let text = |piece: &'_ Piece| -> usize {
            match piece {
                Piece::Text(text) => text.len(),
                _ => SUBSCRIBER_TOKEN_LEN,
            }
        };
        let size = self.pieces.iter().map(text).sum::<usize>() + to.len() + id.len();
        let mut message = Vec::with_capacity(size + ROOM);
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

    /// The form it is stored in with its issue.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialise")
    }

    /// # Errors
    /// When `json` did not come from [`Self::to_json`].
    pub fn from_json(json: &str) -> Result<Self, FrozenMailError> {
        serde_json::from_str(json).map_err(|error| FrozenMailError::Json(error.to_string()))
    }

    /// SHA-256 over all that is the same for every reader, and where it is not; in
    /// hexadecimal.
    pub fn content_hash(&self) -> String {
        hex::encode(Sha256::digest(self.to_json()))
    }
}

impl TryFrom<Vec<Piece>> for FrozenMail {
    type Error = FrozenMailError;

    fn try_from(pieces: Vec<Piece>) -> Result<Self, FrozenMailError> {
        let within = |piece: &Piece| match piece {
            Piece::Unsubscribe(range) | Piece::Preferences(range) => {
                range.start <= range.end && range.end <= SUBSCRIBER_TOKEN_LEN
            }
            Piece::Text(_) | Piece::To | Piece::MessageId => true,
        };
        if pieces.iter().all(within) {
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

/// For the line that ends a message on the wire, so that it is not copied for that.
const ROOM: usize = 8;

const SOFT_BREAK: &str = "=\r\n";

type MakePiece = fn(Range<usize>) -> Piece;

fn split(message: &str, markers: &Placeholders) -> Vec<Piece> {
    let kinds: [(&str, MakePiece); 4] = [
        (&markers.unsubscribe, Piece::Unsubscribe),
        (&markers.preferences, Piece::Preferences),
        (&markers.to, |_| Piece::To),
        (&markers.message_id, |_| Piece::MessageId),
    ];
    let mut pieces = Vec::new();
    let mut text_from = 0;
    let mut at = 0;
    while at < message.len() {
        let found = kinds
            .iter()
            .find_map(|(marker, piece)| Some((find_at(&message[at..], marker)?, piece)));
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

/// Whether `message` begins with `marker`, soft line breaks inside it not counting: the
/// unbroken ranges of the marker, and how many bytes of the message they and the
/// breaks take.
fn find_at(message: &str, marker: &str) -> Option<(Vec<Range<usize>>, usize)> {
    let mut parts = Vec::new();
    let (mut from, mut matched, mut at) = (0, 0, 0);
    while matched < marker.len() {
        if matched > from && message[at..].starts_with(SOFT_BREAK) {
            parts.push(from..matched);
            from = matched;
            at += SOFT_BREAK.len();
        }
        if message.as_bytes().get(at) != marker.as_bytes().get(matched) {
            return None;
        }
        matched += 1;
        at += 1;
    }
    parts.push(from..matched);
    Some((parts, at))
}

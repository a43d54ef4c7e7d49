//! Words into a message (RFC 5322, RFC 2045), once per issue.

mod encode;
mod frozen;

use std::fmt;

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::IssueNumber;
use crate::domain::mailbox::Mailbox;
use crate::mail::templates::Rendered;

pub use encode::quoted_printable_len;
pub use frozen::{FrozenMail, FrozenMailError, Placeholders, Recipient, RecipientError};

/// A mail before it has a recipient.
#[derive(Clone, Debug)]
pub struct Mail<'a> {
    pub from: &'a Mailbox,
    pub reply_to: Option<&'a Mailbox>,
    /// For an issue: frozen with it, so that a second try is the same mail.
    pub date: Timestamp,
    pub content: &'a Rendered,
    /// Issues have them; no other mail does, since a one-click that does nothing is a lie.
    pub list: Option<&'a ListHeaders>,
}

impl Mail<'_> {
    /// The message for one recipient: ASCII, CRLF only, no line over 998 octets.
    pub fn encode(&self, to: &EmailAddress, id: &MessageId) -> Vec<u8> {
        encode::message(self, &to.to_string(), &id.to_string(), &[]).into_bytes()
    }
}

/// What tells mailbox providers that a mail belongs to a list, and how to leave it.
#[derive(Clone, Debug)]
pub struct ListHeaders {
    /// `Example Lab weekly <weekly.example.com>` (RFC 2919).
    list_id: String,
    unsubscribe_url: String,
    feedback_id: String,
}

impl ListHeaders {
    /// For an issue. `unsubscribe_url` carries the marker of the reader's token and
    /// answers a one-click POST (RFC 8058).
    pub fn for_issue(
        newsletter: &str,
        from: &Mailbox,
        number: IssueNumber,
        unsubscribe_url: &str,
    ) -> Self {
        let domain = from.domain();
        // Gmail wants the last field to be the same for all mail of a sender, 5 to 15 characters.
        let sender: String = domain
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(15)
            .collect();
        Self {
            list_id: format!("{} <weekly.{domain}>", list_phrase(newsletter)),
            unsubscribe_url: unsubscribe_url.to_owned(),
            feedback_id: format!("issue{number}:weekly:digest:{sender}"),
        }
    }
}

/// The list's name for people: the newsletter's, which may say already how often it comes.
fn list_phrase(newsletter: &str) -> String {
    let name = phrase(newsletter);
    if name.to_lowercase().ends_with("weekly") {
        name
    } else {
        format!("{name} weekly")
    }
}

/// Only what needs no quoting (RFC 5322 §3.2.3): a list's name is for people, its
/// identifier stands behind it.
fn phrase(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_control() || "()<>[]:;@\\,.\"".contains(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `<32 hex digits@domain of From>`: the same at every try, and nothing of the reader
/// can be read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId(String);

impl MessageId {
    /// From an HMAC over the delivery; 128 bits of it are enough.
    pub fn new(mac: &[u8; 32], from: &Mailbox) -> Self {
        Self(format!("<{}@{}>", hex::encode(&mac[..16]), from.domain()))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;

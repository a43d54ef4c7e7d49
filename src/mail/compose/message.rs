//! Messages before encoding, and their list headers.

use std::fmt;

use crate::domain::clock::Timestamp;
use crate::domain::issue::IssueNumber;
use crate::domain::mailbox::Mailbox;
use crate::mail::templates::Rendered;

/// A message without recipient.
#[derive(Clone, Debug)]
pub struct Mail<'a> {
    /// From header.
    pub from: &'a Mailbox,
    /// Reply-To header.
    pub reply_to: Option<&'a Mailbox>,
    /// Date header. Frozen with an issue, so that a retry sends the same bytes.
    pub date: Timestamp,
    /// Subject and both parts.
    pub content: &'a Rendered,
    /// List headers, for issues only: one-click unsubscribe has no effect on other messages.
    pub list: Option<&'a ListHeaders>,
}

/// Headers that identify the mailing list and allow one-click unsubscribing.
#[derive(Clone, Debug)]
pub struct ListHeaders {
    /// `Example Lab weekly <weekly.example.com>` (RFC 2919).
    pub(super) list_id: String,
    pub(super) unsubscribe_url: String,
    pub(super) feedback_id: String,
}

impl ListHeaders {
    /// Creates the headers of an issue.
    ///
    /// `unsubscribe_url` contains the placeholder of the recipient's token and handles a
    /// one-click POST (RFC 8058).
    pub fn for_issue(
        newsletter: &str,
        from: &Mailbox,
        number: IssueNumber,
        unsubscribe_url: &str,
    ) -> Self {
        let domain = from.domain();
        // Gmail requires that the last field is the same for all messages of a sender and has
        // 5 to 15 characters.
        let sender: String = domain
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(15)
            .collect();
        Self {
            list_id: format!("{} <weekly.{domain}>", list_name(newsletter)),
            unsubscribe_url: unsubscribe_url.to_owned(),
            feedback_id: format!("issue{number}:weekly:digest:{sender}"),
        }
    }
}

/// The list's name for people: the newsletter's, which may say already how often it comes.
/// Returns the display name of the list, which ends with "weekly".
fn list_name(newsletter: &str) -> String {
    let name = unquoted_phrase(newsletter);
    if name.to_lowercase().ends_with("weekly") {
        name
    } else {
        format!("{name} weekly")
    }
}

/// Removes characters that need quoting in a phrase (RFC 5322 §3.2.3).
pub(super) fn unquoted_phrase(name: &str) -> String {
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

/// Message-ID of the form `<32 hex digits@domain of From>`.
///
/// It is the same for every attempt and does not reveal the subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId(String);

impl MessageId {
    /// Creates the id from an HMAC of the delivery, of which 128 bits are used.
    pub fn new(mac: &[u8; 32], from: &Mailbox) -> Self {
        Self(format!("<{}@{}>", hex::encode(&mac[..16]), from.domain()))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

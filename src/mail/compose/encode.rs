//! Encodes header fields, the two parts and the multipart container.

use lettre::message::Mailbox;
use lettre::message::header::{From, Header, HeaderName, HeaderValue, Headers, ReplyTo};
use sha2::{Digest, Sha256};

use crate::domain::email_address::EmailAddress;
use crate::domain::mailbox;
use crate::mail::compose::message::{ListHeaders, Mail, MessageId};

/// Maximum length of a line without its CRLF, in octets (RFC 5322 §2.1.1).
const MAX_LINE: usize = 998;

impl Mail<'_> {
    /// Encodes the message for one recipient: ASCII, CRLF line ends, at most 998 octets a line.
    pub fn encode(&self, to: &EmailAddress, id: &MessageId) -> Vec<u8> {
        encode_message(self, &to.to_string(), &id.to_string(), &[]).into_bytes()
    }
}

/// Encodes the whole message. `to` and `id` are inserted without encoding.
///
/// `placeholders` do not count towards the boundary, which must not depend on them.
pub(super) fn encode_message(mail: &Mail<'_>, to: &str, id: &str, placeholders: &[&str]) -> String {
    let text = part("text/plain", &mail.content.text, true);
    let html = part("text/html", &mail.content.html, false);
    let boundary = boundary(mail, placeholders);
    let mut message = headers(mail, to, id);
    message.push_str(&format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary=\"{boundary}\"\r\n\r\n"
    ));
    for part in [text, html] {
        message.push_str(&format!("--{boundary}\r\n{part}\r\n"));
    }
    message.push_str(&format!("--{boundary}--\r\n"));
    message
}

fn headers(mail: &Mail<'_>, to: &str, id: &str) -> String {
    let mut fields = raw_field(From::from(to_mailboxes(mail.from)).display());
    if let Some(reply_to) = mail.reply_to {
        fields.push_str(&raw_field(ReplyTo::from(to_mailboxes(reply_to)).display()));
    }
    fields.push_str(&format!("To: {to}\r\n"));
    fields.push_str(&text_field("Subject", &mail.content.subject));
    fields.push_str(&format!("Date: {}\r\n", mail.date.to_rfc2822()));
    fields.push_str(&format!("Message-ID: {id}\r\n"));
    fields.push_str("Auto-Submitted: auto-generated\r\n");
    if let Some(list) = mail.list {
        fields.push_str(&list_headers(list));
    }
    fields
}

fn list_headers(list: &ListHeaders) -> String {
    format!(
        "Precedence: bulk\r\n{}List-Unsubscribe: <{}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFeedback-ID: {}\r\n",
        text_field("List-Id", &list.list_id),
        list.unsubscribe_url,
        list.feedback_id,
    )
}

fn to_mailboxes(sender: &mailbox::Mailbox) -> lettre::message::Mailboxes {
    Mailbox::new(sender.name().map(str::to_owned), sender.address().into()).into()
}

/// Encodes a field of free text, folded and with encoded-words (RFC 2047) where needed.
fn text_field(name: &'static str, value: &str) -> String {
    raw_field(HeaderValue::new(
        HeaderName::new_from_ascii_str(name),
        value.to_owned(),
    ))
}

fn raw_field(value: HeaderValue) -> String {
    let mut headers = Headers::new();
    headers.insert_raw(value);
    headers.to_string()
}

/// Encodes one part with its header.
///
/// HTML is always quoted-printable, because some relays re-wrap its long lines. Text is sent
/// as 7bit if possible.
fn part(media_type: &str, body: &str, allow_seven_bit: bool) -> String {
    let body = to_crlf(body);
    let (encoding, body) = if allow_seven_bit && is_seven_bit(&body) {
        ("7bit", body)
    } else {
        ("quoted-printable", quoted_printable(&body))
    };
    format!(
        "Content-Type: {media_type}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"
    )
}

fn quoted_printable(body: &str) -> String {
    quoted_printable::encode_to_str(body)
}

/// Returns the size of an encoded HTML part, in bytes.
pub fn quoted_printable_len(html: &str) -> usize {
    quoted_printable(&to_crlf(html)).len()
}

fn to_crlf(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\n', "\r\n")
}

fn is_seven_bit(body: &str) -> bool {
    body.split("\r\n").all(|line| {
        line.len() <= MAX_LINE && line.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~'))
    })
}

/// Derives the boundary from a hash of the content: the same message always has the same
/// bytes, and no content can contain its own boundary.
fn boundary(mail: &Mail<'_>, placeholders: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in [
        &mail.content.subject,
        &mail.content.text,
        &mail.content.html,
    ] {
        let mut part = part.clone();
        for placeholder in placeholders {
            part = part.replace(placeholder, "");
        }
        hash.update(part.len().to_be_bytes());
        hash.update(&part);
    }
    format!("=_{}", hex::encode(&hash.finalize()[..16]))
}

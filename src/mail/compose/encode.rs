//! The encodings: header fields, the two parts, and what holds them together.

use lettre::message::Mailbox;
use lettre::message::header::{From, Header, HeaderName, HeaderValue, Headers, ReplyTo};
use sha2::{Digest, Sha256};

use crate::domain::mailbox;
use crate::mail::compose::{ListHeaders, Mail};

/// The longest line a message may have, without its CRLF (RFC 5322 §2.1.1).
const LINE_MAX: usize = 998;

/// The whole message. `to` and `id` stand as they are; `markers` do not count towards
/// the boundary, which must not depend on how a mail is marked.
pub(super) fn message(mail: &Mail<'_>, to: &str, id: &str, markers: &[&str]) -> String {
    let text = part("text/plain", &mail.content.text, true);
    let html = part("text/html", &mail.content.html, false);
    let boundary = boundary(mail, markers);
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
    let mut fields = field(From::from(vec_of(mail.from)).display());
    if let Some(reply_to) = mail.reply_to {
        fields.push_str(&field(ReplyTo::from(vec_of(reply_to)).display()));
    }
    fields.push_str(&format!("To: {to}\r\n"));
    fields.push_str(&words("Subject", &mail.content.subject));
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
        words("List-Id", &list.list_id),
        list.unsubscribe_url,
        list.feedback_id,
    )
}

fn vec_of(sender: &mailbox::Mailbox) -> lettre::message::Mailboxes {
    Mailbox::new(sender.name().map(str::to_owned), sender.address().into()).into()
}

/// A field of free words, folded and in encoded-words (RFC 2047) where needed.
fn words(name: &'static str, value: &str) -> String {
    field(HeaderValue::new(
        HeaderName::new_from_ascii_str(name),
        value.to_owned(),
    ))
}

fn field(value: HeaderValue) -> String {
    let mut headers = Headers::new();
    headers.insert_raw(value);
    headers.to_string()
}

/// One part with its own header. HTML always goes as quoted-printable, since relays
/// are known to re-wrap its long lines; text stays readable where it can.
fn part(media_type: &str, body: &str, may_be_plain: bool) -> String {
    let body = crlf(body);
    let (encoding, body) = if may_be_plain && is_seven_bit(&body) {
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

/// How many bytes an HTML part is once encoded.
pub fn quoted_printable_len(html: &str) -> usize {
    quoted_printable(&crlf(html)).len()
}

fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\n', "\r\n")
}

fn is_seven_bit(body: &str) -> bool {
    body.split("\r\n").all(|line| {
        line.len() <= LINE_MAX && line.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~'))
    })
}

/// Made from the content, so that the same mail has the same bytes, and so that no
/// content can hold its own boundary.
fn boundary(mail: &Mail<'_>, markers: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in [
        &mail.content.subject,
        &mail.content.text,
        &mail.content.html,
    ] {
        let mut part = part.clone();
        for marker in markers {
            part = part.replace(marker, "");
        }
        hash.update(part.len().to_be_bytes());
        hash.update(&part);
    }
    format!("=_{}", hex::encode(&hash.finalize()[..16]))
}

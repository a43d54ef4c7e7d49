//! Takes a mail apart: header fields, decoded parts, and the texts of returned messages.

use std::borrow::Cow;

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

use crate::reports::parse::fields::field;

/// Maximum depth of nested messages. A bounce of a bounce has three.
const MAX_DEPTH: usize = 8;

/// What a part of a mail contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartKind {
    /// `message/delivery-status`.
    DeliveryStatus,
    /// `message/feedback-report`.
    Feedback,
    /// Text for people.
    Text,
    /// The returned message or its header.
    Returned,
}

/// A decoded part with LF line ends.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) kind: PartKind,
    pub(super) text: String,
}

/// A mail in its parts.
#[derive(Clone, Debug, Default)]
pub(super) struct ParsedMail {
    /// The header, as received.
    pub(super) header: String,
    /// The decoded `Subject`.
    pub(super) subject: String,
    /// The value of `From`.
    pub(super) from: String,
    /// Whether the envelope sender was empty, as far as the header says.
    pub(super) has_null_sender: bool,
    /// The parts.
    pub(super) parts: Vec<Part>,
    /// The whole mail, as received.
    raw: String,
}

impl ParsedMail {
    /// Parses a mail. Never fails: what is not mail has no parts.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let normalized = normalize(bytes);
        // The parser reads whatever arrives from the internet: a panic in it must not stop the
        // caller, whose mail server would try the same mail again for days.
        let mut mail =
            std::panic::catch_unwind(|| Self::parse_normalized(&normalized)).unwrap_or_default();
        mail.raw = String::from_utf8_lossy(&normalized).into_owned();
        mail
    }

    fn parse_normalized(bytes: &[u8]) -> Self {
        let Some(message) = MessageParser::default().parse(bytes) else {
            return Self::default();
        };
        let header_end = memchr::memmem::find(bytes, b"\n\n").unwrap_or(bytes.len());
        let header = String::from_utf8_lossy(&bytes[..header_end]).into_owned();
        let value = |name: &str| field(&header, name).unwrap_or_default();
        let mut mail = Self {
            subject: message.subject().unwrap_or_default().to_owned(),
            from: value("from"),
            has_null_sender: matches!(value("return-path").trim(), "<>" | "" | "<MAILER-DAEMON>"),
            ..Self::default()
        };
        mail.header = header;
        mail.add_parts(&message, 0);
        mail
    }

    fn add_parts(&mut self, message: &Message<'_>, depth: usize) {
        for part in &message.parts {
            let kind = kind_of(part);
            match &part.body {
                PartType::Message(nested) => {
                    self.add(PartKind::Returned, &nested.raw_message);
                    if depth < MAX_DEPTH {
                        self.add_returned_parts(nested, depth + 1);
                    }
                }
                PartType::Multipart(_) => {}
                PartType::Html(html) => {
                    let text = mail_parser::decoders::html::html_to_text(html);
                    self.add(kind, text.as_bytes());
                }
                PartType::Text(text) => self.add(kind, text.as_bytes()),
                PartType::Binary(bytes) | PartType::InlineBinary(bytes) => self.add(kind, bytes),
            }
        }
    }

    /// Adds the texts of a returned message. It may itself contain reports, which are about other
    /// mail.
    fn add_returned_parts(&mut self, message: &Message<'_>, depth: usize) {
        for part in &message.parts {
            match &part.body {
                PartType::Message(nested) if depth < MAX_DEPTH => {
                    self.add_returned_parts(nested, depth + 1);
                }
                PartType::Text(text) => self.add(PartKind::Returned, text.as_bytes()),
                _ => {}
            }
        }
    }

    fn add(&mut self, kind: PartKind, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        self.parts.push(Part { kind, text });
    }

    /// Returns the text for people.
    pub(super) fn notice(&self) -> String {
        let texts = self.parts.iter().filter(|it| it.kind == PartKind::Text);
        let texts: Vec<&str> = texts.map(|part| part.text.as_str()).collect();
        texts.join("\n")
    }

    /// Returns everything that may contain a proof: the mail as received and its decoded parts.
    pub(super) fn into_texts(self) -> Vec<String> {
        let mut texts = vec![self.raw];
        texts.extend(self.parts.into_iter().map(|part| part.text));
        texts
    }
}

fn kind_of(part: &MessagePart<'_>) -> PartKind {
    let content_type = part.content_type();
    let subtype = content_type.and_then(|it| it.c_subtype.as_deref());
    match subtype.map(str::to_ascii_lowercase).as_deref() {
        Some("delivery-status" | "global-delivery-status") => PartKind::DeliveryStatus,
        Some("feedback-report") => PartKind::Feedback,
        Some("rfc822-headers" | "global-headers" | "rfc822" | "global") => PartKind::Returned,
        _ => PartKind::Text,
    }
}

/// Makes all line ends LF, and removes empty lines and a `From ` line at the start.
fn normalize(bytes: &[u8]) -> Cow<'_, [u8]> {
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace());
    let mut bytes = &bytes[start.unwrap_or(bytes.len())..];
    if bytes.starts_with(b"From ") {
        let end = bytes.iter().position(|b| matches!(b, b'\n' | b'\r'));
        bytes = &bytes[end.map_or(bytes.len(), |at| at + 1)..];
        bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
    }
    if !bytes.contains(&b'\r') {
        return Cow::Borrowed(bytes);
    }
    let mut normalized = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().peekable();
    while let Some(byte) = rest.next() {
        if *byte == b'\r' {
            rest.next_if(|next| **next == b'\n');
            normalized.push(b'\n');
        } else {
            normalized.push(*byte);
        }
    }
    Cow::Owned(normalized)
}

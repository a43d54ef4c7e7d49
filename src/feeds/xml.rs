//! Making an XML feed fit to be parsed: one pass, linear in its size, that takes out what
//! bombs are made of and mends what real feeds get wrong and feed-rs then refuses whole
//! (seen with feed-rs 3.0.0, each has a test below):
//!
//! - it panics at an e-mail address beside a full-width bracket and at a huge duration;
//! - a bare `&`, an unknown `type`, an empty `media:title`, an unusable `xml:base` or
//!   `&#0;` in one post is the end of the feed, as is `<rss>` without a version;
//! - a `media:thumbnail` alone, and markup that stands unescaped in a description, are lost;
//! - the namespaces of RSS 0.90 and of some RSS 2.0 feeds leave it without a post;
//! - it does not read `slash:comments`.

use std::borrow::Cow;

use quick_xml::encoding::DecodingReader;
use quick_xml::events::{BytesEnd, BytesRef, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};

use crate::feeds::error::ParseError;
use crate::feeds::xml_elements::{
    Dialect, Inside, inside_of, rewritten, without_email, written_name,
};

/// Elements nested deeper leave their text only.
const MAX_DEPTH: usize = 64;
#[derive(Debug)]
pub(super) struct Mended {
    /// UTF-8, without declaration, doctype and comments.
    pub xml: Vec<u8>,
    /// `slash:comments` of each item or entry, in the order of the document.
    pub comments: Vec<Option<u32>>,
}

/// # Errors
/// When `bytes` are no well-formed XML, or no feed.
pub(super) fn mend(bytes: &[u8]) -> Result<Mended, ParseError> {
    let mut reader = Reader::from_reader(DecodingReader::new(bytes));
    reader.config_mut().allow_dangling_amp = true;
    reader.config_mut().trim_markup_names_in_closing_tags = true;
    let mut mender = Mender::new();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader
            .read_event_into(&mut buffer)
            .map_err(|error| ParseError::Xml(error.to_string()))?;
        match event {
            Event::Decl(declaration) => {
                if let Some(encoding) = declaration.encoder() {
                    reader.get_mut().set_encoding(encoding);
                }
            }
            Event::Start(element) => mender.start(&element, false)?,
            Event::Empty(element) => mender.start(&element, true)?,
            Event::End(element) => mender.end(&element),
            Event::Text(text) => mender.text(&text),
            Event::CData(text) => mender.text(&text),
            Event::GeneralRef(reference) => mender.reference(&reference),
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => return mender.finish(),
        }
    }
}

struct Mender {
    out: Writer<Vec<u8>>,
    dialect: Option<Dialect>,
    depth: usize,
    /// The kind of element within which the reading is, and its depth.
    inside: Option<(Inside, usize)>,
    collected: String,
    comments: Vec<Option<u32>>,
}

impl Mender {
    fn new() -> Self {
        Self {
            out: Writer::new(Vec::new()),
            dialect: None,
            depth: 0,
            inside: None,
            collected: String::new(),
            comments: Vec::new(),
        }
    }

    fn start(&mut self, element: &BytesStart<'_>, is_empty: bool) -> Result<(), ParseError> {
        let dialect = self.dialect_at(element)?;
        self.depth += 1;
        match self.inside {
            Some((Inside::Text, _)) => {
                self.tag_as_text(element);
                if is_empty {
                    self.depth -= 1;
                    return Ok(());
                }
            }
            Some(_) => {}
            None => {
                if (self.depth == 2 || self.depth == 3)
                    && matches!(element.local_name().as_ref(), "item" | "entry")
                {
                    self.comments.push(None);
                }
                self.inside = inside_of(element, dialect).map(|inside| (inside, self.depth));
                self.collected.clear();
                let copied = !matches!(self.inside, Some((Inside::Dropped | Inside::Comments, _)));
                if copied && self.depth <= MAX_DEPTH {
                    self.write(Event::Start(rewritten(element, dialect)));
                }
            }
        }
        if is_empty {
            self.end(&element.to_end());
        }
        Ok(())
    }

    fn dialect_at(&mut self, element: &BytesStart<'_>) -> Result<Dialect, ParseError> {
        if let Some(dialect) = self.dialect {
            return Ok(dialect);
        }
        let dialect = match element.local_name().as_ref() {
            "rss" | "RDF" => Dialect::Rss,
            "feed" | "entry" => Dialect::Atom,
            name if name.eq_ignore_ascii_case("html") => return Err(ParseError::WebPage),
            name => return Err(ParseError::NotAFeed(name.chars().take(40).collect())),
        };
        self.dialect = Some(dialect);
        Ok(dialect)
    }

    fn end(&mut self, element: &BytesEnd<'_>) {
        let closes = self
            .inside
            .filter(|(_, depth)| *depth == self.depth)
            .map(|(inside, _)| inside);
        match (closes, self.inside) {
            (Some(inside), _) => {
                self.inside = None;
                self.close(inside, element);
            }
            (None, Some((Inside::Text, _))) => self
                .collected
                .push_str(&format!("</{}>", element.name().as_ref())),
            (None, Some(_)) => {}
            (None, None) => self.write_end(element),
        }
        self.depth -= 1;
    }

    fn close(&mut self, inside: Inside, element: &BytesEnd<'_>) {
        let collected = std::mem::take(&mut self.collected);
        match inside {
            Inside::Dropped => return,
            Inside::Comments => {
                if let Some(last) = self.comments.last_mut() {
                    *last = collected.trim().parse().ok();
                }
                return;
            }
            Inside::Person => self.write(Event::Text(BytesText::new(&without_email(&collected)))),
            Inside::Text => self.write(Event::Text(BytesText::new(&collected))),
        }
        self.write_end(element);
    }

    fn text(&mut self, text: &str) {
        match self.inside {
            Some((Inside::Dropped, _)) => {}
            Some(_) => self.collected.push_str(text),
            None => self.write(Event::Text(BytesText::new(text))),
        }
    }

    /// Entities are never expanded, save the five of XML itself: what a doctype declares
    /// stays a name, so that nothing can grow.
    fn reference(&mut self, reference: &BytesRef<'_>) {
        let text: Cow<'_, str> = match reference.resolve_char_ref() {
            Ok(Some('\0')) | Err(_) => return,
            Ok(Some(character)) => character.to_string().into(),
            Ok(None) => match quick_xml::escape::resolve_predefined_entity(reference) {
                Some(text) => text.into(),
                None => format!("&{};", &**reference).into(),
            },
        };
        self.text(&text);
    }

    fn tag_as_text(&mut self, element: &BytesStart<'_>) {
        let attributes = quick_xml::escape::unescape(element.attributes_raw()).unwrap_or_default();
        let name = element.name();
        self.collected
            .push_str(&format!("<{}{attributes}>", name.as_ref()));
    }

    fn write_end(&mut self, element: &BytesEnd<'_>) {
        if self.depth <= MAX_DEPTH {
            self.write(Event::End(BytesEnd::new(written_name(
                element.name().as_ref(),
            ))));
        }
    }

    fn write(&mut self, event: Event<'_>) {
        self.out
            .write_event(event)
            .expect("a Vec takes every write");
    }

    fn finish(self) -> Result<Mended, ParseError> {
        if self.dialect.is_none() {
            return Err(ParseError::Empty);
        }
        if self.depth > 0 {
            return Err(ParseError::Truncated);
        }
        Ok(Mended {
            xml: self.out.into_inner(),
            comments: self.comments,
        })
    }
}

#[cfg(test)]
#[path = "xml_tests.rs"]
mod tests;

//! Repairs an XML feed before it is parsed by feed-rs.
//!
//! One pass, linear in the size of the document. Removes document types and entities
//! (protection against XML bombs), and works around limitations of feed-rs 3.0.0, each of
//! which has a test:
//!
//! - It panics at an email address next to a full-width bracket, and at a huge duration.
//! - It rejects the whole feed for a bare `&`, an unknown `type`, an empty `media:title`, an
//!   invalid `xml:base` or `&#0;` in one item, and for `<rss>` without a version.
//! - It loses a `media:thumbnail` without `media:content`, and unescaped markup in a
//!   description.
//! - It finds no items in the namespaces of RSS 0.90 and of some RSS 2.0 feeds.
//! - It does not read `slash:comments`.

pub(super) mod elements;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use quick_xml::encoding::DecodingReader;
use quick_xml::events::{BytesEnd, BytesRef, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};

use crate::feeds::error::ParseError;
use crate::feeds::html;
use crate::feeds::xml_repair::elements::{
    Dialect, Treatment, find_treatment, output_name, remove_email, rewrite_start_tag,
};
pub(super) use elements::THUMBNAIL_TYPE;

/// Maximum nesting depth. The tags of deeper elements are removed and their text is kept, so
/// that feed-rs cannot overflow the stack.
const MAX_DEPTH: usize = 64;

/// A repaired document.
#[derive(Debug)]
pub(super) struct RepairedXml {
    /// The document in UTF-8, without declaration, document type and comments.
    pub xml: Vec<u8>,
    /// Value of `slash:comments` for each item or entry, in document order.
    pub comment_counts: Vec<Option<u32>>,
}

/// Repairs a document.
///
/// # Errors
/// Returns [`ParseError::Xml`] if it is not well-formed, [`ParseError::WebPage`],
/// [`ParseError::NotAFeed`] or [`ParseError::Empty`] if it is not a feed, and
/// [`ParseError::Truncated`] if it ends within an element.
pub(super) fn repair(bytes: &[u8]) -> Result<RepairedXml, ParseError> {
    let mut reader = Reader::from_reader(DecodingReader::new(bytes));
    reader.config_mut().allow_dangling_amp = true;
    reader.config_mut().trim_markup_names_in_closing_tags = true;
    let mut repair = XmlRepair::new();
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
            Event::Start(element) => repair.start_tag(&element, false)?,
            Event::Empty(element) => repair.start_tag(&element, true)?,
            Event::End(element) => repair.end_tag(&element),
            Event::Text(text) => repair.push_text(&text),
            Event::CData(text) => repair.push_text(&text),
            Event::GeneralRef(reference) => repair.push_reference(&reference),
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => return repair.finish(),
        }
    }
}

/// State of the repair pass.
struct XmlRepair {
    out: Writer<Vec<u8>>,
    dialect: Option<Dialect>,
    depth: usize,
    /// The enclosing element that is not copied unchanged, with its depth.
    special: Option<(Treatment, usize)>,
    /// Text of that element so far.
    collected: String,
    comment_counts: Vec<Option<u32>>,
}

impl XmlRepair {
    fn new() -> Self {
        Self {
            out: Writer::new(Vec::new()),
            dialect: None,
            depth: 0,
            special: None,
            collected: String::new(),
            comment_counts: Vec::new(),
        }
    }

    fn start_tag(&mut self, element: &BytesStart<'_>, is_empty: bool) -> Result<(), ParseError> {
        let dialect = self.detect_dialect(element)?;
        self.depth += 1;
        match self.special {
            Some((Treatment::Text, _)) => {
                self.push_tag_as_text(element);
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
                    self.comment_counts.push(None);
                }
                self.special =
                    find_treatment(element, dialect).map(|treatment| (treatment, self.depth));
                self.collected.clear();
                let is_copied = !matches!(
                    self.special,
                    Some((Treatment::Drop | Treatment::CommentCount, _))
                );
                if is_copied && self.depth <= MAX_DEPTH {
                    self.write(Event::Start(rewrite_start_tag(element, dialect)));
                }
            }
        }
        if is_empty {
            self.end_tag(&element.to_end());
        }
        Ok(())
    }

    fn detect_dialect(&mut self, element: &BytesStart<'_>) -> Result<Dialect, ParseError> {
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

    fn end_tag(&mut self, element: &BytesEnd<'_>) {
        let closes = self
            .special
            .filter(|(_, depth)| *depth == self.depth)
            .map(|(treatment, _)| treatment);
        match (closes, self.special) {
            (Some(treatment), _) => {
                self.special = None;
                self.close_special(treatment, element);
            }
            (None, Some((Treatment::Text, _))) => self
                .collected
                .push_str(&format!("</{}>", element.name().as_ref())),
            (None, Some(_)) => {}
            (None, None) => self.write_end(element),
        }
        self.depth -= 1;
    }

    fn close_special(&mut self, treatment: Treatment, element: &BytesEnd<'_>) {
        let collected = std::mem::take(&mut self.collected);
        match treatment {
            Treatment::Drop => return,
            Treatment::CommentCount => {
                if let Some(last) = self.comment_counts.last_mut() {
                    *last = collected.trim().parse().ok();
                }
                return;
            }
            Treatment::Person => self.write(Event::Text(BytesText::new(&remove_email(&collected)))),
            Treatment::Text | Treatment::Words => {
                self.write(Event::Text(BytesText::new(&collected)));
            }
        }
        self.write_end(element);
    }

    fn push_text(&mut self, text: &str) {
        match self.special {
            Some((Treatment::Drop, _)) => {}
            Some(_) => self.collected.push_str(text),
            None => self.write(Event::Text(BytesText::new(text))),
        }
    }

    /// Appends an entity. Only the five predefined entities of XML are expanded: those declared
    /// by a document type are kept as their names, so that the document cannot grow.
    fn push_reference(&mut self, reference: &BytesRef<'_>) {
        let text: Cow<'_, str> = match reference.resolve_char_ref() {
            Ok(Some('\0')) | Err(_) => return,
            Ok(Some(character)) => character.to_string().into(),
            Ok(None) => match quick_xml::escape::resolve_predefined_entity(reference) {
                Some(text) => text.into(),
                // The words of HTML are decoded later.
                None if self.dialect == Some(Dialect::Atom) => {
                    html::decode_entity(reference).into()
                }
                None => format!("&{};", &**reference).into(),
            },
        };
        self.push_text(&text);
    }

    fn push_tag_as_text(&mut self, element: &BytesStart<'_>) {
        let attributes = quick_xml::escape::unescape(element.attributes_raw()).unwrap_or_default();
        let name = element.name();
        self.collected
            .push_str(&format!("<{}{attributes}>", name.as_ref()));
    }

    fn write_end(&mut self, element: &BytesEnd<'_>) {
        if self.depth <= MAX_DEPTH {
            self.write(Event::End(BytesEnd::new(output_name(
                element.name().as_ref(),
            ))));
        }
    }

    fn write(&mut self, event: Event<'_>) {
        self.out
            .write_event(event)
            .expect("writing to a Vec cannot fail");
    }

    fn finish(self) -> Result<RepairedXml, ParseError> {
        if self.dialect.is_none() {
            return Err(ParseError::Empty);
        }
        if self.depth > 0 {
            return Err(ParseError::Truncated);
        }
        Ok(RepairedXml {
            xml: self.out.into_inner(),
            comment_counts: self.comment_counts,
        })
    }
}

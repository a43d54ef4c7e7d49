//! Converts HTML to plain text with the tokenizer of html5ever.
//!
//! No tree is built, so deep nesting cannot exhaust memory or the stack. The output contains
//! no markup.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use crate::feeds::html_rules::{emoji, images, is_footnote_mark, is_non_post};
use crate::feeds::raw::RawImage;
use crate::feeds::text::append_clean;

/// Maximum bytes of HTML that are read; the rest is ignored. Far more than an excerpt needs.
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// Maximum number of attribute separators in a tag. A tag with more is removed, because the
/// tokenizer compares each attribute with all others, which is quadratic.
const MAX_ATTRIBUTE_SEPARATORS: usize = 500;

/// Elements whose text is never shown to readers as words.
const INVISIBLE_ELEMENTS: [&str; 14] = [
    "script", "style", "head", "title", "template", "noembed", "noframes", "iframe", "object",
    "video", "audio", "svg", "canvas", "xmp",
];

/// Elements that are not running text: code, captions, forms, and headings, which have no full
/// stop and would be joined with the next sentence.
const NON_TEXT_ELEMENTS: [&str; 15] = [
    "math",
    "pre",
    "figcaption",
    "nav",
    "form",
    "button",
    "select",
    "textarea",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hgroup",
];

/// Elements without content, which have no end tag.
const VOID_ELEMENTS: [&str; 9] = [
    "img", "br", "hr", "wbr", "input", "source", "meta", "link", "embed",
];

/// Elements that do not start a new block of text.
const INLINE_ELEMENTS: [&str; 42] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em",
    "font", "i", "img", "ins", "kbd", "label", "mark", "nobr", "picture", "q", "rp", "rt", "ruby",
    "s", "samp", "small", "source", "span", "strike", "strong", "sub", "sup", "time", "tt", "u",
    "var", "wbr", "noscript", "br",
];

/// Plain text and images of an HTML document.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ExtractedText {
    /// Paragraphs, list items and other blocks, each as one clean line.
    pub blocks: Vec<String>,
    /// Images in document order, with their URLs as written.
    pub images: Vec<RawImage>,
    /// Whether the whole document was read, see [`MAX_BYTES`].
    pub is_complete: bool,
}

/// Extracts the text of the first [`MAX_BYTES`] of `html`, in linear time.
///
/// The text of a table counts only if there is no other.
pub(super) fn extract_text(html: &str) -> ExtractedText {
    extract(html, Extractor::default())
}

/// Returns the character that a named entity of HTML stands for, or the entity as written.
pub(super) fn decode_entity(name: &str) -> String {
    extract_title(&format!("&{name};"))
}

/// Extracts the words of a title, which may be in a heading or another element that is no
/// running text.
pub(super) fn extract_title(html: &str) -> String {
    let extractor = Extractor {
        is_title: true,
        ..Extractor::default()
    };
    extract(html, extractor).blocks.join(" ")
}

fn extract(html: &str, extractor: Extractor) -> ExtractedText {
    let head = &html[..html.floor_char_boundary(MAX_BYTES)];
    let input = BufferQueue::default();
    for part in remove_slow_tags(head) {
        input.push_back(StrTendril::from_slice(part));
    }
    let tokenizer = Tokenizer::new(Sink(RefCell::new(extractor)), TokenizerOpts::default());
    // The tokenizer pauses at scripts and encoding declarations only; feeding it again continues.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    let mut extractor = tokenizer.sink.0.into_inner();
    extractor.end_block();
    let mut output = extractor.output;
    if output.blocks.is_empty() {
        output.blocks = extractor.table_blocks;
    }
    output.is_complete = head.len() == html.len();
    output
}

/// Returns the parts of `html` around tags with too many attributes.
fn remove_slow_tags(html: &str) -> Vec<&str> {
    let bytes = html.as_bytes();
    let mut parts = Vec::new();
    let (mut part_start, mut tag_start, mut separators) = (0, None, 0);
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' if tag_start.is_none() || separators <= MAX_ATTRIBUTE_SEPARATORS => {
                let is_tag = bytes
                    .get(index + 1)
                    .is_some_and(|next| next.is_ascii_alphabetic() || *next == b'/');
                (tag_start, separators) = (is_tag.then_some(index), 0);
            }
            b'>' => {
                if let Some(start) = tag_start.take()
                    && separators > MAX_ATTRIBUTE_SEPARATORS
                {
                    parts.push(&html[part_start..start]);
                    part_start = index + 1;
                }
            }
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0C' | b'/' | b'"' | b'\'' => separators += 1,
            _ => {}
        }
    }
    let end = tag_start
        .filter(|_| separators > MAX_ATTRIBUTE_SEPARATORS)
        .unwrap_or(html.len());
    parts.push(&html[part_start..end]);
    parts
}

struct Sink(RefCell<Extractor>);

#[derive(Default)]
struct Extractor {
    output: ExtractedText,
    block: String,
    /// Text of tables.
    table_blocks: Vec<String>,
    /// Number of open tables.
    open_tables: usize,
    /// The element that is being skipped.
    skipped: Option<SkippedElement>,
    /// Length of the block before an open `<sup>`, and whether it is the mark of a footnote.
    superscript: Option<(usize, bool)>,
    /// Whether only invisible elements are skipped.
    is_title: bool,
}

struct SkippedElement {
    name: String,
    /// Number of open elements of this name.
    open: usize,
    /// Whether its images are of the post, as in a video or a form.
    has_images: bool,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut extractor = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => extractor.handle_tag(&tag),
            Token::CharacterTokens(text) => {
                extractor.push_text(&text);
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }
}

impl Extractor {
    fn handle_tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        if name == "br" {
            self.block.push(' ');
        } else if !INLINE_ELEMENTS.contains(&name) && !name.contains('-') {
            self.end_block();
        }
        match tag.kind {
            TagKind::StartTag => self.open_element(name, tag),
            TagKind::EndTag => self.close_element(name),
        }
        match (tag.kind, name) {
            (TagKind::StartTag, "q") => self.push_text("“"),
            (TagKind::EndTag, "q") => self.push_text("”"),
            _ => {}
        }
        match (tag.kind, name) {
            (TagKind::StartTag, "script") => TokenSinkResult::RawData(RawKind::ScriptData),
            (TagKind::StartTag, "style" | "iframe" | "noembed" | "noframes" | "xmp") => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            (TagKind::StartTag, "textarea" | "title") => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }

    fn open_element(&mut self, name: &str, tag: &Tag) {
        if let Some(skipped) = &mut self.skipped {
            match name {
                // A paragraph ends at the next one, with or without an end tag.
                "p" if skipped.name == "p" => self.skipped = None,
                _ if skipped.name == name => skipped.open += 1,
                _ => {}
            }
        }
        if matches!(name, "img" | "source") {
            self.open_image(name, tag);
        }
        if self.skipped.is_some() || tag.self_closing || VOID_ELEMENTS.contains(&name) {
            return;
        }
        let is_other = is_non_post(tag) || (name == "a" && is_footnote_mark(tag));
        if is_other
            || INVISIBLE_ELEMENTS.contains(&name)
            || (!self.is_title && NON_TEXT_ELEMENTS.contains(&name))
        {
            self.skipped = Some(SkippedElement {
                name: name.to_owned(),
                open: 1,
                has_images: !is_other,
            });
        } else if name == "table" {
            self.open_tables += 1;
        } else if name == "sup" {
            self.superscript = Some((self.block.len(), is_footnote_mark(tag)));
        }
    }

    fn open_image(&mut self, name: &str, tag: &Tag) {
        if self
            .skipped
            .as_ref()
            .is_some_and(|skipped| !skipped.has_images)
        {
            return;
        }
        match emoji(tag).filter(|_| name == "img") {
            Some(emoji) => self.push_text(&emoji),
            None => self.output.images.extend(images(tag)),
        }
    }

    fn close_element(&mut self, name: &str) {
        if let Some(skipped) = &mut self.skipped {
            if skipped.name == name {
                skipped.open -= 1;
                if skipped.open == 0 {
                    self.skipped = None;
                }
            }
        } else if name == "table" {
            self.open_tables = self.open_tables.saturating_sub(1);
        } else if name == "sup" {
            self.close_superscript();
        }
    }

    /// Removes the mark of a footnote. An exponent such as the 2 of m² stays.
    fn close_superscript(&mut self) {
        let Some((start, is_mark)) = self.superscript.take() else {
            return;
        };
        let (Some(before), Some(mark)) = (self.block.get(..start), self.block.get(start..)) else {
            return;
        };
        let mark = mark.trim_matches(|c: char| c.is_whitespace() || "[]()".contains(c));
        let is_number = !mark.is_empty()
            && mark
                .chars()
                .all(|c| c.is_ascii_digit() || "*†‡,".contains(c));
        let ends_sentence = before
            .trim_end()
            .ends_with(['.', '!', '?', ',', ';', ':', '”', '"', ')']);
        if mark.is_empty() || is_mark || (is_number && ends_sentence) {
            self.block.truncate(start);
        }
    }

    fn push_text(&mut self, text: &str) {
        if self.skipped.is_none() {
            self.block.push_str(text);
        }
    }

    fn end_block(&mut self) {
        let mut clean = String::new();
        append_clean(&mut clean, &self.block);
        self.block.clear();
        self.superscript = None;
        let blocks = match self.open_tables {
            0 => &mut self.output.blocks,
            _ => &mut self.table_blocks,
        };
        if !clean.is_empty() {
            blocks.push(clean);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blocks(html: &str) -> Vec<String> {
        extract_text(html).blocks
    }

    #[test]
    fn markup_is_removed_and_text_kept() {
        assert_eq!(
            blocks("<p>Fish &amp; <b>chips</b>,<br>hot&nbsp;!</p><p>Two</p>"),
            ["Fish & chips, hot !", "Two"]
        );
        assert_eq!(blocks("<q>x</q>"), ["“x”"]);
        assert_eq!(blocks("one<li>two<div>three"), ["one", "two", "three"]);
        assert_eq!(blocks("a < b &lt;script&gt; c"), ["a < b <script> c"]);
        assert_eq!(blocks("  "), Vec::<String>::new());
    }

    #[test]
    fn invisible_elements_are_removed() {
        let html = "<p onclick=x>a</p><script>if (1 < 2) '</p>'</script><style>p{}</style><svg><text>no</text></svg>\
                    <!-- b --><noscript><img src=c.png></noscript><p>d</p><h2>Heading</h2><pre>code</pre><p>e";
        assert_eq!(blocks(html), ["a", "d", "e"]);
        assert_eq!(blocks("<script>unended"), Vec::<String>::new());
        assert_eq!(
            blocks("<table><tr><td><table><td>x</table>y</table>z"),
            ["z"]
        );
    }

    #[test]
    fn images_are_returned_in_document_order() {
        let images = extract_text(
            "<img src=' a.png ' width=600px height=1><img alt=none><img src=d.png height=1px><img src=x srcset='e,1.png 400w, f.png 800w'><img src=b.gif data-src=c.png>",
        )
        .images;
        let image = |url: &str, width, height| RawImage {
            url: url.into(),
            width,
            height,
        };
        assert_eq!(
            images,
            [
                image("e,1.png", Some(400), None),
                image("f.png", Some(800), None),
                image("x", None, None),
                image("c.png", None, None)
            ]
        );
    }

    #[test]
    fn hostile_html_is_read_in_linear_time() {
        let started = std::time::Instant::now();
        let deep = "<div>".repeat(50_000) + "deep";
        assert_eq!(blocks(&deep), ["deep"]);
        let long = "word ".repeat(MAX_BYTES);
        assert!(!extract_text(&long).is_complete);
        let attributes: String = (0..30_000).map(|n| format!(" a{n}")).collect();
        assert_eq!(
            blocks(&format!("before<i {attributes}> after")),
            ["before after"]
        );
        let slashes: String = (0..30_000).map(|n| format!("/a{n}")).collect();
        assert_eq!(
            blocks(&format!("before<i{slashes}> after")),
            ["before after"]
        );
        assert_eq!(blocks(&format!("before<i{slashes}<b")), ["before"]);
        let path = format!("<svg><path d='{}'/></svg>", "M 1 1 ".repeat(2_000));
        assert_eq!(blocks(&format!("before{path}after")), ["before", "after"]);
        assert!(started.elapsed().as_secs() < 5);
    }

    proptest! {
        #[test]
        fn random_html_does_not_panic(html in "(<[/!a-z]{0,3}[ a-z=\"'>]{0,4}|&#?[a-z0-9]{0,4};?|\\PC|script|style){0,60}") {
            extract_text(&html);
        }
    }
}

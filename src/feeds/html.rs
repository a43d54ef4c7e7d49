//! HTML to plain text, by html5ever's tokenizer alone: without a tree there is nothing
//! that deep nesting could fill or overflow, and what comes out can bear no markup.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use crate::feeds::raw::RawImage;
use crate::feeds::text::push_clean;

/// A post longer than this is read up to here.
pub(super) const MAX_BYTES: usize = 256 * 1024;
/// Within one tag the tokenizer compares each attribute with all others, so a tag with
/// more of what parts attributes is passed over.
const MAX_ATTRIBUTE_MARKS: usize = 500;

/// What is not the post's running text: code, tables of data, captions, headings (which
/// end in no full stop and so would run into the next sentence), and what never shows.
const NOT_PROSE: [&str; 30] = [
    "script",
    "style",
    "head",
    "title",
    "template",
    "noembed",
    "noframes",
    "iframe",
    "object",
    "video",
    "audio",
    "svg",
    "math",
    "canvas",
    "pre",
    "table",
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
    "xmp",
];

/// What does not part one block of text from the next.
const INLINE: [&str; 42] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em",
    "font", "i", "img", "ins", "kbd", "label", "mark", "nobr", "picture", "q", "rp", "rt", "ruby",
    "s", "samp", "small", "source", "span", "strike", "strong", "sub", "sup", "time", "tt", "u",
    "var", "wbr", "noscript", "br",
];

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Prose {
    /// Paragraphs, list items and the like, each on one line and clean.
    pub blocks: Vec<String>,
    /// In the order of the page, as written there.
    pub images: Vec<RawImage>,
    /// Whether all of it was read.
    pub is_whole: bool,
}

/// Reads at most [`MAX_BYTES`] of `html`, in time linear in them.
pub(super) fn read(html: &str) -> Prose {
    let kept = &html[..html.floor_char_boundary(MAX_BYTES)];
    let input = BufferQueue::default();
    for piece in without_slow_tags(kept) {
        input.push_back(StrTendril::from_slice(piece));
    }
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    // The only stops are at scripts and encodings, and the text goes on behind them.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    let mut reading = tokenizer.sink.0.into_inner();
    reading.end_block();
    Prose {
        is_whole: kept.len() == html.len(),
        ..reading.prose
    }
}

/// `html` without the tags that are made to be slow.
fn without_slow_tags(html: &str) -> Vec<&str> {
    let bytes = html.as_bytes();
    let mut pieces = Vec::new();
    let (mut kept_to, mut tag, mut marks) = (0, None, 0);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' if tag.is_none() || marks <= MAX_ATTRIBUTE_MARKS => {
                let opens = bytes
                    .get(at + 1)
                    .is_some_and(|next| next.is_ascii_alphabetic() || *next == b'/');
                (tag, marks) = (opens.then_some(at), 0);
            }
            b'>' => {
                if let Some(start) = tag.take()
                    && marks > MAX_ATTRIBUTE_MARKS
                {
                    pieces.push(&html[kept_to..start]);
                    kept_to = at + 1;
                }
            }
            b' ' | b'\t' | b'\n' | b'\r' | b'\x0C' | b'/' | b'"' | b'\'' => marks += 1,
            _ => {}
        }
    }
    let end = tag
        .filter(|_| marks > MAX_ATTRIBUTE_MARKS)
        .unwrap_or(html.len());
    pieces.push(&html[kept_to..end]);
    pieces
}

#[derive(Default)]
struct Sink(RefCell<Reading>);

#[derive(Default)]
struct Reading {
    prose: Prose,
    block: String,
    /// The element that is being passed over, and how many of its name are open.
    passing: Option<(String, usize)>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut reading = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => reading.tag(&tag),
            Token::CharacterTokens(text) => {
                reading.text(&text);
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }
}

impl Reading {
    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        if !INLINE.contains(&name) {
            self.end_block();
        } else if name == "br" {
            self.block.push(' ');
        }
        match tag.kind {
            TagKind::StartTag => self.open(name, tag),
            TagKind::EndTag => self.close(name),
        }
        match (tag.kind, name) {
            (TagKind::StartTag, "q") => self.text("“"),
            (TagKind::EndTag, "q") => self.text("”"),
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

    fn open(&mut self, name: &str, tag: &Tag) {
        if name == "img" {
            self.prose.images.extend(image(tag));
        }
        match &mut self.passing {
            Some((passed, open)) if passed == name => *open += 1,
            Some(_) => {}
            None if NOT_PROSE.contains(&name) && !tag.self_closing => {
                self.passing = Some((name.to_owned(), 1))
            }
            None => {}
        }
    }

    fn close(&mut self, name: &str) {
        if let Some((passed, open)) = &mut self.passing
            && passed == name
        {
            *open -= 1;
            if *open == 0 {
                self.passing = None;
            }
        }
    }

    fn text(&mut self, text: &str) {
        if self.passing.is_none() {
            self.block.push_str(text);
        }
    }

    fn end_block(&mut self) {
        let mut clean = String::new();
        push_clean(&mut clean, &self.block);
        self.block.clear();
        if !clean.is_empty() {
            self.prose.blocks.push(clean);
        }
    }
}

fn image(tag: &Tag) -> Option<RawImage> {
    let attribute = |name: &str| {
        let found = tag
            .attrs
            .iter()
            .find(|attribute| &*attribute.name.local == name);
        found.map(|attribute| attribute.value.trim().to_owned())
    };
    let pixels = |name: &str| attribute(name)?.trim_end_matches("px").parse().ok();
    Some(RawImage {
        // What loads late has its true address elsewhere.
        url: attribute("data-src").or_else(|| attribute("src"))?,
        width: pixels("width"),
        height: pixels("height"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blocks(html: &str) -> Vec<String> {
        read(html).blocks
    }

    #[test]
    fn markup_goes_and_words_stay() {
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
    fn what_never_shows_is_gone() {
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
    fn images_are_noted_in_their_order() {
        let images = read(
            "<img src=' a.png ' width=600px height=1><img alt=none><img src=b.gif data-src=c.png>",
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
                image("a.png", Some(600), Some(1)),
                image("c.png", None, None)
            ]
        );
    }

    #[test]
    fn nothing_made_to_be_slow_is_slow() {
        let started = std::time::Instant::now();
        let deep = "<div>".repeat(50_000) + "deep";
        assert_eq!(blocks(&deep), ["deep"]);
        let long = "word ".repeat(MAX_BYTES);
        assert!(!read(&long).is_whole);
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
        fn no_input_panics(html in "(<[/!a-z]{0,3}[ a-z=\"'>]{0,4}|&#?[a-z0-9]{0,4};?|\\PC|script|style){0,60}") {
            read(&html);
        }
    }
}

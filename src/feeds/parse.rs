//! From a feed's bytes to posts that can be mailed.

use url::Url;

use crate::domain::clock::Timestamp;
use crate::domain::issue::post::FeedPost;
use crate::feeds::error::ParseError;
use crate::feeds::html::{self, Prose};
use crate::feeds::raw::{Markup, RawFeed, RawPost, Wording};
use crate::feeds::text::{clean, cut_at_word};
use crate::feeds::{excerpt, image, json_feed, link, rss_atom};

const MAX_TITLE: usize = 200;
/// A post without a title is called by this much of its first words.
const MAX_TITLE_FROM_TEXT: usize = 80;
const MAX_AUTHOR: usize = 80;
const MAX_GUID_BYTES: usize = 2_048;

/// A date before 1990 or after 2100 is a zero or a slip, and none.
const EARLIEST: Timestamp = Timestamp::from_millis(631_152_000_000);
const LATEST: Timestamp = Timestamp::from_millis(4_102_444_800_000);

/// What one reading of a feed gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedFeed {
    /// The blog's name, clean; empty when the feed has none.
    pub title: String,
    /// The blog's page.
    pub home: Option<Url>,
    /// In the feed's order; each has a link.
    pub posts: Vec<FeedPost>,
    /// How many more it has that cannot be linked to or read.
    pub passed_over: usize,
}

/// Reads RSS 0.9 to 2.0, RDF, Atom and JSON Feed. `base` is where the feed was found:
/// relative links count from there, or from the blog's own page.
///
/// # Errors
/// When it is no feed, or not one to its end. A single bad post is passed over.
pub fn parse(bytes: &[u8], base: Option<&Url>) -> Result<ParsedFeed, ParseError> {
    let raw = read(bytes)?;
    let home = raw
        .home
        .as_deref()
        .and_then(|home| link::absolute(home, base));
    let link_base = if raw.relative_to_document {
        base.or(home.as_ref())
    } else {
        home.as_ref().or(base)
    };
    let title = cut_at_word(&title_line(&raw.title), MAX_TITLE);
    let offered = raw.posts.len() + raw.unreadable;
    let posts: Vec<FeedPost> = raw
        .posts
        .iter()
        .filter_map(|raw| post(raw, link_base))
        .collect();
    Ok(ParsedFeed {
        passed_over: offered - posts.len(),
        title,
        home,
        posts,
    })
}

/// The format is told by the first character that counts: bytes of a UTF-16 feed and
/// byte order marks stand before it.
fn read(bytes: &[u8]) -> Result<RawFeed, ParseError> {
    let counts = |byte: &&u8| {
        !byte.is_ascii_whitespace() && !matches!(byte, 0 | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF)
    };
    match bytes.iter().find(counts) {
        Some(b'<') => rss_atom::parse(bytes),
        Some(b'{') => json_feed::parse(bytes),
        Some(_) => Err(ParseError::Unknown),
        None => Err(ParseError::Empty),
    }
}

fn post(raw: &RawPost, base: Option<&Url>) -> Option<FeedPost> {
    let guid = raw
        .guid
        .as_deref()
        .map(clean)
        .filter(|guid| !guid.is_empty() && guid.len() <= MAX_GUID_BYTES);
    let named = raw.links.iter().find_map(|text| link::absolute(text, base));
    // A guid is often the permanent link; a relative one is only a name.
    let url = named.or_else(|| link::absolute(guid.as_deref()?, None))?;
    let summary = prose(&raw.summary);
    let content = prose(&raw.content);
    let title = cut_at_word(&title_line(&raw.title), MAX_TITLE);
    let excerpt = excerpt::excerpt(&summary, &content, &title);
    let title = if title.is_empty() {
        title_from_text(&excerpt, &url)
    } else {
        title
    };
    let images = raw
        .images
        .iter()
        .chain(&content.images)
        .chain(&summary.images);
    Some(FeedPost {
        guid,
        image: image::choose(images, Some(&url)),
        link: Some(url),
        title,
        excerpt,
        author: raw
            .author
            .as_deref()
            .map(|name| cut_at_word(&clean(name), MAX_AUTHOR))
            .filter(|name| !name.is_empty()),
        published_at: raw
            .published_at
            .filter(|moment| (EARLIEST..LATEST).contains(moment)),
        comments: raw.comments,
        minutes: excerpt::minutes(&summary, &content),
    })
}

fn prose(wording: &Wording) -> Prose {
    if wording.markup == Markup::Html {
        return html::read(&wording.text);
    }
    let kept = &wording.text[..wording.text.floor_char_boundary(html::MAX_BYTES)];
    Prose {
        blocks: kept
            .split("\n\n")
            .map(clean)
            .filter(|block| !block.is_empty())
            .collect(),
        images: Vec::new(),
        is_whole: kept.len() == wording.text.len(),
    }
}

/// Many feeds put HTML into titles without saying so; `Vec<T>` is a title too.
fn title_line(title: &Wording) -> String {
    let text = &title.text;
    if title.markup == Markup::Html || looks_like_markup(text) {
        return html::read(text).blocks.join(" ");
    }
    match title.markup {
        Markup::Plain => clean(text),
        Markup::Html | Markup::Entities => html::read(&text.replace('<', "&lt;")).blocks.join(" "),
    }
}

fn looks_like_markup(text: &str) -> bool {
    text.match_indices('<').any(|(at, _)| {
        let rest = &text[at + 1..];
        let name_length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let (name, inside) = rest.split_at(name_length);
        let inside = inside.split('>').next().unwrap_or_default();
        let closes =
            inside.starts_with('/') && inside[1..].starts_with(|c: char| c.is_ascii_alphabetic());
        let is_comment = inside.starts_with("!--");
        let has_attribute = !name.is_empty() && inside.contains('=');
        let is_alone = ["br", "hr", "wbr", "script", "style"]
            .iter()
            .any(|alone| name.eq_ignore_ascii_case(alone));
        closes || is_comment || has_attribute || is_alone
    })
}

/// Its first sentence or the words of it that fit, else the host it is found at.
fn title_from_text(excerpt: &str, url: &Url) -> String {
    if excerpt.is_empty() {
        return url.host_str().unwrap_or_default().to_owned();
    }
    cut_at_word(&excerpt::first_sentence(excerpt), MAX_TITLE_FROM_TEXT)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;

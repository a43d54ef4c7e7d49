//! Converts the content of a feed to posts that can be put into an email.

use url::Url;

use crate::domain::clock::Timestamp;
use crate::domain::issue::post::FeedPost;
use crate::feeds::error::ParseError;
use crate::feeds::html::{self, ExtractedText};
use crate::feeds::raw::{FeedText, Markup, RawFeed, RawPost};
use crate::feeds::text::{clean_line, truncate_at_word};
use crate::feeds::{excerpt, image, json_feed, link, rss_atom};

/// Maximum characters of a title. Longer ones are truncated.
const MAX_TITLE_CHARS: usize = 200;

/// Maximum bytes of a title that are read, with its markup.
const MAX_TITLE_BYTES: usize = 8 * 1024;

/// Maximum characters of a title that is made from the text of a post without one.
const MAX_TITLE_FROM_TEXT_CHARS: usize = 80;

/// Maximum characters of an author's name. Longer ones are truncated.
const MAX_AUTHOR_CHARS: usize = 80;

/// Maximum bytes of a guid. A longer one is ignored: truncated, it might not be unique.
const MAX_GUID_BYTES: usize = 2_048;

/// Earliest valid date, 1990-01-01. Earlier ones are zero values or typos and are ignored.
const EARLIEST: Timestamp = Timestamp::from_millis(631_152_000_000);

/// Latest valid date, 2100-01-01. Later ones are ignored.
const LATEST: Timestamp = Timestamp::from_millis(4_102_444_800_000);

/// Content of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedFeed {
    /// Name of the blog, cleaned; empty if the feed has none.
    pub title: String,
    /// Home page of the blog.
    pub home: Option<Url>,
    /// Posts in the order of the feed. Each has a link.
    pub posts: Vec<FeedPost>,
    /// Number of items that were skipped because they have no link or cannot be read.
    pub skipped: usize,
}

/// Parses RSS 0.9 to 2.0, RDF, Atom and JSON Feed.
///
/// `base` is the URL of the feed. Relative links are resolved against it or against the home
/// page of the blog, depending on the format.
///
/// # Errors
/// Returns a [`ParseError`] if the document is not a complete feed. A single invalid item is
/// skipped.
pub fn parse(bytes: &[u8], base: Option<&Url>) -> Result<ParsedFeed, ParseError> {
    let raw = parse_by_format(bytes)?;
    let home = raw
        .home
        .as_deref()
        .and_then(|home| link::resolve_link(home, base));
    let link_base = if raw.links_relative_to_document {
        base.or(home.as_ref())
    } else {
        home.as_ref().or(base)
    };
    let title = truncate_at_word(&clean_title(&raw.title), MAX_TITLE_CHARS);
    let item_count = raw.posts.len() + raw.unreadable;
    let posts: Vec<FeedPost> = raw
        .posts
        .iter()
        .filter_map(|raw| post(raw, link_base, home.as_ref()))
        .collect();
    Ok(ParsedFeed {
        skipped: item_count - posts.len(),
        title,
        home,
        posts,
    })
}

/// Detects the format by the first significant character, skipping byte order marks and the
/// zero bytes of UTF-16.
fn parse_by_format(bytes: &[u8]) -> Result<RawFeed, ParseError> {
    let is_significant = |byte: &&u8| {
        !byte.is_ascii_whitespace() && !matches!(byte, 0 | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF)
    };
    match bytes.iter().find(is_significant) {
        Some(b'<') => rss_atom::parse(bytes),
        Some(b'{') => json_feed::parse(bytes),
        Some(_) => Err(ParseError::Unknown),
        None => Err(ParseError::Empty),
    }
}

fn post(raw: &RawPost, base: Option<&Url>, home: Option<&Url>) -> Option<FeedPost> {
    let guid = raw
        .guid
        .as_deref()
        .map(clean_line)
        .filter(|guid| !guid.is_empty() && guid.len() <= MAX_GUID_BYTES);
    let link = raw
        .links
        .iter()
        .find_map(|text| link::resolve_link(&repair_link(text), base));
    let summary = extract_text(&raw.summary);
    let content = extract_text(&raw.content);
    let has_text = !summary.blocks.is_empty() || !content.blocks.is_empty();
    // A guid is often the permanent link. One without a slash is an identifier only.
    let guid_link = || {
        let guid = guid.as_deref()?;
        let base = base.filter(|_| guid.starts_with('/'));
        link::resolve_link(guid, base)
    };
    // A link that is not http is no missing link: the item is skipped.
    let home_link = || home.filter(|_| raw.links.is_empty() && has_text).cloned();
    let url = link.or_else(guid_link).or_else(home_link)?;
    let title = truncate_at_word(&clean_title(&raw.title), MAX_TITLE_CHARS);
    let excerpt = excerpt::build_excerpt(&summary, &content, &title);
    let title = if title.is_empty() {
        title_from_text(&excerpt, &url)
    } else {
        title
    };
    let images = raw
        .images
        .iter()
        .chain(&content.images)
        .chain(&summary.images)
        .map(|image| (image, Some(&url)));
    Some(FeedPost {
        guid,
        image: image::select_image(images),
        link: Some(url.clone()),
        title,
        excerpt,
        author: raw
            .author
            .as_deref()
            .map(|name| truncate_at_word(&clean_name(name), MAX_AUTHOR_CHARS))
            .filter(|name| !name.is_empty()),
        published_at: raw
            .published_at
            .filter(|date| (EARLIEST..LATEST).contains(date)),
        comments: raw.comments,
        minutes: excerpt::estimate_reading_minutes(&summary, &content),
    })
}

/// Returns a link with its entities decoded once more and the scheme that `www.` lacks.
fn repair_link(text: &str) -> String {
    let link = text.trim().replace("&amp;", "&");
    if link.starts_with("www.") {
        format!("https://{link}")
    } else {
        link
    }
}

fn extract_text(text: &FeedText) -> ExtractedText {
    if text.markup == Markup::Html {
        let once = html::extract_text(&text.text);
        let is_escaped_twice =
            !text.text.contains('<') && once.blocks.iter().any(|block| is_paragraph_markup(block));
        return if is_escaped_twice {
            html::extract_text(&once.blocks.join("\n"))
        } else {
            once
        };
    }
    let kept = &text.text[..text.text.floor_char_boundary(html::MAX_BYTES)];
    ExtractedText {
        blocks: kept
            .split("\n\n")
            .map(clean_line)
            .filter(|block| !block.is_empty())
            .collect(),
        images: Vec::new(),
        is_complete: kept.len() == text.text.len(),
    }
}

/// Returns whether a text is HTML that was escaped twice, and not one that speaks of a tag.
fn is_paragraph_markup(text: &str) -> bool {
    let starts_with_tag = ["<p>", "<p ", "<div>", "<div ", "<ul>", "<a href", "<img "]
        .iter()
        .any(|tag| text.starts_with(tag));
    text.contains("</p>") || (starts_with_tag && text.contains("</"))
}

/// Returns a person's name with its HTML entities decoded: `Rye &amp; Son`.
fn clean_name(name: &str) -> String {
    if name.contains('&') {
        html::extract_title(&name.replace('<', "&lt;"))
    } else {
        clean_line(name)
    }
}

/// Returns a title as plain text. Many feeds put HTML into titles without declaring it, but
/// `Vec<T>` and tags that a title speaks of must be kept.
fn clean_title(title: &FeedText) -> String {
    let text = title.text.trim();
    let text = &text[..text.floor_char_boundary(MAX_TITLE_BYTES)];
    let text = text
        .strip_prefix("<![CDATA[")
        .and_then(|inside| inside.strip_suffix("]]>"))
        .unwrap_or(text);
    match title.markup {
        Markup::Html => html::extract_title(text),
        Markup::Plain => clean_line(text),
        Markup::Entities if has_markup(text) => html::extract_title(text),
        Markup::Entities => html::extract_title(&text.replace('<', "&lt;")),
    }
}

/// Returns whether a title that is not declared as HTML has markup: a pair of tags, a comment,
/// or a tag with an attribute such as `<img src=x>`.
fn has_markup(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.match_indices('<').any(|(at, _)| {
        let rest = &lower[at + 1..];
        let name_length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let (name, rest) = rest.split_at(name_length);
        let Some((inside, after)) = rest.split_once('>') else {
            return rest.starts_with("!--");
        };
        let is_tag = !name.is_empty() && name.starts_with(|c: char| c.is_ascii_alphabetic());
        let has_attribute = is_tag
            && inside.starts_with(|c: char| c.is_ascii_whitespace())
            && has_attribute_name(inside);
        let is_closed = is_tag && after.contains(&format!("</{name}>"));
        has_attribute || is_closed || inside.starts_with("!--")
    })
}

/// Returns whether the inside of a tag has an attribute, of those that HTML knows, so that
/// `a<b and c=d` is none.
fn has_attribute_name(inside: &str) -> bool {
    const NAMES: [&str; 14] = [
        "src", "href", "class", "id", "style", "alt", "title", "width", "height", "rel", "target",
        "lang", "dir", "color",
    ];
    inside
        .split_ascii_whitespace()
        .filter_map(|part| part.split_once('='))
        .any(|(name, _)| {
            NAMES.contains(&name) || name.starts_with("data-") || name.starts_with("on")
        })
}

/// Returns the first sentence of the excerpt, truncated, or the host if there is no excerpt.
fn title_from_text(excerpt: &str, url: &Url) -> String {
    if excerpt.is_empty() {
        return url.host_str().unwrap_or_default().to_owned();
    }
    truncate_at_word(&excerpt::first_sentence(excerpt), MAX_TITLE_FROM_TEXT_CHARS)
}

#[cfg(test)]
mod field_tests;
#[cfg(test)]
mod tests;

//! Rules for HTML elements that are in the content of a post but not of the post.

use html5ever::tokenizer::Tag;

use crate::feeds::image::is_supported_mime;
use crate::feeds::raw::RawImage;

/// Classes and ids of elements that publishing software adds to a post.
const NON_POST_CLASSES: [&str; 46] = [
    "screen-reader-text",
    "sr-only",
    "visually-hidden",
    "visuallyhidden",
    "wp-caption-text",
    "gallery-caption",
    "image-caption",
    "caption-text",
    "cta-caption",
    "button-wrapper",
    "sharedaddy",
    "share-buttons",
    "sharing-buttons",
    "share-links",
    "social-share",
    "share-post",
    "social-links",
    "jp-relatedposts",
    "related-posts",
    "kg-bookmark-card",
    "kg-signup-card",
    "kg-button-card",
    "embedded-post-wrap",
    "digest-post-embed",
    "toc",
    "table-of-contents",
    "kg-toc",
    "toc-container",
    "footnotes",
    "footnote-ref",
    "footnote-reference",
    "footnote-backref",
    "more-link",
    "read-more",
    "readmore",
    "rt-reading-time",
    "reading-time",
    "newsletter-signup",
    "newsletter-form",
    "subscribe-form",
    "author-box",
    "author-bio",
    "post-navigation",
    "post-tags",
    "image-link-expand",
    "kg-header-card",
];

/// Beginnings of such classes.
const NON_POST_CLASS_PREFIXES: [&str; 17] = [
    "subscription-widget",
    "subscribe-widget",
    "sd-sharing",
    "addtoany",
    "a2a_",
    "heateor",
    "ez-toc",
    "lwptoc",
    "toc_container",
    "wp-block-social-links",
    "wp-block-button",
    "wp-block-jetpack-subscriptions",
    "wp-block-table-of-contents",
    "wp-block-read-more",
    "mc4wp",
    "yarpp",
    "essb_",
];

/// Attributes with the URL of a lazily loaded image, whose `src` is a placeholder.
const LAZY_SOURCES: [&str; 5] = [
    "data-src",
    "data-lazy-src",
    "data-original",
    "data-lazy",
    "data-hi-res-src",
];

/// Attributes with several sizes of an image.
const SOURCE_SETS: [&str; 3] = ["data-srcset", "data-lazy-srcset", "srcset"];

/// Returns the value of an attribute, trimmed; `None` if it is missing or empty.
fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    let found = tag
        .attrs
        .iter()
        .find(|attribute| &*attribute.name.local == name)?;
    Some(found.value.trim()).filter(|value| !value.is_empty())
}

/// Returns the names in `class` and `id`, in lower case.
fn class_names(tag: &Tag) -> Vec<String> {
    let names = [attribute(tag, "class"), attribute(tag, "id")];
    let names = names.into_iter().flatten().flat_map(str::split_whitespace);
    names.map(str::to_ascii_lowercase).collect()
}

/// Returns whether an element is hidden from the readers of the blog.
fn is_hidden(tag: &Tag) -> bool {
    let has_attribute = tag.attrs.iter().any(|a| &*a.name.local == "hidden");
    let style: String = attribute(tag, "style")
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_lowercase();
    let is_declared = style.split(';').any(|declaration| {
        let declaration = declaration.trim_end_matches("!important");
        matches!(
            declaration,
            "display:none"
                | "visibility:hidden"
                | "opacity:0"
                | "font-size:0"
                | "font-size:0px"
                | "max-height:0"
                | "max-height:0px"
                | "mso-hide:all"
        )
    });
    has_attribute || is_declared
}

/// Returns whether an element is hidden, or a part that publishing software adds to posts:
/// subscription boxes, share buttons, captions, cards of other sites, tables of contents.
pub(super) fn is_non_post(tag: &Tag) -> bool {
    if tag.attrs.is_empty() {
        return false;
    }
    let is_excluded = |name: &String| {
        NON_POST_CLASSES.contains(&name.as_str())
            || NON_POST_CLASS_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix))
    };
    let is_note = attribute(tag, "role")
        .is_some_and(|role| matches!(role, "doc-noteref" | "doc-backlink" | "doc-endnotes"));
    is_hidden(tag) || is_note || class_names(tag).iter().any(is_excluded)
}

/// Returns whether a `<sup>` or a link is the mark of a footnote by its attributes.
pub(super) fn is_footnote_mark(tag: &Tag) -> bool {
    let is_note_name = |name: &str| {
        let name = name.trim_start_matches('#').to_ascii_lowercase();
        ["fn", "_ftn", "footnote", "note-", "easy-footnote"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    let href = attribute(tag, "href").and_then(|href| href.split_once('#'));
    href.is_some_and(|(_, fragment)| is_note_name(fragment))
        || class_names(tag).iter().any(|name| is_note_name(name))
}

/// Returns the emoji that an image stands for, or an empty text for a smiley without one.
/// Returns `None` if the image is no emoji.
pub(super) fn emoji(tag: &Tag) -> Option<String> {
    let alt = attribute(tag, "alt").unwrap_or_default();
    let is_symbol = |text: &str| {
        !text.is_empty() && text.chars().count() <= 12 && !text.chars().any(char::is_alphanumeric)
    };
    let is_emoji_alt = is_symbol(alt) && !alt.is_ascii();
    let is_emoji_class = class_names(tag).iter().any(|name| {
        matches!(
            name.as_str(),
            "wp-smiley" | "emoji" | "smiley" | "emoticon" | "twemoji"
        )
    });
    let is_emoji_source = attribute(tag, "src").is_some_and(|src| {
        ["/emoji/", "/smilies/", "/twemoji/"]
            .iter()
            .any(|part| src.contains(part))
    });
    (is_emoji_alt || is_emoji_class || is_emoji_source).then(|| {
        // A keycap such as 1️⃣ is an emoji with an alphanumeric character.
        let is_shown = is_symbol(alt) || alt.contains('\u{20E3}');
        if is_shown {
            alt.to_owned()
        } else {
            String::new()
        }
    })
}

/// Returns the sizes of an `<img>` or of a `<source>` in a `<picture>`, with their URLs as
/// written. Empty if the image is hidden, an avatar or an icon.
pub(super) fn images(tag: &Tag) -> Vec<RawImage> {
    let is_icon = class_names(tag).iter().any(|name| {
        [
            "avatar", "gravatar", "icon", "smiley", "emoji", "favicon", "tracking", "pixel",
        ]
        .iter()
        .any(|word| name.split(['-', '_']).any(|part| part == *word))
    });
    let is_unsupported = attribute(tag, "type").is_some_and(|mime| !is_supported_mime(mime));
    let (style_width, style_height) = (style_pixels(tag, "width"), style_pixels(tag, "height"));
    let is_tiny = |pixels: Option<u32>| pixels.is_some_and(|pixels| pixels < 48);
    if is_icon || is_unsupported || is_hidden(tag) || is_tiny(style_width) || is_tiny(style_height)
    {
        return Vec::new();
    }
    let pixels = |name: &str| -> Option<u32> {
        attribute(tag, name)?
            .trim_end_matches("px")
            .parse::<f32>()
            .ok()
            .map(|pixels| pixels as u32)
    };
    let (width, height) = (pixels("width").or(style_width), pixels("height"));
    if is_tiny(width) || is_tiny(height) {
        return Vec::new();
    }
    let sets = || SOURCE_SETS.iter().filter_map(|name| attribute(tag, name));
    let lazy = LAZY_SOURCES.iter().find_map(|name| attribute(tag, name));
    let is_lazy =
        lazy.is_some() || sets().count() > usize::from(attribute(tag, "srcset").is_some());
    let source = lazy.or_else(|| attribute(tag, "src").filter(|_| !is_lazy));
    let mut images: Vec<RawImage> = sets().flat_map(parse_source_set).collect();
    images.extend(source.map(|url| RawImage {
        url: url.to_owned(),
        width,
        height,
    }));
    images
}

/// Parses `a.jpg 400w, b.jpg 2x` (HTML, srcset attribute). A URL may contain commas.
fn parse_source_set(set: &str) -> Vec<RawImage> {
    let mut images: Vec<RawImage> = Vec::new();
    let mut words = set.split_whitespace();
    while let Some(word) = words.next() {
        let url = word.trim_matches(',');
        if url.is_empty() {
            continue;
        }
        let mut width = None;
        if !word.ends_with(',') {
            for descriptor in words.by_ref() {
                let value = descriptor.trim_end_matches(',');
                if let Some(pixels) = value.strip_suffix('w') {
                    width = pixels.parse().ok();
                } else if let Some(density) = value.strip_suffix('x') {
                    // The density counts only relative to the other sizes.
                    width = density
                        .parse::<f32>()
                        .ok()
                        .map(|times| 600 + (times * 50.0) as u32);
                }
                if descriptor.ends_with(',') {
                    break;
                }
            }
        }
        images.push(RawImage {
            url: url.to_owned(),
            width,
            height: None,
        });
    }
    images
}

/// Returns a length in the style of an element, in pixels; an em counts as 16 pixels.
fn style_pixels(tag: &Tag, property: &str) -> Option<u32> {
    attribute(tag, "style")?.split(';').find_map(|declaration| {
        let (name, value) = declaration.split_once(':')?;
        if !name.trim().eq_ignore_ascii_case(property) {
            return None;
        }
        let value = value.trim().to_ascii_lowercase();
        let (number, unit) = match value.strip_suffix("px") {
            Some(number) => (number, 1.0),
            None => match value.strip_suffix("em") {
                Some(number) => (number.trim_end_matches('r'), 16.0),
                None => (value.as_str(), if value == "0" { 1.0 } else { return None }),
            },
        };
        number
            .trim()
            .parse::<f32>()
            .ok()
            .map(|count| (count * unit) as u32)
    })
}

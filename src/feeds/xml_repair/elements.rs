//! Rules for the elements and attributes of a feed.

use std::borrow::Cow;

use quick_xml::events::BytesStart;

/// Maximum number of attributes of an element. Real feeds have far fewer.
const MAX_ATTRIBUTES: usize = 64;

/// Maximum bytes of all attributes of an element. If there are more, all are removed.
const MAX_ATTRIBUTE_BYTES: usize = 64 * 1024;

/// Namespaces found in feeds, and the equivalents that feed-rs supports.
const NAMESPACE_ALIASES: [(&str, &str); 7] = [
    (
        "http://my.netscape.com/rdf/simple/0.9/",
        "http://purl.org/rss/1.0/",
    ),
    (
        "http://channel.netscape.com/rdf/simple/0.9/",
        "http://purl.org/rss/1.0/",
    ),
    (
        "http://backend.userland.com/rss2",
        "http://purl.org/rss/1.0/",
    ),
    (
        "http://blogs.law.harvard.edu/tech/rss",
        "http://purl.org/rss/1.0/",
    ),
    (
        "http://search.yahoo.com/mrss",
        "http://search.yahoo.com/mrss/",
    ),
    (
        "https://www.w3.org/2005/Atom",
        "http://www.w3.org/2005/Atom",
    ),
    ("http://purl.org/atom/ns#", "http://www.w3.org/2005/Atom"),
];

/// Value of `type` for a thumbnail, which is converted to `media:content`.
pub(in crate::feeds) const THUMBNAIL_TYPE: &str = "image/x-thumbnail";

/// Family of feed formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// RSS of any version. Its elements contain HTML, escaped or by mistake unescaped.
    Rss,
    /// Atom of any version.
    Atom,
}

/// Treatment of an element that is not copied unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Remove the element.
    Drop,
    /// Remove email addresses from a person's name.
    Person,
    /// Read the number of comments and remove the element.
    CommentCount,
    /// Convert tags within the element to text.
    Text,
    /// Remove tags within the element and keep their words.
    Words,
}

/// Returns the treatment of an element, or `None` if it is copied.
pub(super) fn find_treatment(element: &BytesStart<'_>, dialect: Dialect) -> Option<Treatment> {
    let name = element.name();
    let name: &str = name.as_ref();
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    match (prefix, local) {
        ("slash", "comments") | ("thr", "total") => Some(Treatment::CommentCount),
        ("itunes" | "podcast" | "googleplay", _) | (_, "duration") => Some(Treatment::Drop),
        ("media", "content" | "thumbnail" | "group") => None,
        ("media", _) => Some(Treatment::Drop),
        (_, "creator" | "managingEditor" | "webMaster" | "name") => Some(Treatment::Person),
        (_, "author") if dialect == Dialect::Rss => Some(Treatment::Person),
        (_, "title" | "description" | "encoded") if dialect == Dialect::Rss => {
            Some(Treatment::Text)
        }
        (_, "title" | "subtitle" | "summary" | "content") if dialect == Dialect::Atom => {
            find_atom_treatment(element)
        }
        _ => None,
    }
}

/// Returns the treatment of a text of Atom by its `type` (RFC 4287 §4.1.3): in HTML, tags by
/// mistake not escaped become text; in plain text, which is literal, only their words stay.
fn find_atom_treatment(element: &BytesStart<'_>) -> Option<Treatment> {
    let declared = element
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.as_ref() == "type")
        .map(|attribute| attribute.value.trim().to_ascii_lowercase())
        .unwrap_or_default();
    match declared.as_str() {
        "html" | "text/html" => Some(Treatment::Text),
        "xhtml" | "application/xhtml+xml" => None,
        // Base64 (RFC 4287 §4.1.3.3, rule 6).
        other if other.contains('/') && !other.starts_with("text/") && !other.ends_with("xml") => {
            Some(Treatment::Drop)
        }
        _ => Some(Treatment::Words),
    }
}

/// Returns the name under which an element is written. A thumbnail becomes `media:content`,
/// because feed-rs ignores a thumbnail on its own.
pub(super) fn output_name(name: &str) -> &str {
    if name == "media:thumbnail" {
        "media:content"
    } else {
        name
    }
}

/// Returns the start tag to write for an element, with its attributes repaired.
pub(super) fn rewrite_start_tag(element: &BytesStart<'_>, dialect: Dialect) -> BytesStart<'static> {
    let name = element.name();
    let name: &str = name.as_ref();
    let mut output = BytesStart::new(output_name(name).to_owned());
    let mut medium_is_image = false;
    let mut has_type = false;
    if element.attributes_raw().len() <= MAX_ATTRIBUTE_BYTES {
        for attribute in element
            .attributes()
            .with_checks(false)
            .flatten()
            .take(MAX_ATTRIBUTES)
        {
            let key: &str = attribute.key.as_ref();
            let value = quick_xml::escape::unescape(&attribute.value)
                .unwrap_or(Cow::Borrowed(&attribute.value))
                .into_owned();
            medium_is_image |= key == "medium" && value == "image";
            has_type |= key == "type";
            if let Some(value) = repair_attribute(name, key, value, dialect) {
                output.push_attribute((key, value.as_str()));
            }
        }
    }
    if name == "media:thumbnail" {
        output.push_attribute(("type", THUMBNAIL_TYPE));
    } else if name == "media:content" && medium_is_image && !has_type {
        output.push_attribute(("type", "image/x-unknown"));
    } else if name == "rss" {
        output.push_attribute(("version", "2.0"));
    }
    output
}

/// Returns the repaired value of an attribute, or `None` to remove it.
fn repair_attribute(element: &str, key: &str, value: String, dialect: Dialect) -> Option<String> {
    let is_text = dialect == Dialect::Atom
        && matches!(
            element.rsplit(':').next(),
            Some("title" | "subtitle" | "summary" | "rights" | "content")
        )
        && !element.starts_with("media:");
    match key {
        "version" if element == "rss" => None,
        "type" if element == "media:thumbnail" => None,
        // Durations: feed-rs panics if they are too large.
        "start" | "end" | "time" | "duration" => None,
        "src" if is_text => None,
        "type" if is_text => Some(text_type(&value).to_owned()),
        "xml:base" => match url::Url::parse(&value) {
            Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase) => Some(value),
            Err(_) => None,
        },
        _ if key == "xmlns" || key.starts_with("xmlns:") => {
            let alias = NAMESPACE_ALIASES.iter().find(|(alias, _)| *alias == value);
            Some(alias.map_or(value, |(_, known)| (*known).to_owned()))
        }
        _ => Some(value),
    }
}

/// Maps the `type` of a text to one of the three types of RFC 4287 §3.1.1.
fn text_type(value: &str) -> &'static str {
    match value.trim().to_ascii_lowercase().as_str() {
        "html" | "text/html" => "html",
        "xhtml" | "application/xhtml+xml" => "xhtml",
        _ => "text",
    }
}

/// Removes email addresses from a person: `jane@example.com (Jane Doe)` becomes `Jane Doe`.
///
/// The address would otherwise be published in the newsletter.
pub(super) fn remove_email(person: &str) -> String {
    if !person.contains('@') {
        return person.to_owned();
    }
    let is_separator = |c: char| c.is_whitespace() || "()<>[]（）〈〉＜＞【】\",".contains(c);
    let words: Vec<&str> = person
        .split(is_separator)
        .filter(|word| !word.is_empty() && !word.contains('@'))
        .collect();
    words.join(" ")
}

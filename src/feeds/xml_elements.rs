//! What becomes of each element of an XML feed as it is mended: see [`crate::feeds::xml`].

use std::borrow::Cow;

use quick_xml::events::BytesStart;

/// More attributes than this, or longer ones in all, are no one's honest element.
const MAX_ATTRIBUTES: usize = 64;
const MAX_ATTRIBUTE_BYTES: usize = 64 * 1024;

/// Other names under which feeds declare the namespaces that feed-rs knows.
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

/// What the `type` of a thumbnail becomes, as it is handed on as `media:content`.
pub(super) const THUMBNAIL_TYPE: &str = "image/x-thumbnail";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// RSS of any version: HTML stands in its elements escaped, or by mistake unescaped.
    Rss,
    Atom,
}

/// An element whose inside is not simply copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// Nothing of it is used.
    Dropped,
    /// A name, perhaps with an e-mail address.
    Person,
    /// A number of comments.
    Comments,
    /// Text in which tags are text too.
    Text,
}

pub(super) fn inside_of(element: &BytesStart<'_>, dialect: Dialect) -> Option<Inside> {
    let name = element.name();
    let name: &str = name.as_ref();
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    match (prefix, local) {
        ("slash", "comments") => Some(Inside::Comments),
        ("itunes" | "podcast" | "googleplay", _) | (_, "duration") => Some(Inside::Dropped),
        ("media", "content" | "thumbnail" | "group") => None,
        ("media", _) => Some(Inside::Dropped),
        (_, "creator" | "managingEditor" | "webMaster" | "name") => Some(Inside::Person),
        (_, "author") if dialect == Dialect::Rss => Some(Inside::Person),
        (_, "title" | "description" | "encoded") if dialect == Dialect::Rss => Some(Inside::Text),
        _ => None,
    }
}

/// feed-rs forgets a thumbnail that stands beside no content.
pub(super) fn written_name(name: &str) -> &str {
    if name == "media:thumbnail" {
        "media:content"
    } else {
        name
    }
}

pub(super) fn rewritten(element: &BytesStart<'_>, dialect: Dialect) -> BytesStart<'static> {
    let name = element.name();
    let name: &str = name.as_ref();
    let mut kept = BytesStart::new(written_name(name).to_owned());
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
            if let Some(value) = attribute_kept(name, key, value, dialect) {
                kept.push_attribute((key, value.as_str()));
            }
        }
    }
    if name == "media:thumbnail" {
        kept.push_attribute(("type", THUMBNAIL_TYPE));
    } else if name == "media:content" && medium_is_image && !has_type {
        kept.push_attribute(("type", "image/x-unknown"));
    } else if name == "rss" {
        kept.push_attribute(("version", "2.0"));
    }
    kept
}

fn attribute_kept(element: &str, key: &str, value: String, dialect: Dialect) -> Option<String> {
    let is_text = dialect == Dialect::Atom
        && matches!(
            element.rsplit(':').next(),
            Some("title" | "subtitle" | "summary" | "rights" | "content")
        )
        && !element.starts_with("media:");
    match key {
        "version" if element == "rss" => None,
        "type" if element == "media:thumbnail" => None,
        // Durations in attributes; see the panics above.
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

/// RFC 4287 §3.1.1 knows three types; feeds know more.
fn text_type(value: &str) -> &'static str {
    match value.trim().to_ascii_lowercase().as_str() {
        "html" | "text/html" => "html",
        "xhtml" | "application/xhtml+xml" => "xhtml",
        _ => "text",
    }
}

/// `jane@example.com (Jane Doe)` is Jane Doe: an address is for nobody's eyes.
pub(super) fn without_email(person: &str) -> String {
    if !person.contains('@') {
        return person.to_owned();
    }
    let brackets = |c: char| c.is_whitespace() || "()<>[]（）〈〉＜＞【】\",;".contains(c);
    let words: Vec<&str> = person
        .split(brackets)
        .filter(|word| !word.is_empty() && !word.contains('@'))
        .collect();
    words.join(" ")
}

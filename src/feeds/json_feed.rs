//! JSON Feed 1 and 1.1 (jsonfeed.org).
//!
//! Not read by feed-rs, which ignores the image and rejects the whole feed if one item has a
//! number as its id.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::clock::Timestamp;
use crate::feeds::error::ParseError;
use crate::feeds::raw::{self, FeedText, RawFeed, RawImage, RawPost};

#[derive(Deserialize)]
struct Feed {
    version: String,
    #[serde(default)]
    title: Value,
    #[serde(default)]
    home_page_url: Value,
    #[serde(default)]
    author: Value,
    #[serde(default)]
    authors: Value,
    items: Vec<Value>,
}

/// Parses a JSON Feed.
///
/// # Errors
/// Returns [`ParseError::Json`] if the document is not valid JSON or not a JSON Feed.
pub(super) fn parse(bytes: &[u8]) -> Result<RawFeed, ParseError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let feed: Feed =
        serde_json::from_slice(bytes).map_err(|error| ParseError::Json(error.to_string()))?;
    if !feed.version.starts_with("https://jsonfeed.org/version/1") {
        return Err(ParseError::Json(
            "unknown version; expected https://jsonfeed.org/version/1 or 1.1".to_owned(),
        ));
    }
    let author = author(&feed.author, &feed.authors);
    let posts: Vec<RawPost> = feed
        .items
        .iter()
        .filter(|item| item.is_object())
        .map(|item| post(item, author.clone()))
        .collect();
    Ok(RawFeed {
        title: FeedText::plain(string(&feed.title).unwrap_or_default()),
        home: string(&feed.home_page_url),
        unreadable: feed.items.len() - posts.len(),
        posts,
        links_relative_to_document: false,
    })
}

fn post(item: &Value, feed_author: Option<String>) -> RawPost {
    let text = |key: &str| string(&item[key]);
    let plain = |key: &str| text(key).map(FeedText::plain);
    let attachments = || item["attachments"].as_array().into_iter().flatten();
    let is_image = |attachment: &&Value| {
        attachment["mime_type"]
            .as_str()
            .is_some_and(|mime| mime.starts_with("image/"))
    };
    let images = [text("image"), text("banner_image")].into_iter().flatten();
    let images = images.chain(
        attachments()
            .filter(is_image)
            .filter_map(|attachment| string(&attachment["url"])),
    );
    RawPost {
        guid: text("id").filter(|id| !id.is_empty()),
        links: [text("url"), text("external_url")]
            .into_iter()
            .flatten()
            .chain(
                attachments()
                    .filter(|attachment| {
                        attachment["mime_type"].is_string() && !is_image(attachment)
                    })
                    .filter_map(|attachment| string(&attachment["url"])),
            )
            .collect(),
        title: plain("title").unwrap_or_default(),
        summary: plain("summary").unwrap_or_default(),
        content: text("content_html")
            .filter(|html| !html.trim().is_empty())
            .map(FeedText::html)
            .or_else(|| plain("content_text"))
            .unwrap_or_default(),
        images: images
            .map(|url| RawImage {
                url,
                ..RawImage::default()
            })
            .collect(),
        author: author(&item["author"], &item["authors"]).or(feed_author),
        published_at: date(&item["date_published"]).or_else(|| date(&item["date_modified"])),
        comments: None,
    }
}

/// Returns a string or a number as text: the specification requires readers to accept both.
fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn author(author: &Value, authors: &Value) -> Option<String> {
    let names = authors.as_array().into_iter().flatten();
    raw::join_names(names.filter_map(|author| string(&author["name"])))
        .or_else(|| string(&author["name"]))
}

fn date(value: &Value) -> Option<Timestamp> {
    let date: jiff::Timestamp = value.as_str()?.trim().parse().ok()?;
    Some(date.into())
}

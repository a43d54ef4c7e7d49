//! JSON Feed 1 and 1.1 (jsonfeed.org). Read here and not by feed-rs, which leaves out
//! the image and gives up the whole feed for one item with a number for an id.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::clock::Timestamp;
use crate::feeds::error::ParseError;
use crate::feeds::raw::{RawFeed, RawImage, RawPost, Wording};

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

/// # Errors
/// When it is no JSON, or no JSON Feed.
pub(super) fn parse(bytes: &[u8]) -> Result<RawFeed, ParseError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let feed: Feed =
        serde_json::from_slice(bytes).map_err(|error| ParseError::Json(error.to_string()))?;
    if !feed.version.starts_with("https://jsonfeed.org/version/1") {
        return Err(ParseError::Json(
            "its version is no version of JSON Feed".to_owned(),
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
        title: Wording::plain(string(&feed.title).unwrap_or_default()),
        home: string(&feed.home_page_url),
        unreadable: feed.items.len() - posts.len(),
        posts,
        relative_to_document: false,
    })
}

fn post(item: &Value, feed_author: Option<String>) -> RawPost {
    let text = |key: &str| string(&item[key]);
    let plain = |key: &str| text(key).map(Wording::plain);
    let images = [text("image"), text("banner_image")].into_iter().flatten();
    RawPost {
        guid: text("id").filter(|id| !id.is_empty()),
        links: [text("url"), text("external_url")]
            .into_iter()
            .flatten()
            .collect(),
        title: plain("title").unwrap_or_default(),
        summary: plain("summary").unwrap_or_default(),
        content: text("content_html")
            .map(Wording::html)
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

/// The specification has readers take a number for a string.
fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn author(author: &Value, authors: &Value) -> Option<String> {
    string(&authors[0]["name"]).or_else(|| string(&author["name"]))
}

fn date(value: &Value) -> Option<Timestamp> {
    let moment: jiff::Timestamp = value.as_str()?.trim().parse().ok()?;
    Some(moment.into())
}

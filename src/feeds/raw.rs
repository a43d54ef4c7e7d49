//! Fields of a feed as its format defines them, not yet validated or cleaned.

use crate::domain::clock::Timestamp;

/// Fields of a feed.
#[derive(Debug, Default)]
pub(super) struct RawFeed {
    pub title: FeedText,
    pub home: Option<String>,
    pub posts: Vec<RawPost>,
    /// Number of items that cannot be read as a post.
    pub unreadable: usize,
    /// Whether links are relative to the document (Atom, RFC 4287 §2) instead of the home
    /// page, as is common in RSS.
    pub links_relative_to_document: bool,
}

/// Fields of an item or entry.
#[derive(Debug, Default)]
pub(super) struct RawPost {
    pub guid: Option<String>,
    /// Links to the post, the preferred one first.
    pub links: Vec<String>,
    pub title: FeedText,
    pub summary: FeedText,
    pub content: FeedText,
    pub images: Vec<RawImage>,
    pub author: Option<String>,
    pub published_at: Option<Timestamp>,
    pub comments: Option<u32>,
}

/// An image with its size in pixels, if the feed states it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawImage {
    pub url: String,
    pub width: Option<u32>,
    pub height: Option<u32>,
}

/// A text and its markup, as declared by the feed.
#[derive(Debug, Default)]
pub(super) struct FeedText {
    pub text: String,
    pub markup: Markup,
}

/// Markup of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Markup {
    #[default]
    Plain,
    Html,
    /// Text with HTML entities but no tags: an RSS title, which is never declared as HTML.
    Entities,
}

impl FeedText {
    pub fn plain(text: String) -> Self {
        Self {
            text,
            markup: Markup::Plain,
        }
    }

    pub fn html(text: String) -> Self {
        Self {
            text,
            markup: Markup::Html,
        }
    }
}

/// Joins the names of the authors of a post: `Ann, Bo and Cy`. `None` if there is none.
pub(super) fn join_names(names: impl Iterator<Item = String>) -> Option<String> {
    let mut names: Vec<String> = names
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    names.dedup();
    let last = names.pop()?;
    if names.is_empty() {
        return Some(last);
    }
    Some(format!("{} and {last}", names.join(", ")))
}

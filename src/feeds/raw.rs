//! A feed as its format spells it, before anything of it is trusted or cleaned.

use crate::domain::clock::Timestamp;

#[derive(Debug, Default)]
pub(super) struct RawFeed {
    pub title: Wording,
    pub home: Option<String>,
    pub posts: Vec<RawPost>,
    /// What could not be read as a post at all.
    pub unreadable: usize,
    /// Whether a relative link counts from the document (RFC 4287 §2) and not, as is
    /// the custom elsewhere, from the blog's home page.
    pub relative_to_document: bool,
}

#[derive(Debug, Default)]
pub(super) struct RawPost {
    pub guid: Option<String>,
    /// Best first.
    pub links: Vec<String>,
    pub title: Wording,
    pub summary: Wording,
    pub content: Wording,
    pub images: Vec<RawImage>,
    pub author: Option<String>,
    pub published_at: Option<Timestamp>,
    pub comments: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawImage {
    pub url: String,
    pub width: Option<u32>,
    pub height: Option<u32>,
}

/// A piece of writing and what its feed says it is.
#[derive(Debug, Default)]
pub(super) struct Wording {
    pub text: String,
    pub markup: Markup,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Markup {
    #[default]
    Plain,
    Html,
    /// An RSS title: never said to be HTML, and entities stand in it all the same.
    Entities,
}

impl Wording {
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

//! Posts of a blog, as read from a feed and as stored.

use url::Url;

use crate::domain::clock::Timestamp;
pub use crate::domain::ids::{FeedId, PostId};

/// Order of posts that the editor did not place; posts at the end may not fit into the issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum PostOrder {
    /// By date, the newest first.
    Newest,
    /// By hotness: recent and most discussed first.
    Hottest,
}

/// A post as read from a feed, cleaned: plain text without markup, http(s) links only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPost {
    /// Identifier of the post in the feed. Never one that the parser generated.
    pub guid: Option<String>,
    /// Address of the post.
    pub link: Option<Url>,
    /// Title.
    pub title: String,
    /// Two or three whole sentences; empty if the feed has no text.
    pub excerpt: String,
    /// Address of the lead image.
    pub image: Option<Url>,
    /// Name of the author.
    pub author: Option<String>,
    /// Date in the feed; `None` if it is missing or invalid.
    pub published_at: Option<Timestamp>,
    /// Number of comments (`slash:comments`), if the feed has it.
    pub comments: Option<u32>,
    /// Reading time in minutes, if the feed has the full text.
    pub minutes: Option<u32>,
}

/// A stored post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Key of the post.
    pub id: PostId,
    /// Title.
    pub title: String,
    /// Address of the post.
    pub url: Url,
    /// Two or three whole sentences, or empty.
    pub excerpt: String,
    /// Address of the lead image.
    pub image: Option<Url>,
    /// Name of the author.
    pub author: Option<String>,
    /// Reading time in minutes.
    pub minutes: Option<u32>,
    /// Date in the feed, or when the post was first seen; never in the future.
    pub published_at: Timestamp,
    /// When the post was first read from the feed.
    pub first_seen_at: Timestamp,
    /// Number of issues for which the post was a candidate but did not fit.
    pub times_offered: u32,
}

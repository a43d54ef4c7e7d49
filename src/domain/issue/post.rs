//! What a blog published: as read from a feed, and as kept.

use url::Url;

use crate::domain::clock::Timestamp;
pub use crate::domain::ids::{FeedId, PostId};

/// A post as one reading of a feed gave it, cleaned: plain text only, links http(s)
/// only, never markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPost {
    /// The feed's own identifier for it, if the feed gave one (never one that a parser
    /// invented).
    pub guid: Option<String>,
    pub link: Option<Url>,
    pub title: String,
    /// Two or three whole sentences; empty when the feed has no text for it.
    pub excerpt: String,
    pub image: Option<Url>,
    pub author: Option<String>,
    /// As the feed says; `None` when it says nothing or nonsense.
    pub published_at: Option<Timestamp>,
    /// `slash:comments`, where the feed has them.
    pub comments: Option<u32>,
    /// Reading time in minutes, when the feed carried the whole text.
    pub minutes: Option<u32>,
}

/// A post as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    pub id: PostId,
    pub title: String,
    pub url: Url,
    pub excerpt: String,
    pub image: Option<Url>,
    pub author: Option<String>,
    pub minutes: Option<u32>,
    /// The feed's date, or when it was first seen; never in the future.
    pub published_at: Timestamp,
    pub first_seen_at: Timestamp,
    /// In how many issues' drafts it stood without fitting in.
    pub times_offered: u32,
}

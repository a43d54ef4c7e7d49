//! Feeds, their posts, and the clicks on posts.

pub(crate) mod clicks;
pub(crate) mod feeds;
pub(crate) mod posts;

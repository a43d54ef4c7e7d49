//! Feeds, their posts, and clicks on them.

pub(crate) mod clicks;
pub(crate) mod feeds;
pub(crate) mod posts;

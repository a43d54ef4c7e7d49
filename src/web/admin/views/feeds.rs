//! Where posts come from.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::views::AdminLayout;
use crate::web::render::maybe_millis;

#[derive(Clone, Debug, Serialize)]
pub struct FeedLine {
    pub id: String,
    pub url: String,
    pub title: Option<String>,
    #[serde(serialize_with = "maybe_millis")]
    pub checked_at: Option<Timestamp>,
    #[serde(serialize_with = "maybe_millis")]
    pub last_good_at: Option<Timestamp>,
    /// In words, without a full stop: "404".
    pub error: Option<String>,
    /// Posts found so far.
    pub posts: i64,
    /// Set by file or environment, so it cannot be removed here.
    pub from_settings: bool,
}

/// Posts `csrf` and `url` to `/admin/feeds`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AddFeed {
    pub url: String,
    pub fault: Option<String>,
}

/// `GET /admin/feeds`. Each feed posts `csrf` and `action` = `check` or `remove` to
/// `/admin/feeds/{id}`.
#[derive(Clone, Debug, Serialize)]
pub struct Feeds {
    pub desk: AdminLayout,
    pub feeds: Vec<FeedLine>,
    pub add: AddFeed,
}

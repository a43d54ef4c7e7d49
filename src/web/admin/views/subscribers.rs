//! Who reads.

use serde::Serialize;

use super::Desk;
use crate::domain::clock::Timestamp;
use crate::web::pages::{maybe_millis, millis};

#[derive(Clone, Debug, Default, Serialize)]
pub struct SubscriberCounts {
    pub all: i64,
    pub pending: i64,
    pub confirmed: i64,
    pub unsubscribed: i64,
    pub suppressed: i64,
}

#[derive(Clone, Debug, Serialize)]
pub struct SubscriberLine {
    pub address: String,
    pub name: Option<String>,
    /// `SubscriberState::as_str`
    pub state: &'static str,
    #[serde(serialize_with = "millis")]
    pub since: Timestamp,
    #[serde(serialize_with = "maybe_millis")]
    pub paused_until: Option<Timestamp>,
    pub source: String,
}

/// Posts `csrf`, `email` and `source` to `/admin/subscribers`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AddSubscriber {
    pub address: String,
    pub source: String,
    pub fault: Option<String>,
}

/// `GET /admin/subscribers?q=&state=&after=`.
#[derive(Clone, Debug, Serialize)]
pub struct Subscribers {
    pub desk: Desk,
    pub counts: SubscriberCounts,
    pub query: String,
    /// The filter: `SubscriberState::as_str`.
    pub state: Option<&'static str>,
    pub rows: Vec<SubscriberLine>,
    /// Whether this is not the first page.
    pub newer: bool,
    /// The next page's `after`.
    pub older: Option<String>,
    pub add: AddSubscriber,
}

//! The first page of the desk.

use serde::Serialize;

use super::{Desk, IssueLine, Live, UpcomingSlot};
use crate::domain::clock::Timestamp;
use crate::web::pages::maybe_millis;

/// What is done of the first four steps; shown until all are.
#[derive(Clone, Debug, Serialize)]
pub struct Checklist {
    pub feed: bool,
    pub sending: bool,
    pub test: bool,
    /// Someone signed up by the form.
    pub form: bool,
}

/// An issue that is sending or paused. Posts `csrf` and `action` = `pause` or `resume` to
/// its page.
#[derive(Clone, Debug, Serialize)]
pub struct SendingNow {
    pub number: i64,
    pub live: Live,
}

#[derive(Clone, Debug, Serialize)]
pub struct NextIssue {
    pub number: i64,
    pub upcoming: Option<UpcomingSlot>,
    #[serde(serialize_with = "maybe_millis")]
    pub goes_at: Option<Timestamp>,
    pub posts: usize,
    /// Whether there is enough for an issue.
    pub is_enough: bool,
    pub readers: i64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub subscribers: i64,
    pub new_this_week: i64,
    pub left_this_week: i64,
    /// Of the last issue: `TallyView::delivered_per_mille`.
    pub delivered_per_mille: Option<i64>,
}

/// `GET /admin`.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    pub desk: Desk,
    pub checklist: Option<Checklist>,
    pub sending: Option<SendingNow>,
    pub next: NextIssue,
    pub figures: Figures,
    pub recent: Vec<IssueLine>,
}

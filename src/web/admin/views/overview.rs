//! The first page of the desk.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::views::{AdminLayout, Growth, IssueLine, Live};
use crate::web::render::maybe_millis;
use crate::web::upcoming::UpcomingSlot;

/// What is done of the first four steps, each tried for real; shown until all are.
#[derive(Clone, Debug, Serialize)]
pub struct Checklist {
    /// A feed was read.
    pub feed: bool,
    /// The mail server took a mail, or the outbox was chosen.
    pub sending: bool,
    /// What must be set before a send, in words.
    pub missing: Vec<String>,
    /// A test was delivered.
    pub test: bool,
    /// Someone signed up by the form, or came to it from another site.
    pub form: bool,
}

/// Whether all is well, or what wants a person.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// What must be set before a send, in words.
    pub missing: Vec<String>,
    pub feeds: usize,
    /// Those that could not be read when last tried.
    pub failing_feeds: usize,
    /// When one was last read.
    #[serde(serialize_with = "maybe_millis")]
    pub feeds_read_at: Option<Timestamp>,
    /// The owner's mail templates were changed and cannot be used so.
    pub has_template_faults: bool,
    /// Where mail goes: a server, or the outbox when none is set.
    pub server: Option<String>,
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
    pub desk: AdminLayout,
    pub health: Health,
    pub checklist: Option<Checklist>,
    pub sending: Option<SendingNow>,
    pub next: NextIssue,
    pub figures: Figures,
    pub growth: Option<Growth>,
    pub recent: Vec<IssueLine>,
}

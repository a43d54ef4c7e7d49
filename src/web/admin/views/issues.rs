//! What the desk shows of issues that went out or are going.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::issue::DeliveryCounts;
use crate::web::admin::views::{AdminLayout, Live};
use crate::web::render::{maybe_millis, millis};

/// A [`Tally`] and what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TallyView {
    recipients: i64,
    delivered: i64,
    queued: i64,
    deferred: i64,
    bounced: i64,
    skipped: i64,
    in_doubt: i64,
    to_go: i64,
    /// Recipients of whom nothing more is to come.
    settled: i64,
    /// Who wanted it and has it not, or perhaps not.
    failed: i64,
}

impl TallyView {
    /// Of a thousand, how many have it; `None` while nobody was to get it.
    pub fn delivered_per_mille(&self) -> Option<i64> {
        (self.recipients > 0).then(|| self.delivered * 1000 / self.recipients)
    }
}

impl From<&DeliveryCounts> for TallyView {
    fn from(tally: &DeliveryCounts) -> Self {
        let recipients = tally.recipients();
        let settled = recipients - tally.remaining();
        Self {
            recipients,
            delivered: tally.delivered,
            queued: tally.queued,
            deferred: tally.deferred,
            bounced: tally.bounced,
            skipped: tally.skipped,
            in_doubt: tally.in_doubt,
            to_go: tally.remaining(),
            settled,
            failed: tally.failed(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct IssueLine {
    pub number: i64,
    pub title: String,
    #[serde(serialize_with = "millis")]
    pub begun_at: Timestamp,
    /// `Standing::as_str`
    pub state: &'static str,
    pub tally: TallyView,
}

/// By the ISO calendar.
#[derive(Clone, Debug, Serialize)]
pub struct SkippedWeek {
    pub year: u16,
    pub week: u8,
}

/// The issue that is not made yet.
#[derive(Clone, Debug, Serialize)]
pub struct NextLine {
    pub number: i64,
    /// When it goes out by itself; `None` for a draft that waits for the editor.
    #[serde(serialize_with = "maybe_millis")]
    pub goes_at: Option<Timestamp>,
}

/// `GET /admin/issues?after=`.
#[derive(Clone, Debug, Serialize)]
pub struct Issues {
    pub desk: AdminLayout,
    /// Above the first page.
    pub next: Option<NextLine>,
    pub issues: Vec<IssueLine>,
    /// The latest weeks in which the editor wanted no issue.
    pub skipped: Vec<SkippedWeek>,
    pub newer: bool,
    pub older: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DeliveryLine {
    /// None once the reader was erased.
    pub address: Option<String>,
    /// `DeliveryState::as_str`
    pub state: &'static str,
    pub attempts: i64,
    /// When its state last changed.
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
    /// When it is tried again.
    #[serde(serialize_with = "maybe_millis")]
    pub next_at: Option<Timestamp>,
    /// The server's words.
    pub reply: Option<String>,
}

/// Copies that failed for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    pub count: i64,
    /// `Reason::as_str`, or `in_doubt`
    pub reason: &'static str,
    /// Some of the servers' words, each word for word.
    pub words: Vec<String>,
}

/// What came of looking one address up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Looked {
    Found,
    /// On the list, and not among the recipients.
    NoRecipient,
    Unknown,
    /// No address.
    Fault,
}

#[derive(Clone, Debug, Serialize)]
pub struct LookUp {
    pub address: String,
    pub came: Looked,
}

/// `GET /admin/issues/{number}?state=&after=` or `?address=`. Posts `csrf` and `action` =
/// `pause`, `resume`, `cancel`, `try_now` or `send_again` there.
#[derive(Clone, Debug, Serialize)]
pub struct Issue {
    pub desk: AdminLayout,
    pub number: i64,
    pub subject: String,
    pub live: Live,
    #[serde(serialize_with = "millis")]
    pub begun_at: Timestamp,
    #[serde(serialize_with = "maybe_millis")]
    pub finished_at: Option<Timestamp>,
    pub failures: Vec<FailureGroup>,
    /// How many unsubscribed while this was the last issue they had.
    pub left: i64,
    pub look_up: Option<LookUp>,
    /// The filter: `DeliveryState::as_str`, where `queued` means leased and sending too;
    /// or `missed` for all who did not get it.
    pub filter: Option<&'static str>,
    pub deliveries: Vec<DeliveryLine>,
    pub newer: bool,
    pub older: Option<String>,
    /// Where they are counted.
    pub clicks: Option<Vec<PostClicks>>,
}

/// How often a post was opened from its issue.
#[derive(Clone, Debug, Serialize)]
pub struct PostClicks {
    pub title: String,
    pub clicks: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_is_settled_when_nothing_is_to_go() {
        let tally = DeliveryCounts {
            queued: 3,
            deferred: 1,
            delivered: 94,
            bounced: 1,
            skipped: 0,
            in_doubt: 1,
        };
        let view = TallyView::from(&tally);
        assert_eq!((view.settled, view.to_go, view.recipients), (96, 4, 100));
        assert_eq!(view.delivered_per_mille(), Some(940));
        let nobody = TallyView::from(&DeliveryCounts::default());
        assert_eq!(nobody.delivered_per_mille(), None);
    }
}

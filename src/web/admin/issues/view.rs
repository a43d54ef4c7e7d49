//! What the desk shows of issues that went out or are going.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::issues::counts_view::TallyView;
use crate::web::admin::issues::progress_view::Live;
use crate::web::admin::layout::AdminLayout;
use crate::web::pages::templates;
use crate::web::pages::{maybe_millis, millis};

templates! {
    Issues => "admin/issues.html",
    Issue => "admin/issue.html",
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

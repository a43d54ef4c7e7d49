//! Data of the issue pages.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::issues::counts_view::CountsView;
use crate::web::admin::issues::progress_view::SendProgress;
use crate::web::admin::layout::AdminLayout;
use crate::web::render::{maybe_millis, millis, templates};

templates! {
    IssuesPage => "admin/issues.html",
    IssuePage => "admin/issue.html",
}

/// One issue in the table.
#[derive(Clone, Debug, Serialize)]
pub struct IssueTableRow {
    /// The issue's number.
    pub number: i64,
    /// The issue's subject.
    pub title: String,
    /// When the issue was frozen.
    #[serde(serialize_with = "millis")]
    pub started_at: Timestamp,
    /// `IssueStatus::as_str`
    pub state: &'static str,
    /// Delivery counts.
    pub counts: CountsView,
}

/// A skipped week of the ISO calendar.
#[derive(Clone, Debug, Serialize)]
pub struct SkippedWeek {
    /// ISO year.
    pub year: u16,
    /// ISO week, from 1.
    pub week: u8,
}

/// The next issue, which is a draft.
#[derive(Clone, Debug, Serialize)]
pub struct NextIssueRow {
    /// The number that it will have.
    pub number: i64,
    /// When it is sent automatically; `None` if an editor has to send it.
    #[serde(serialize_with = "maybe_millis")]
    pub goes_at: Option<Timestamp>,
}

/// Data of `GET /admin/issues?after=`.
#[derive(Clone, Debug, Serialize)]
pub struct IssuesPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// The next issue, on the first page.
    pub next: Option<NextIssueRow>,
    /// The issues of this page, newest first.
    pub issues: Vec<IssueTableRow>,
    /// The last weeks that were skipped.
    pub skipped: Vec<SkippedWeek>,
    /// Whether a page with newer issues exists.
    pub newer: bool,
    /// Cursor of the next page.
    pub older: Option<String>,
}

/// One delivery in the table.
#[derive(Clone, Debug, Serialize)]
pub struct DeliveryTableRow {
    /// Recipient's address; `None` after the subscriber was erased.
    pub address: Option<String>,
    /// `DeliveryState::as_str`
    pub state: &'static str,
    /// Number of attempts.
    pub attempts: i64,
    /// When the state last changed.
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
    /// Next attempt of a deferred delivery.
    #[serde(serialize_with = "maybe_millis")]
    pub next_attempt_at: Option<Timestamp>,
    /// Last SMTP reply.
    pub reply: Option<String>,
}

/// Deliveries that failed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    /// Number of deliveries.
    pub count: i64,
    /// `Reason::as_str`, or `in_doubt`.
    pub reason: &'static str,
    /// Examples of SMTP replies, verbatim.
    pub replies: Vec<String>,
}

/// Result of a search for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupResult {
    /// The subscriber is a recipient.
    Found,
    /// The subscriber is not a recipient.
    NotRecipient,
    /// No subscriber has this address.
    Unknown,
    /// The address is invalid.
    Invalid,
}

/// A search for one recipient.
#[derive(Clone, Debug, Serialize)]
pub struct RecipientLookup {
    /// The address as it was typed.
    pub address: String,
    /// Result of the search.
    pub result: LookupResult,
}

/// Data of `GET /admin/issues/{number}?state=&after=` or `?address=`. Posts `csrf` and
/// `action` = `pause`, `resume`, `cancel`, `try_now` or `send_again` there.
#[derive(Clone, Debug, Serialize)]
pub struct IssuePage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// The issue's number.
    pub number: i64,
    /// The issue's subject.
    pub subject: String,
    /// How far the issue is.
    pub progress: SendProgress,
    /// When the issue was frozen.
    #[serde(serialize_with = "millis")]
    pub started_at: Timestamp,
    /// When the last delivery was completed.
    #[serde(serialize_with = "maybe_millis")]
    pub finished_at: Option<Timestamp>,
    /// Failed deliveries by reason, on the first page.
    pub failures: Vec<FailureGroup>,
    /// Subscribers who unsubscribed while this was the last issue they received.
    pub unsubscribes: i64,
    /// The search for one recipient.
    pub lookup: Option<RecipientLookup>,
    /// The filter: `DeliveryState::as_str`, where `queued` includes leased and sending, or
    /// `missed` for all deliveries that failed.
    pub filter: Option<&'static str>,
    /// The deliveries of this page.
    pub deliveries: Vec<DeliveryTableRow>,
    /// Whether a previous page exists.
    pub newer: bool,
    /// Cursor of the next page.
    pub older: Option<String>,
    /// Clicks per post, if clicks are counted.
    pub clicks: Option<Vec<PostClicks>>,
}

/// Number of clicks on a post of the issue.
#[derive(Clone, Debug, Serialize)]
pub struct PostClicks {
    /// The post's title.
    pub title: String,
    /// Number of clicks.
    pub clicks: i64,
}

//! Alerts: messages that notify the operator of an event.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::issue::DeliveryCounts;
use crate::mail::templates::context::{Day, EmailTemplate, NewsletterContext};

/// An event to notify the operator of. Stored as JSON until its message is rendered.
///
/// The serialized names are used by templates and in stored rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum AlertEvent {
    /// Test message, sent from the admin UI to check the SMTP settings.
    SendingTried,
    /// The draft can be reviewed before it is sent.
    DraftReady {
        /// When the issue is sent, in Unix milliseconds.
        at: i64,
        /// Subject of the draft.
        subject: String,
        /// Titles of the posts in the draft.
        titles: Vec<String>,
        /// Number of confirmed subscribers.
        readers: i64,
    },
    /// An issue was sent completely, or cancelled.
    IssueEnded {
        /// Number of the issue.
        number: i64,
        /// Subject of the issue.
        subject: String,
        /// Whether it was cancelled.
        cancelled: bool,
        /// Result of the deliveries.
        counts: AlertCounts,
    },
    /// An issue was paused because of an SMTP error that is not about single recipients.
    IssuePaused {
        /// Number of the issue.
        number: i64,
        /// Subject of the issue.
        subject: String,
        /// Last reply of the SMTP server.
        says: String,
        /// State of the deliveries.
        counts: AlertCounts,
    },
    /// An issue was not sent within the catch-up window.
    SlotMissed {
        /// When the issue was due, in Unix milliseconds.
        at: i64,
        /// Week of the issue.
        slot: String,
    },
    /// The issue is due but cannot be created.
    IssueNotMade {
        /// Week of the issue.
        slot: String,
        /// The error.
        says: String,
    },
    /// Feeds could not be read when the issue was due.
    FeedsFailed {
        /// Week of the issue.
        slot: String,
        /// The feeds and their errors.
        feeds: Vec<FailedFeed>,
        /// Number of the issue created from the other feeds; `None` if they had no new post.
        number: Option<i64>,
    },
}

/// A feed that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFeed {
    /// Address of the feed.
    pub url: String,
    /// The error.
    pub says: String,
}

/// Delivery counts of an issue under the names that templates and stored alerts use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCounts {
    /// All recipients.
    pub recipients: i64,
    /// Accepted by an SMTP server.
    pub delivered: i64,
    /// Not yet completed.
    pub to_go: i64,
    /// Failed permanently.
    pub bounced: i64,
    /// No longer wanted before they were sent.
    pub skipped: i64,
    /// The final reply was lost.
    pub in_doubt: i64,
}

impl From<&DeliveryCounts> for AlertCounts {
    fn from(counts: &DeliveryCounts) -> Self {
        Self {
            recipients: counts.recipients(),
            delivered: counts.delivered,
            to_go: counts.remaining(),
            bounced: counts.bounced,
            skipped: counts.skipped,
            in_doubt: counts.in_doubt,
        }
    }
}

/// Date and time in the newsletter's time zone. The template has the names of days and months.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Moment {
    /// Days since Monday, from 0 to 6.
    pub weekday: i8,
    /// Date.
    pub day: Day,
    /// Hour, from 0 to 23.
    pub hour: i8,
    /// Minute, from 0 to 59.
    pub minute: i8,
}

impl Moment {
    /// Converts Unix milliseconds to the date and time in `zone`.
    pub fn new(millis: i64, zone: &TimeZone) -> Self {
        let local = Timestamp::from_millis(millis).in_zone(zone);
        Self {
            weekday: local.weekday().to_monday_zero_offset(),
            day: local.date().into(),
            hour: local.hour(),
            minute: local.minute(),
        }
    }
}

impl AlertEvent {
    /// Returns the time that the event is about, in Unix milliseconds.
    pub const fn at(&self) -> Option<i64> {
        match self {
            Self::DraftReady { at, .. } | Self::SlotMissed { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// Returns the path of the page in the admin UI that shows the event.
    pub fn admin_path(&self) -> String {
        match self {
            Self::SendingTried => "admin/settings/sending".to_owned(),
            Self::DraftReady { .. } | Self::IssueNotMade { .. } => "admin/next".to_owned(),
            Self::IssueEnded { number, .. } | Self::IssuePaused { number, .. } => {
                format!("admin/issues/{number}")
            }
            Self::SlotMissed { .. } => "admin".to_owned(),
            Self::FeedsFailed { .. } => "admin/feeds".to_owned(),
        }
    }
}

/// Message that notifies the operator of an event.
#[derive(Clone, Debug, Serialize)]
pub struct AlertMail {
    /// The newsletter.
    pub masthead: NewsletterContext,
    /// The event.
    pub event: AlertEvent,
    /// [`AlertEvent::at`] in the time zone of the newsletter.
    pub at: Option<Moment>,
    /// Address of the page in the admin UI.
    pub desk_url: String,
}

impl EmailTemplate for AlertMail {
    const NAME: &'static str = "alert";

    fn required_links(&self) -> Vec<&str> {
        vec![&self.desk_url]
    }
}

//! What the owner is told.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::issue::DeliveryCounts;
use crate::mail::templates::{Day, EmailTemplate, NewsletterContext};

/// Something that the owner wants to know of. Kept as JSON until its mail is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum AlertEvent {
    /// The desk tries whether mail leaves.
    SendingTried,
    DraftReady {
        /// When it goes out, in Unix milliseconds.
        at: i64,
        subject: String,
        titles: Vec<String>,
        readers: i64,
    },
    IssueEnded {
        number: i64,
        subject: String,
        cancelled: bool,
        counts: AlertCounts,
    },
    IssuePaused {
        number: i64,
        subject: String,
        /// The server's words.
        says: String,
        counts: AlertCounts,
    },
    SlotMissed {
        /// When it should have gone out, in Unix milliseconds.
        at: i64,
        slot: String,
    },
    /// The week's issue is due, and something in it stands in the way.
    IssueNotMade {
        slot: String,
        /// What stands in the way.
        says: String,
    },
    FeedsFailed {
        slot: String,
        feeds: Vec<FailedFeed>,
        /// The issue that was made of what the other feeds brought.
        number: Option<i64>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFeed {
    pub url: String,
    pub says: String,
}

/// How the recipients of an issue are accounted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCounts {
    pub recipients: i64,
    pub delivered: i64,
    pub to_go: i64,
    pub bounced: i64,
    pub skipped: i64,
    pub in_doubt: i64,
}

impl From<&DeliveryCounts> for AlertCounts {
    fn from(tally: &DeliveryCounts) -> Self {
        Self {
            recipients: tally.recipients(),
            delivered: tally.delivered,
            to_go: tally.remaining(),
            bounced: tally.bounced,
            skipped: tally.skipped,
            in_doubt: tally.in_doubt,
        }
    }
}

/// A moment in the newsletter's own zone. The template has the names.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Moment {
    /// From Monday, 0.
    pub weekday: i8,
    pub day: Day,
    pub hour: i8,
    pub minute: i8,
}

impl Moment {
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
    /// The moment that the event is about, in Unix milliseconds.
    pub const fn at(&self) -> Option<i64> {
        match self {
            Self::DraftReady { at, .. } | Self::SlotMissed { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// Where on the desk to look, below its address.
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

/// Tells the owner.
#[derive(Clone, Debug, Serialize)]
pub struct AlertMail {
    pub masthead: NewsletterContext,
    pub event: AlertEvent,
    pub at: Option<Moment>,
    pub desk_url: String,
}

impl EmailTemplate for AlertMail {
    const NAME: &'static str = "alert";

    fn required_links(&self) -> Vec<&str> {
        vec![&self.desk_url]
    }
}

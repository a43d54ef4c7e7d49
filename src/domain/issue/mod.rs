//! Issues: number, state and delivery counts.

pub mod draft_edits;
pub mod post;
pub mod schedule;
pub mod slot;
pub mod text;

use std::fmt;

use serde::Serialize;

use crate::domain::enum_text::word_enum;
pub use crate::domain::ids::IssueId;

/// Public number of an issue, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueNumber(i64);

/// Error for a number that is not an issue number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid issue number; expected a whole number from 1")]
pub struct IssueNumberError;

impl IssueNumber {
    /// Number of the first issue.
    pub const FIRST: Self = Self(1);

    /// Creates an issue number.
    ///
    /// # Errors
    /// Returns [`IssueNumberError`] if `number` is less than 1.
    pub fn new(number: i64) -> Result<Self, IssueNumberError> {
        (number >= 1)
            .then_some(Self(number))
            .ok_or(IssueNumberError)
    }

    /// Parses a decimal issue number.
    ///
    /// # Errors
    /// Returns [`IssueNumberError`] if `text` is not a whole number from 1.
    pub fn parse(text: &str) -> Result<Self, IssueNumberError> {
        text.parse()
            .map_err(|_| IssueNumberError)
            .and_then(Self::new)
    }

    /// Returns the number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the number of the next issue.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for IssueNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

word_enum! {
    /// Stored state of a frozen issue.
    pub enum IssueState: "issue state" {
        /// Deliveries are being sent.
        Sending,
        /// No further delivery is started until the issue is resumed.
        Paused,
        /// Every recipient is accounted for and no delivery remains.
        Sent,
        /// Deliveries that had not been sent were skipped.
        Cancelled,
    }
}

/// Status of an issue as shown to users, derived from state and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum IssueStatus {
    /// Deliveries remain.
    Sending,
    /// Paused by an editor or by policy rejections.
    Paused,
    /// Sent, and no delivery failed.
    Sent,
    /// Sent, with bounced or in-doubt deliveries.
    SentWithFailures,
    /// Cancelled.
    Cancelled,
}

impl IssueStatus {
    /// Derives the status. An issue with remaining deliveries is never [`Self::Sent`].
    pub const fn new(state: IssueState, counts: &DeliveryCounts) -> Self {
        match state {
            IssueState::Sending => Self::Sending,
            IssueState::Paused => Self::Paused,
            IssueState::Cancelled => Self::Cancelled,
            IssueState::Sent if counts.remaining() > 0 => Self::Sending,
            IssueState::Sent if counts.failed() > 0 => Self::SentWithFailures,
            IssueState::Sent => Self::Sent,
        }
    }

    /// Returns the word for templates and JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns whether the issue no longer changes without an action of the editor.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Sent | Self::SentWithFailures | Self::Cancelled)
    }
}

/// Recipients of an issue by delivery state.
///
/// Always `recipients() = delivered + deferred + bounced + skipped + in_doubt + queued`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryCounts {
    /// Deliveries that a server accepted.
    pub delivered: i64,
    /// Deliveries that wait for a retry.
    pub deferred: i64,
    /// Deliveries that failed permanently.
    pub bounced: i64,
    /// Deliveries that were no longer wanted before they were sent.
    pub skipped: i64,
    /// Deliveries whose final reply was lost.
    pub in_doubt: i64,
    /// Queued, leased and sending deliveries together.
    pub queued: i64,
}

impl DeliveryCounts {
    /// Returns the number of all recipients.
    pub const fn recipients(&self) -> i64 {
        self.queued + self.deferred + self.delivered + self.bounced + self.skipped + self.in_doubt
    }

    /// Returns the deliveries that must complete before the issue counts as sent.
    pub const fn remaining(&self) -> i64 {
        self.queued + self.deferred
    }

    /// Returns the deliveries that are in a final state.
    pub const fn completed(&self) -> i64 {
        self.recipients() - self.remaining()
    }

    /// Adds the counts of `other`.
    pub const fn add(&mut self, other: &Self) {
        self.queued += other.queued;
        self.deferred += other.deferred;
        self.delivered += other.delivered;
        self.bounced += other.bounced;
        self.skipped += other.skipped;
        self.in_doubt += other.in_doubt;
    }

    /// Returns the deliveries that bounced or may not have arrived.
    pub const fn failed(&self) -> i64 {
        self.bounced + self.in_doubt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_number_below_one_is_invalid() {
        assert!(IssueNumber::parse("0").is_err());
        assert!(IssueNumber::parse("-1").is_err());
        assert!(IssueNumber::parse("42x").is_err());
        assert_eq!(IssueNumber::parse("42").unwrap().next().get(), 43);
    }

    #[test]
    fn status_is_sent_only_without_remaining_deliveries() {
        use IssueState::{Cancelled, Paused, Sending, Sent};
        let counts = |queued, deferred, bounced, skipped, in_doubt| DeliveryCounts {
            queued,
            deferred,
            bounced,
            skipped,
            in_doubt,
            delivered: 10 - queued - deferred - bounced - skipped - in_doubt,
        };
        for (state, counts, status) in [
            (Sent, counts(0, 0, 0, 0, 0), IssueStatus::Sent),
            (Sent, counts(0, 0, 0, 3, 0), IssueStatus::Sent),
            (Sent, counts(0, 0, 1, 0, 0), IssueStatus::SentWithFailures),
            (Sent, counts(0, 0, 0, 0, 1), IssueStatus::SentWithFailures),
            (Sent, counts(1, 0, 0, 0, 0), IssueStatus::Sending),
            (Sent, counts(0, 1, 0, 0, 0), IssueStatus::Sending),
            (Sending, counts(0, 0, 0, 0, 0), IssueStatus::Sending),
            (Paused, counts(1, 0, 0, 0, 0), IssueStatus::Paused),
            (Cancelled, counts(0, 0, 1, 9, 0), IssueStatus::Cancelled),
        ] {
            assert_eq!(
                IssueStatus::new(state, &counts),
                status,
                "{state:?} {counts:?}"
            );
        }
    }
}

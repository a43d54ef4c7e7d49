//! One numbered edition.

pub mod draft_edits;
pub mod post;
pub mod schedule;
pub mod slot;
pub mod text;

use std::fmt;

pub use crate::domain::ids::IssueId;

/// The number readers see, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueNumber(i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issue number is a whole number from 1")]
pub struct IssueNumberError;

impl IssueNumber {
    pub const FIRST: Self = Self(1);

    pub fn new(number: i64) -> Result<Self, IssueNumberError> {
        (number >= 1)
            .then_some(Self(number))
            .ok_or(IssueNumberError)
    }

    pub fn parse(text: &str) -> Result<Self, IssueNumberError> {
        text.parse()
            .map_err(|_| IssueNumberError)
            .and_then(Self::new)
    }

    pub const fn get(self) -> i64 {
        self.0
    }

    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for IssueNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a frozen issue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssueState {
    Sending,
    /// Nothing of it begins until the editor resumes it.
    Paused,
    /// Every recipient is accounted for and nothing is to go.
    Sent,
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no issue state")]
pub struct IssueStateError(String);

impl IssueState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Paused => "paused",
            Self::Sent => "sent",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Result<Self, IssueStateError> {
        [Self::Sending, Self::Paused, Self::Sent, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| IssueStateError(text.to_owned()))
    }
}

/// What people are told of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueStatus {
    Sending,
    Paused,
    Sent,
    SentWithFailures,
    Cancelled,
}

impl IssueStatus {
    /// "Sent" is never said while anyone is not accounted for.
    pub const fn new(state: IssueState, tally: &DeliveryCounts) -> Self {
        match state {
            IssueState::Sending => Self::Sending,
            IssueState::Paused => Self::Paused,
            IssueState::Cancelled => Self::Cancelled,
            IssueState::Sent if tally.remaining() > 0 => Self::Sending,
            IssueState::Sent if tally.failed() > 0 => Self::SentWithFailures,
            IssueState::Sent => Self::Sent,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Paused => "paused",
            Self::Sent => "sent",
            Self::SentWithFailures => "sent_with_failures",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing more comes of it by itself.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Sent | Self::SentWithFailures | Self::Cancelled)
    }
}

/// How the recipients of an issue are accounted for:
/// `recipients() = delivered + deferred + bounced + skipped + in_doubt + queued`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Queued, leased and sending together.
    pub queued: i64,
    pub deferred: i64,
    pub delivered: i64,
    pub bounced: i64,
    pub skipped: i64,
    pub in_doubt: i64,
}

impl DeliveryCounts {
    pub const fn recipients(&self) -> i64 {
        self.queued + self.deferred + self.delivered + self.bounced + self.skipped + self.in_doubt
    }

    /// What still has to go before the issue may be called sent.
    pub const fn remaining(&self) -> i64 {
        self.queued + self.deferred
    }

    /// Of whom nothing more is to come.
    pub const fn completed(&self) -> i64 {
        self.recipients() - self.remaining()
    }

    pub const fn add(&mut self, other: &Self) {
        self.queued += other.queued;
        self.deferred += other.deferred;
        self.delivered += other.delivered;
        self.bounced += other.bounced;
        self.skipped += other.skipped;
        self.in_doubt += other.in_doubt;
    }

    /// Who wanted it and has it not, or perhaps not.
    pub const fn failed(&self) -> i64 {
        self.bounced + self.in_doubt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_start_at_one() {
        assert!(IssueNumber::parse("0").is_err());
        assert!(IssueNumber::parse("-1").is_err());
        assert!(IssueNumber::parse("42x").is_err());
        assert_eq!(IssueNumber::parse("42").unwrap().next().get(), 43);
    }

    #[test]
    fn sent_is_said_only_when_everyone_is_accounted_for() {
        use IssueState::{Cancelled, Paused, Sending, Sent};
        let tally = |queued, deferred, bounced, skipped, in_doubt| DeliveryCounts {
            queued,
            deferred,
            bounced,
            skipped,
            in_doubt,
            delivered: 10 - queued - deferred - bounced - skipped - in_doubt,
        };
        for (state, tally, standing) in [
            (Sent, tally(0, 0, 0, 0, 0), IssueStatus::Sent),
            (Sent, tally(0, 0, 0, 3, 0), IssueStatus::Sent),
            (Sent, tally(0, 0, 1, 0, 0), IssueStatus::SentWithFailures),
            (Sent, tally(0, 0, 0, 0, 1), IssueStatus::SentWithFailures),
            (Sent, tally(1, 0, 0, 0, 0), IssueStatus::Sending),
            (Sent, tally(0, 1, 0, 0, 0), IssueStatus::Sending),
            (Sending, tally(0, 0, 0, 0, 0), IssueStatus::Sending),
            (Paused, tally(1, 0, 0, 0, 0), IssueStatus::Paused),
            (Cancelled, tally(0, 0, 1, 9, 0), IssueStatus::Cancelled),
        ] {
            assert_eq!(
                IssueStatus::new(state, &tally),
                standing,
                "{state:?} {tally:?}"
            );
        }
    }
}

//! Soft bounces: rejections that suppress a subscriber only when they repeat.

use std::time::Duration;

use crate::domain::clock::Timestamp;

/// A rejection that leaves open whether the address is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftBounce {
    /// The mailbox is full: 4.2.2 or 5.2.2. The recipient may still empty it.
    MailboxFull,
    /// A 550 to RCPT TO without an enhanced code that names the cause.
    Unclear,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Tolerance for the time between rejections.
///
/// Those of consecutive weekly issues may be up to 12 h less than a week apart.
const TOLERANCE: Duration = Duration::from_secs(12 * 60 * 60);

impl SoftBounce {
    /// Returns the stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MailboxFull => "mailbox_full",
            Self::Unclear => "unclear",
        }
    }

    /// Returns whether the address counts as invalid.
    ///
    /// `issues` consecutive issues have bounced in this way, the first of them at `first`.
    /// The limits are three issues over two weeks for a full mailbox, and two issues over
    /// one week for an unclear rejection.
    pub fn is_conclusive(self, issues: i64, first: Timestamp, now: Timestamp) -> bool {
        let (min_issues, min_days) = match self {
            Self::MailboxFull => (3, 14),
            Self::Unclear => (2, 7),
        };
        issues >= min_issues && now.plus(TOLERANCE) >= first.plus(DAY * min_days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_conclusive(soft_bounce: SoftBounce, issues: i64, hours: u64) -> bool {
        let first = Timestamp::from_millis(1_795_500_000_000);
        let now = first.plus(Duration::from_secs(3600 * hours));
        soft_bounce.is_conclusive(issues, first, now)
    }

    #[test]
    fn full_mailbox_is_conclusive_after_three_issues_in_two_weeks() {
        let full = SoftBounce::MailboxFull;

        assert!(!is_conclusive(full, 3, 13 * 24));
        assert!(!is_conclusive(full, 2, 60 * 24));
        assert!(is_conclusive(full, 3, 14 * 24 - 1));
    }

    #[test]
    fn unclear_bounce_is_conclusive_after_two_issues_in_a_week() {
        let unclear = SoftBounce::Unclear;

        assert!(!is_conclusive(unclear, 1, 60 * 24));
        assert!(!is_conclusive(unclear, 2, 6 * 24));
        assert!(is_conclusive(unclear, 2, 7 * 24 - 1));
        assert!(is_conclusive(unclear, 9, 7 * 24));
    }
}

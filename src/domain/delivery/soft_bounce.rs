//! Refusals that leave a doubt about an address, until they have come often enough.

use std::time::Duration;

use crate::domain::clock::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftBounce {
    /// 5.2.2 and 4.2.2: some do empty their mailboxes.
    MailboxFull,
    /// A bare 550 to the recipient: no such user, or only a bad day.
    Unclear,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A week's issue may be refused some hours earlier in its week than the one before.
const SLACK: Duration = Duration::from_secs(12 * 60 * 60);

impl SoftBounce {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MailboxFull => "mailbox_full",
            Self::Unclear => "unclear",
        }
    }

    /// Whether the address is dead once `issues` issues were refused in this way without
    /// a delivery between, the first of them at `first`.
    pub fn is_conclusive(self, issues: i64, first: Timestamp, now: Timestamp) -> bool {
        let (enough, days) = match self {
            Self::MailboxFull => (3, 14),
            Self::Unclear => (2, 7),
        };
        issues >= enough && now.plus(SLACK) >= first.plus(DAY * days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(refusal: SoftBounce, issues: i64, hours: u64) -> bool {
        let first = Timestamp::from_millis(1_795_500_000_000);
        refusal.is_conclusive(issues, first, first.plus(Duration::from_secs(3600 * hours)))
    }

    #[test]
    fn a_full_mailbox_has_three_issues_and_two_weeks() {
        assert!(!after(SoftBounce::MailboxFull, 3, 13 * 24));
        assert!(!after(SoftBounce::MailboxFull, 2, 60 * 24));
        assert!(after(SoftBounce::MailboxFull, 3, 14 * 24 - 1));
    }

    #[test]
    fn a_bare_refusal_has_two_issues_and_a_week() {
        assert!(!after(SoftBounce::Unclear, 1, 60 * 24));
        assert!(!after(SoftBounce::Unclear, 2, 6 * 24));
        assert!(after(SoftBounce::Unclear, 2, 7 * 24 - 1));
        assert!(after(SoftBounce::Unclear, 9, 7 * 24));
    }
}

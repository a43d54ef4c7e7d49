//! What the mail server said last about each issue, written down for the desk now and
//! then: whoever watches a send may sit at another process.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::delivery::DeliveryService;
use crate::delivery::recorder::AttemptResult;
use crate::domain::delivery::outcome::{DeferReason, Outcome};
use crate::domain::ids::IssueId;

/// Between two writes.
const EVERY: Duration = Duration::from_secs(1);
/// Outcomes wait behind it.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub struct LastReplies {
    heard: HashMap<IssueId, Words>,
    written: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
struct Words {
    says: String,
    /// They came from the server, and are not about reaching it.
    answered: bool,
}

impl LastReplies {
    pub fn note(&mut self, done: &AttemptResult) {
        let Some(issue) = done.issue.filter(|_| !done.settled.reply.is_empty()) else {
            return;
        };
        let earlier = self.heard.get(&issue).is_some_and(|words| words.answered);
        let words = Words {
            says: done.settled.reply.clone(),
            answered: earlier || is_answer(done.outcome),
        };
        self.heard.insert(issue, words);
    }

    /// What is to be written now, if it is time.
    fn take(&mut self, now: Instant) -> HashMap<IssueId, Words> {
        let rested = self.written.is_none_or(|at| now - at >= EVERY);
        if !rested || self.heard.is_empty() {
            return HashMap::new();
        }
        self.written = Some(now);
        std::mem::take(&mut self.heard)
    }
}

fn is_answer(outcome: Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Deferred(DeferReason::Connection) | Outcome::InDoubt
    )
}

impl DeliveryService {
    /// Only for people's eyes: when the database fails it is not tried again. True when it
    /// was time for it.
    pub(super) async fn write_last_words(&self, words: &mut LastReplies) -> bool {
        let words = words.take(Instant::now());
        let is_time = !words.is_empty();
        for (issue, words) in words {
            let answered_at = words.answered.then(|| self.now());
            let noted = self
                .store
                .record_last_reply(&issue, &words.says, answered_at);
            if !matches!(tokio::time::timeout(PATIENCE, noted).await, Ok(Ok(()))) {
                tracing::debug!(%issue, "the mail server's last words are not noted");
            }
        }
        is_time
    }

    /// What other processes were refused; not known while the database fails.
    pub(super) async fn open_streaks(&self) -> Vec<IssueId> {
        match tokio::time::timeout(PATIENCE, self.store.issues_with_policy_rejections()).await {
            Ok(Ok(issues)) => issues,
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::delivery::{DeliveryId, DeliveryState};
    use crate::domain::random::Random;
    use crate::store::DeliveryUpdate;

    fn done(issue: Option<IssueId>, outcome: Outcome, says: &str) -> AttemptResult {
        let settled = DeliveryUpdate {
            id: DeliveryId::from_stored("d".to_owned()),
            state: DeliveryState::Delivered,
            due_at: None,
            reply: says.to_owned(),
            charged: true,
            lost_reply: false,
            suppress: None,
            soft_bounce: None,
        };
        AttemptResult {
            settled,
            issue,
            outcome,
            pause: None,
        }
    }

    #[test]
    fn the_last_words_are_kept_and_written_once_a_second() {
        let issue = IssueId::new(Timestamp::from_millis(1), &Random::seeded(1));
        let start = Instant::now();
        let mut words = LastReplies::default();
        assert!(words.take(start).is_empty());
        words.note(&done(None, Outcome::Delivered, "250 ok"));
        words.note(&done(Some(issue), Outcome::Delivered, "250 ok"));
        words.note(&done(
            Some(issue),
            Outcome::Deferred(DeferReason::Connection),
            "connection refused",
        ));
        words.note(&done(Some(issue), Outcome::Delivered, ""));
        let taken = words.take(start);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[&issue].says, "connection refused");
        assert!(taken[&issue].answered, "it did answer within that second");

        words.note(&done(Some(issue), Outcome::InDoubt, "no reply"));
        assert!(words.take(start + EVERY / 2).is_empty());
        let taken = words.take(start + EVERY);
        assert!(!taken[&issue].answered);
    }
}

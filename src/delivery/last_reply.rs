//! Last SMTP reply of each issue, stored once per second.
//!
//! The admin UI shows it while an issue is sent, also when another process sends it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::delivery::outcome::AttemptResult;
use crate::delivery::service::DeliveryService;
use crate::domain::delivery::outcome::{DeferReason, Outcome};
use crate::domain::ids::IssueId;

/// Minimum time between two writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// Timeout for storing the reply; result commits queue behind this write.
const WRITE_TIMEOUT: Duration = Duration::from_millis(500);

/// Last replies since the last write.
#[derive(Debug, Default)]
pub(crate) struct LastReplies {
    pending: HashMap<IssueId, LastReply>,
    last_write: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
struct LastReply {
    text: String,
    /// Whether the server has replied since the last write.
    ///
    /// If not, `text` describes an error of the connection.
    has_server_reply: bool,
}

impl LastReplies {
    /// Records the reply of a result that belongs to an issue.
    pub(crate) fn record(&mut self, result: &AttemptResult) {
        let text = &result.update.reply;
        let Some(issue) = result.issue.filter(|_| !text.is_empty()) else {
            return;
        };
        let replied_before = self
            .pending
            .get(&issue)
            .is_some_and(|reply| reply.has_server_reply);
        let reply = LastReply {
            text: text.clone(),
            has_server_reply: replied_before || is_server_reply(result.outcome),
        };
        self.pending.insert(issue, reply);
    }

    /// Removes and returns the replies to write.
    ///
    /// Returns none until [`WRITE_INTERVAL`] has elapsed since the last write.
    fn take_due(&mut self, now: Instant) -> HashMap<IssueId, LastReply> {
        let is_due = self.last_write.is_none_or(|at| now - at >= WRITE_INTERVAL);
        if !is_due || self.pending.is_empty() {
            return HashMap::new();
        }
        self.last_write = Some(now);
        std::mem::take(&mut self.pending)
    }
}

fn is_server_reply(outcome: Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Deferred(DeferReason::Connection) | Outcome::InDoubt
    )
}

impl DeliveryService {
    /// Stores the last replies if a write is due. Returns whether it was.
    ///
    /// A failed write is not retried, because the replies are for display only.
    pub(crate) async fn store_last_replies(&self, replies: &mut LastReplies) -> bool {
        let due = replies.take_due(Instant::now());
        let is_due = !due.is_empty();
        for (issue, reply) in due {
            let replied_at = reply.has_server_reply.then(|| self.now());
            let stored = self
                .store
                .record_last_reply(&issue, &reply.text, replied_at);
            if !matches!(
                tokio::time::timeout(WRITE_TIMEOUT, stored).await,
                Ok(Ok(()))
            ) {
                tracing::debug!(issue.id = %issue, "cannot store last SMTP reply");
            }
        }
        is_due
    }

    /// Returns the issues with policy rejections of any worker.
    ///
    /// Returns none if the database fails.
    pub(crate) async fn issues_with_rejections(&self) -> Vec<IssueId> {
        match tokio::time::timeout(WRITE_TIMEOUT, self.store.issues_with_policy_rejections()).await
        {
            Ok(Ok(issues)) => issues,
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::random::Random;

    #[test]
    fn last_reply_is_due_once_per_second() {
        let issue = IssueId::new(Timestamp::from_millis(1), &Random::seeded(1));
        let unreachable = Outcome::Deferred(DeferReason::Connection);
        let start = Instant::now();
        let mut replies = LastReplies::default();
        let record = |replies: &mut LastReplies, issue, outcome, reply| {
            replies.record(&AttemptResult::for_test(issue, outcome, reply));
        };
        assert!(replies.take_due(start).is_empty());

        record(&mut replies, None, Outcome::Delivered, "250 ok");
        record(&mut replies, Some(issue), Outcome::Delivered, "250 ok");
        record(&mut replies, Some(issue), unreachable, "connection refused");
        record(&mut replies, Some(issue), Outcome::Delivered, "");
        let due = replies.take_due(start);
        assert_eq!(due.len(), 1);
        assert_eq!(due[&issue].text, "connection refused");
        assert!(due[&issue].has_server_reply, "it replied in that second");

        record(&mut replies, Some(issue), Outcome::InDoubt, "no reply");
        assert!(replies.take_due(start + WRITE_INTERVAL / 2).is_empty());
        let due = replies.take_due(start + WRITE_INTERVAL);
        assert!(!due[&issue].has_server_reply);
    }
}

//! Rejections that may concern the sender: by policy (5.7.x, or 554 after DATA), or at RCPT TO
//! without a code that says that the address is dead.
//!
//! An isolated one may concern its recipient; a run of them concerns the sender, as with a closed
//! relay that replies `550 relay not permitted` to every recipient. One bounces its delivery; 20 in a row
//! across all workers pause the issue, because more rejected messages would harm the
//! sender's reputation. The store counts them. This module decides which results the store
//! must know, so that most commits do not touch the count.

use std::collections::HashSet;

use crate::delivery::outcome::AttemptResult;
use crate::domain::delivery::outcome::{BounceReason, Outcome};
use crate::domain::ids::IssueId;
use crate::store::{GroupCommit, LostReply, PolicyRejection};

/// What this worker knows about runs of policy rejections.
#[derive(Debug, Default)]
pub(crate) struct PolicyRejections {
    /// Issues without a current run, as far as this worker knows.
    ///
    /// A success of one of these issues has no run to end and is not reported to the store.
    without_run: HashSet<IssueId>,
}

impl PolicyRejections {
    /// Adds to `commit` what `result` changes in the run of its issue.
    pub(crate) fn record(
        &mut self,
        issue: IssueId,
        result: &AttemptResult,
        commit: &mut GroupCommit,
    ) {
        match result.outcome {
            Outcome::Delivered => {
                if self.without_run.insert(issue) {
                    commit
                        .rejections
                        .retain(|rejection| rejection.issue != issue);
                    commit.lost_replies.retain(|reply| reply.issue != issue);
                    commit.accepted_issues.push(issue);
                }
            }
            Outcome::Bounced(BounceReason::Policy | BounceReason::Unclear) => {
                self.without_run.remove(&issue);
                commit.requeued.push(result.update.id.clone());
                commit.rejections.push(PolicyRejection {
                    issue,
                    delivery: result.update.id.clone(),
                    reply: result.update.reply.clone(),
                });
            }
            Outcome::InDoubt => {
                self.without_run.remove(&issue);
                commit.lost_replies.push(LostReply {
                    issue,
                    delivery: result.update.id.clone(),
                });
            }
            Outcome::Deferred(_) | Outcome::Bounced(_) | Outcome::Halted(_) => {}
        }
    }

    /// Marks issues that have a current run, which another worker may have started.
    pub(crate) fn mark_active(&mut self, issues: &[IssueId]) {
        for issue in issues {
            self.without_run.remove(issue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::random::Random;

    const REJECTED: Outcome = Outcome::Bounced(BounceReason::Policy);

    #[test]
    fn success_is_reported_only_if_it_may_end_a_run() {
        let issue = IssueId::new(Timestamp::from_millis(1), &Random::seeded(1));
        let mut rejections = PolicyRejections::default();
        let mut reported = |outcomes: &[Outcome], active: &[IssueId]| {
            rejections.mark_active(active);
            let mut commit = GroupCommit::default();
            for outcome in outcomes {
                let result = AttemptResult::for_test(None, *outcome, "554 no");
                rejections.record(issue, &result, &mut commit);
            }
            (
                commit.accepted_issues.len(),
                commit.rejections.len(),
                commit.requeued.len(),
            )
        };
        let delivered = Outcome::Delivered;
        let unknown = Outcome::Bounced(BounceReason::InvalidAddress);

        // Another worker, or an earlier one, may have recorded rejections.
        assert_eq!(reported(&[delivered, delivered], &[]), (1, 0, 0));
        assert_eq!(reported(&[delivered], &[]), (0, 0, 0));

        let doubtful_between = [REJECTED, Outcome::InDoubt, REJECTED];
        assert_eq!(reported(&doubtful_between, &[]), (0, 2, 2));
        assert_eq!(reported(&[REJECTED, delivered, REJECTED], &[]), (1, 1, 2));
        assert_eq!(reported(&[delivered], &[]), (1, 0, 0));
        assert_eq!(reported(&[delivered], &[issue]), (1, 0, 0));
        assert_eq!(reported(&[unknown], &[issue]), (0, 0, 0));
        let unclear = Outcome::Bounced(BounceReason::Unclear);
        assert_eq!(reported(&[unclear, unknown, unclear], &[]), (0, 2, 2));
    }
}

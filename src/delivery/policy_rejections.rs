//! Refusals that are about us and not about the reader (5.7.x, a 554 at DATA). One of
//! them is a bounce; many in a row mean that the whole issue is unwelcome, and sending on
//! would only make it worse. The store counts them, for all processes; here is known when
//! there is something to count.

use std::collections::HashSet;

use crate::delivery::recorder::AttemptResult;
use crate::domain::delivery::outcome::{BounceReason, Outcome};
use crate::domain::ids::IssueId;
use crate::store::{GroupCommit, PolicyRejection};

/// What this process knows of the streaks.
#[derive(Debug, Default)]
pub struct PolicyRejections {
    /// Issues that are in none, as far as is known here: an acceptance ends nothing.
    quiet: HashSet<IssueId>,
}

impl PolicyRejections {
    /// Notes in `commit` what an outcome means for its issue's streak.
    pub fn note(&mut self, issue: IssueId, done: &AttemptResult, commit: &mut GroupCommit) {
        match done.outcome {
            Outcome::Delivered => {
                if self.quiet.insert(issue) {
                    commit.rejections.retain(|refusal| refusal.issue != issue);
                    commit.accepted_issues.push(issue);
                }
            }
            Outcome::Bounced(BounceReason::Policy) => {
                self.quiet.remove(&issue);
                commit.requeued.push(done.settled.id.clone());
                commit.rejections.push(PolicyRejection {
                    issue,
                    delivery: done.settled.id.clone(),
                    reply: done.settled.reply.clone(),
                });
            }
            Outcome::Deferred(_) | Outcome::Bounced(_) | Outcome::InDoubt | Outcome::Halted(_) => {}
        }
    }

    /// These issues are in a streak, perhaps another process's.
    pub fn are_open(&mut self, issues: &[IssueId]) {
        for issue in issues {
            self.quiet.remove(issue);
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

    const REFUSED: Outcome = Outcome::Bounced(BounceReason::Policy);

    fn done(outcome: Outcome) -> AttemptResult {
        AttemptResult {
            settled: DeliveryUpdate {
                id: DeliveryId::from_stored("d".to_owned()),
                state: DeliveryState::Bounced,
                due_at: None,
                reply: "554 no".to_owned(),
                charged: true,
                lost_reply: false,
                suppress: None,
                soft_bounce: None,
            },
            issue: None,
            outcome,
            pause: None,
        }
    }

    #[test]
    fn an_acceptance_is_told_when_it_may_end_a_streak() {
        let issue = IssueId::new(Timestamp::from_millis(1), &Random::seeded(1));
        let mut streaks = PolicyRejections::default();
        let mut told = |outcomes: &[Outcome], open: &[IssueId]| {
            streaks.are_open(open);
            let mut commit = GroupCommit::default();
            for outcome in outcomes {
                streaks.note(issue, &done(*outcome), &mut commit);
            }
            (
                commit.accepted_issues.len(),
                commit.rejections.len(),
                commit.requeued.len(),
            )
        };
        // Another process, or one that died, may have been refused before.
        assert_eq!(
            told(&[Outcome::Delivered, Outcome::Delivered], &[]),
            (1, 0, 0)
        );
        assert_eq!(told(&[Outcome::Delivered], &[]), (0, 0, 0));
        assert_eq!(told(&[REFUSED, Outcome::InDoubt, REFUSED], &[]), (0, 2, 2));
        assert_eq!(
            told(&[REFUSED, Outcome::Delivered, REFUSED], &[]),
            (1, 1, 2)
        );
        assert_eq!(told(&[Outcome::Delivered], &[]), (1, 0, 0));
        assert_eq!(told(&[Outcome::Delivered], &[issue]), (1, 0, 0));
        assert_eq!(
            told(&[Outcome::Bounced(BounceReason::Dead)], &[issue]),
            (0, 0, 0)
        );
    }
}

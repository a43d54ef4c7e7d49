//! What an outcome means for the delivery: a pure decision.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::outcome::{BounceReason, DeferReason, Outcome, SmtpResult};
use crate::domain::delivery::retry::{Retry, retry, retry_without_charge};
use crate::domain::delivery::soft_bounce::SoftBounce;
use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::ids::SubscriberId;
use crate::store::{ClaimedDelivery, DeliveryUpdate};

/// What to write, and whether the whole issue must stop.
#[derive(Clone, Debug)]
pub struct Disposition {
    pub settled: DeliveryUpdate,
    /// The server's words when the fault is not the reader's.
    pub pause: Option<String>,
}

/// Decides what becomes of `job` after one try that was reported at `now`.
pub fn decide(
    job: &ClaimedDelivery,
    report: &SmtpResult,
    policy: InDoubtPolicy,
    now: Timestamp,
    jitter: u8,
) -> Disposition {
    let tried = job.attempts + 1;
    let mut settled = DeliveryUpdate {
        id: job.id.clone(),
        state: DeliveryState::Delivered,
        due_at: None,
        reply: report.reply.clone(),
        charged: true,
        lost_reply: false,
        suppress: None,
        soft_bounce: None,
    };
    let mut pause = None;
    match report.outcome {
        Outcome::Delivered => {}
        Outcome::Deferred(why) => {
            settled.soft_bounce =
                refusal(job, SoftBounce::MailboxFull).filter(|_| why == DeferReason::MailboxFull);
            wait(&mut settled, job, retry(tried, job.queued_at, now, jitter));
        }
        Outcome::Bounced(verdict) => {
            settled.state = DeliveryState::Bounced;
            settled.suppress = suppressed_by(job).filter(|_| verdict == BounceReason::Dead);
            settled.soft_bounce =
                refusal(job, SoftBounce::Unclear).filter(|_| verdict == BounceReason::Unclear);
        }
        Outcome::InDoubt => {
            settled.lost_reply = true;
            if job.lost_replies + 1 >= policy.max_lost_replies(job.kind) {
                settled.state = DeliveryState::InDoubt;
            } else {
                wait(&mut settled, job, retry(tried, job.queued_at, now, jitter));
            }
        }
        Outcome::Halted(_) => {
            settled.charged = false;
            if job.issue.is_some() {
                pause = Some(report.reply.clone());
                settled.state = if job.attempts > 0 {
                    DeliveryState::Deferred
                } else {
                    DeliveryState::Queued
                };
                settled.due_at = Some(now);
            } else {
                wait(&mut settled, job, uncounted(job, now, jitter));
            }
        }
    }
    Disposition { settled, pause }
}

/// For a try that never came to a server that talks: nobody is charged.
pub fn unreached(
    job: &ClaimedDelivery,
    says: String,
    now: Timestamp,
    jitter: u8,
) -> DeliveryUpdate {
    let mut settled = DeliveryUpdate {
        id: job.id.clone(),
        state: DeliveryState::Deferred,
        due_at: None,
        reply: says,
        charged: false,
        lost_reply: false,
        suppress: None,
        soft_bounce: None,
    };
    wait(&mut settled, job, uncounted(job, now, jitter));
    settled
}

fn uncounted(job: &ClaimedDelivery, now: Timestamp, jitter: u8) -> Retry {
    retry_without_charge(job.attempts, job.queued_at, job.due_at, now, jitter)
}

/// Only an issue says something of a reader's mailbox: other mail may be asked for by
/// anyone, as often as they like.
fn refusal(job: &ClaimedDelivery, refusal: SoftBounce) -> Option<(SubscriberId, SoftBounce)> {
    let reader = job.issue.and(job.subscriber)?;
    Some((reader, refusal))
}

/// Whom a dead address is held against. A link may go to an address that is not the
/// reader's yet: a slip in it must not cost them the one they have.
fn suppressed_by(job: &ClaimedDelivery) -> Option<SubscriberId> {
    job.subscriber
        .filter(|_| job.kind != DeliveryKind::ReaderLink)
}

fn wait(settled: &mut DeliveryUpdate, job: &ClaimedDelivery, retry: Retry) {
    match retry {
        Retry::At(due) => {
            settled.state = DeliveryState::Deferred;
            settled.due_at = Some(due);
        }
        Retry::GiveUp => {
            // What may have arrived is not called bounced.
            let doubt = settled.lost_reply || job.lost_replies > 0;
            settled.state = if doubt {
                DeliveryState::InDoubt
            } else {
                DeliveryState::Bounced
            };
            settled.due_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::delivery::DeliveryId;
    use crate::domain::delivery::outcome::HaltReason;
    use crate::domain::email_address::EmailAddress;
    use crate::domain::ids::IssueId;
    use crate::domain::issue::IssueNumber;
    use crate::domain::random::Random;

    const NOW: Timestamp = Timestamp::from_millis(1_795_500_000_000);

    fn job() -> ClaimedDelivery {
        let random = Random::seeded(1);
        ClaimedDelivery {
            id: DeliveryId::from_stored("d".into()),
            kind: DeliveryKind::Issue,
            issue: Some(IssueId::new(NOW, &random)),
            issue_number: Some(IssueNumber::FIRST),
            subscriber: Some(SubscriberId::new(NOW, &random)),
            address: EmailAddress::parse("a@example.com").unwrap(),
            attempts: 0,
            lost_replies: 0,
            queued_at: NOW,
            due_at: NOW,
            payload: None,
        }
    }

    fn decided(job: &ClaimedDelivery, outcome: Outcome, policy: InDoubtPolicy) -> Disposition {
        decide(
            job,
            &SmtpResult {
                outcome,
                reply: "words".into(),
            },
            policy,
            NOW,
            0,
        )
    }

    #[test]
    fn what_is_to_go_has_a_time_and_nothing_else_has() {
        use Outcome::*;
        let outcomes = [
            Delivered,
            Deferred(DeferReason::Refused),
            Bounced(BounceReason::Dead),
            Bounced(BounceReason::Policy),
            InDoubt,
            Halted(HaltReason::Settings),
        ];
        for outcome in outcomes {
            for policy in [super::InDoubtPolicy::Resend, super::InDoubtPolicy::Hold] {
                let settled = decided(&job(), outcome, policy).settled;
                let is_open = matches!(
                    settled.state,
                    DeliveryState::Queued | DeliveryState::Deferred
                );
                assert_eq!(settled.due_at.is_some(), is_open, "{outcome:?} {policy:?}");
            }
        }
    }

    #[test]
    fn only_a_dead_address_is_suppressed() {
        let suppressed = |verdict| {
            decided(&job(), Outcome::Bounced(verdict), InDoubtPolicy::Resend)
                .settled
                .suppress
                .is_some()
        };
        assert!(suppressed(BounceReason::Dead));
        for verdict in [BounceReason::Unclear, BounceReason::Policy] {
            assert!(!suppressed(verdict), "{verdict:?}");
        }
        let mut link = job();
        link.kind = DeliveryKind::ReaderLink;
        let dead = Outcome::Bounced(BounceReason::Dead);
        assert_eq!(
            decided(&link, dead, InDoubtPolicy::Resend).settled.suppress,
            None,
            "another address says nothing of this one"
        );
    }

    #[test]
    fn a_fault_of_ours_pauses_and_charges_nobody() {
        let decision = decided(
            &job(),
            Outcome::Halted(HaltReason::Settings),
            InDoubtPolicy::Resend,
        );
        assert_eq!(decision.pause.as_deref(), Some("words"));
        assert_eq!(decision.settled.state, DeliveryState::Queued);
        assert!(!decision.settled.charged);
    }

    #[test]
    fn doubt_is_resent_three_times_at_most_or_held_at_once() {
        let mut job = job();
        assert_eq!(
            decided(&job, Outcome::InDoubt, InDoubtPolicy::Hold)
                .settled
                .state,
            DeliveryState::InDoubt
        );
        assert_eq!(
            decided(&job, Outcome::InDoubt, InDoubtPolicy::Resend)
                .settled
                .state,
            DeliveryState::Deferred
        );
        job.lost_replies = 2;
        assert_eq!(
            decided(&job, Outcome::InDoubt, InDoubtPolicy::Resend)
                .settled
                .state,
            DeliveryState::InDoubt
        );
    }

    #[test]
    fn a_link_that_a_reader_waits_for_is_never_held_at_once() {
        for kind in [DeliveryKind::Confirmation, DeliveryKind::ReaderLink] {
            let mut job = ClaimedDelivery {
                kind,
                issue: None,
                ..job()
            };
            let state = |job: &ClaimedDelivery| {
                decided(job, Outcome::InDoubt, InDoubtPolicy::Hold)
                    .settled
                    .state
            };
            assert_eq!(state(&job), DeliveryState::Deferred, "{kind:?}");
            job.lost_replies = 2;
            assert_eq!(state(&job), DeliveryState::InDoubt, "{kind:?}");
        }
    }

    #[test]
    fn after_two_days_a_deferred_copy_bounces() {
        let mut job = job();
        job.attempts = 15;
        job.queued_at = NOW.minus(Duration::from_secs(47 * 3600));
        let settled = decided(
            &job,
            Outcome::Deferred(DeferReason::Refused),
            InDoubtPolicy::Resend,
        )
        .settled;
        assert_eq!(settled.state, DeliveryState::Bounced);
    }

    #[test]
    fn what_may_have_arrived_is_in_doubt_at_the_end_and_not_bounced() {
        let mut job = job();
        job.queued_at = NOW.minus(Duration::from_secs(48 * 3600));
        job.attempts = 5;
        let last = |job: &ClaimedDelivery, outcome| {
            decided(job, outcome, InDoubtPolicy::Resend).settled.state
        };
        assert_eq!(last(&job, Outcome::InDoubt), DeliveryState::InDoubt);
        job.lost_replies = 1;
        let refused = Outcome::Deferred(DeferReason::Refused);
        assert_eq!(last(&job, refused), DeliveryState::InDoubt);
    }

    #[test]
    fn issues_refused_without_a_clear_word_are_noted() {
        let noted = |job: &ClaimedDelivery, outcome| {
            let refusal = decided(job, outcome, InDoubtPolicy::Resend)
                .settled
                .soft_bounce;
            refusal.map(|(_, refusal)| refusal)
        };
        let unclear = Outcome::Bounced(BounceReason::Unclear);
        let full = Outcome::Deferred(DeferReason::MailboxFull);
        let mut job = job();
        assert_eq!(noted(&job, unclear), Some(SoftBounce::Unclear));
        assert_eq!(noted(&job, full), Some(SoftBounce::MailboxFull));
        assert_eq!(noted(&job, Outcome::Bounced(BounceReason::Policy)), None);
        assert_eq!(noted(&job, Outcome::Deferred(DeferReason::Refused)), None);
        job.issue = None;
        assert_eq!(noted(&job, unclear), None);
    }
}

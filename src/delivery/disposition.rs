//! Disposition: what the result of an attempt means for its delivery.
//!
//! ```text
//! queued ─► leased ─► sending ─► delivered | deferred | bounced | skipped | in_doubt
//! ```
//!
//! - `delivered`: the server accepted the message with a 2yz reply after the final dot.
//! - `deferred`: transient rejection or no connection; due again at a later time.
//! - `bounced`: permanent rejection, or deferred for too long.
//! - `skipped`: not wanted any longer, and no server has received anything.
//! - `in_doubt`: the reply after the final dot was lost, and the policy forbids another
//!   attempt.
//!
//! An attempt without a reply, or one that failed because of the sender, is not charged: it
//! does not count towards the limit of attempts. All functions are pure.

use std::time::Duration;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::outcome::{BounceReason, DeferReason, Outcome, SmtpResult};
use crate::domain::delivery::retry::{Retry, retry, retry_without_charge};
use crate::domain::delivery::soft_bounce::SoftBounce;
use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::ids::SubscriberId;
use crate::store::{ClaimedDelivery, DeliveryUpdate};

/// The changes that follow from one attempt.
#[derive(Clone, Debug)]
pub(crate) struct Disposition {
    /// The change of the delivery's row.
    pub(crate) update: DeliveryUpdate,
    /// The server's reply, if the whole issue must be paused because of it.
    pub(crate) pause_reason: Option<String>,
}

/// Decides what happens to `delivery` after an attempt that ended at `now`.
///
/// `jitter` spreads the retries; see [`retry`].
pub(crate) fn decide(
    delivery: &ClaimedDelivery,
    result: &SmtpResult,
    policy: InDoubtPolicy,
    now: Timestamp,
    jitter: u8,
) -> Disposition {
    let attempts = delivery.attempts + 1;
    let next_attempt = || retry(attempts, delivery.queued_at, now, jitter);
    let mut update = new_update(delivery, DeliveryState::Delivered, result.reply.clone());
    update.charged = true;
    let mut pause_reason = None;
    match result.outcome {
        Outcome::Delivered => {}
        Outcome::Deferred(DeferReason::Throttled) => {
            update.charged = false;
            schedule_retry(
                &mut update,
                delivery,
                throttled_retry(delivery, now, jitter),
            );
        }
        Outcome::Deferred(reason) => {
            update.soft_bounce = soft_bounce(delivery, SoftBounce::MailboxFull)
                .filter(|_| reason == DeferReason::MailboxFull);
            schedule_retry(&mut update, delivery, next_attempt());
        }
        Outcome::Bounced(reason) => {
            update.state = DeliveryState::Bounced;
            update.suppress =
                suppressed_by(delivery).filter(|_| reason == BounceReason::InvalidAddress);
            update.soft_bounce = soft_bounce(delivery, SoftBounce::Unclear)
                .filter(|_| reason == BounceReason::Unclear);
        }
        Outcome::InDoubt => {
            update.lost_reply = true;
            if delivery.lost_replies + 1 >= policy.max_lost_replies(delivery.kind) {
                update.state = DeliveryState::InDoubt;
            } else {
                schedule_retry(&mut update, delivery, next_attempt());
            }
        }
        Outcome::Halted(_) => {
            update.charged = false;
            if delivery.issue.is_some() {
                pause_reason = Some(result.reply.clone());
                update.state = if delivery.attempts > 0 {
                    DeliveryState::Deferred
                } else {
                    DeliveryState::Queued
                };
                update.due_at = Some(now);
            } else {
                // Other mail cannot be paused, so it is deferred.
                let next_attempt = uncharged_retry(delivery, now, jitter);
                schedule_retry(&mut update, delivery, next_attempt);
            }
        }
    }
    Disposition {
        update,
        pause_reason,
    }
}

/// Defers a delivery that no server has received, without charging an attempt.
pub(crate) fn defer_uncharged(
    delivery: &ClaimedDelivery,
    error: String,
    now: Timestamp,
    jitter: u8,
) -> DeliveryUpdate {
    let mut update = new_update(delivery, DeliveryState::Deferred, error);
    let next_attempt = uncharged_retry(delivery, now, jitter);
    schedule_retry(&mut update, delivery, next_attempt);
    update
}

/// Skips a delivery that is not wanted any longer.
pub(crate) fn skip(delivery: &ClaimedDelivery) -> DeliveryUpdate {
    new_update(delivery, DeliveryState::Skipped, String::new())
}

fn new_update(delivery: &ClaimedDelivery, state: DeliveryState, reply: String) -> DeliveryUpdate {
    DeliveryUpdate {
        id: delivery.id.clone(),
        state,
        due_at: None,
        reply,
        charged: false,
        lost_reply: false,
        suppress: None,
        soft_bounce: None,
    }
}

/// How long a throttled delivery waits. The connections rest for at least as long.
const THROTTLED_DELAY: Duration = Duration::from_secs(30);

/// Returns when to retry a throttled delivery: soon, because the reply says nothing about it.
fn throttled_retry(delivery: &ClaimedDelivery, now: Timestamp, jitter: u8) -> Retry {
    match uncharged_retry(delivery, now, jitter) {
        Retry::At(_) => Retry::At(now.plus(THROTTLED_DELAY)),
        Retry::GiveUp => Retry::GiveUp,
    }
}

fn uncharged_retry(delivery: &ClaimedDelivery, now: Timestamp, jitter: u8) -> Retry {
    retry_without_charge(
        delivery.attempts,
        delivery.queued_at,
        delivery.due_at,
        now,
        jitter,
    )
}

/// Returns the soft bounce to record.
///
/// None for mail other than issues: anyone can request it repeatedly, so its rejections must
/// not suppress the address.
fn soft_bounce(
    delivery: &ClaimedDelivery,
    soft_bounce: SoftBounce,
) -> Option<(SubscriberId, SoftBounce)> {
    let subscriber = delivery.issue.and(delivery.subscriber)?;
    Some((subscriber, soft_bounce))
}

/// Returns the subscriber to suppress after a hard bounce.
///
/// None for address-change mail: a typo in the new address must not suppress the current
/// one.
fn suppressed_by(delivery: &ClaimedDelivery) -> Option<SubscriberId> {
    delivery
        .subscriber
        .filter(|_| delivery.kind != DeliveryKind::SubscriberLink)
}

fn schedule_retry(update: &mut DeliveryUpdate, delivery: &ClaimedDelivery, retry: Retry) {
    match retry {
        Retry::At(due) => {
            update.state = DeliveryState::Deferred;
            update.due_at = Some(due);
        }
        Retry::GiveUp => {
            // A message that may have arrived must not count as bounced.
            let may_have_arrived = update.lost_reply || delivery.lost_replies > 0;
            update.state = if may_have_arrived {
                DeliveryState::InDoubt
            } else {
                DeliveryState::Bounced
            };
            update.due_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::DeliveryId;
    use crate::domain::delivery::outcome::HaltReason;
    use crate::domain::email_address::EmailAddress;
    use crate::domain::ids::IssueId;
    use crate::domain::issue::IssueNumber;
    use crate::domain::random::Random;

    const NOW: Timestamp = Timestamp::from_millis(1_795_500_000_000);

    fn delivery() -> ClaimedDelivery {
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

    fn decide_with(
        delivery: &ClaimedDelivery,
        outcome: Outcome,
        policy: InDoubtPolicy,
    ) -> Disposition {
        let result = SmtpResult {
            outcome,
            reply: "550 no".into(),
        };
        decide(delivery, &result, policy, NOW, 0)
    }

    fn update_after(delivery: &ClaimedDelivery, outcome: Outcome) -> DeliveryUpdate {
        decide_with(delivery, outcome, InDoubtPolicy::Resend).update
    }

    #[test]
    fn due_time_is_set_exactly_for_open_states() {
        use Outcome::*;
        let outcomes = [
            Delivered,
            Deferred(DeferReason::Refused),
            Bounced(BounceReason::InvalidAddress),
            Bounced(BounceReason::Policy),
            InDoubt,
            Halted(HaltReason::Settings),
        ];

        for outcome in outcomes {
            for policy in [InDoubtPolicy::Resend, InDoubtPolicy::Hold] {
                let update = decide_with(&delivery(), outcome, policy).update;
                let is_open = matches!(
                    update.state,
                    DeliveryState::Queued | DeliveryState::Deferred
                );
                assert_eq!(update.due_at.is_some(), is_open, "{outcome:?} {policy:?}");
            }
        }
    }

    #[test]
    fn only_invalid_address_is_suppressed() {
        let is_suppressed = |reason| {
            update_after(&delivery(), Outcome::Bounced(reason))
                .suppress
                .is_some()
        };

        assert!(is_suppressed(BounceReason::InvalidAddress));
        for reason in [BounceReason::Unclear, BounceReason::Policy] {
            assert!(!is_suppressed(reason), "{reason:?}");
        }
    }

    #[test]
    fn hard_bounce_of_link_mail_suppresses_nothing() {
        let mut link = delivery();
        link.kind = DeliveryKind::SubscriberLink;

        let update = update_after(&link, Outcome::Bounced(BounceReason::InvalidAddress));

        assert_eq!(update.suppress, None, "it may be the new address");
    }

    #[test]
    fn sender_error_pauses_issue_without_charge() {
        let outcome = Outcome::Halted(HaltReason::Settings);

        let disposition = decide_with(&delivery(), outcome, InDoubtPolicy::Resend);

        assert_eq!(disposition.pause_reason.as_deref(), Some("550 no"));
        assert_eq!(disposition.update.state, DeliveryState::Queued);
        assert!(!disposition.update.charged);
    }

    #[test]
    fn throttled_delivery_is_retried_soon_without_charge() {
        let throttled = Outcome::Deferred(DeferReason::Throttled);

        let update = update_after(&delivery(), throttled);

        assert!(!update.charged);
        assert_eq!(update.state, DeliveryState::Deferred);
        assert_eq!(update.due_at, Some(NOW.plus(Duration::from_secs(30))));
    }

    #[test]
    fn lost_reply_is_resent_up_to_limit_or_held() {
        let mut delivery = delivery();
        let state = |delivery: &ClaimedDelivery, policy| {
            decide_with(delivery, Outcome::InDoubt, policy).update.state
        };

        assert_eq!(
            state(&delivery, InDoubtPolicy::Hold),
            DeliveryState::InDoubt
        );
        assert_eq!(
            state(&delivery, InDoubtPolicy::Resend),
            DeliveryState::Deferred
        );

        delivery.lost_replies = 2;
        assert_eq!(
            state(&delivery, InDoubtPolicy::Resend),
            DeliveryState::InDoubt
        );
    }

    #[test]
    fn transactional_mail_with_lost_reply_is_not_held() {
        for kind in [DeliveryKind::Confirmation, DeliveryKind::SubscriberLink] {
            let mut delivery = ClaimedDelivery {
                kind,
                issue: None,
                ..delivery()
            };
            let state = |delivery: &ClaimedDelivery| {
                decide_with(delivery, Outcome::InDoubt, InDoubtPolicy::Hold)
                    .update
                    .state
            };
            assert_eq!(state(&delivery), DeliveryState::Deferred, "{kind:?}");

            delivery.lost_replies = 2;
            assert_eq!(state(&delivery), DeliveryState::InDoubt, "{kind:?}");
        }
    }

    #[test]
    fn deferred_delivery_bounces_after_two_days() {
        let mut delivery = delivery();
        delivery.attempts = 15;
        delivery.queued_at = NOW.minus(Duration::from_secs(47 * 3600));

        let update = update_after(&delivery, Outcome::Deferred(DeferReason::Refused));

        assert_eq!(update.state, DeliveryState::Bounced);
    }

    #[test]
    fn expired_delivery_with_lost_reply_is_in_doubt() {
        let mut delivery = delivery();
        delivery.queued_at = NOW.minus(Duration::from_secs(48 * 3600));
        delivery.attempts = 5;
        let state = |delivery: &ClaimedDelivery, outcome| update_after(delivery, outcome).state;

        assert_eq!(state(&delivery, Outcome::InDoubt), DeliveryState::InDoubt);

        delivery.lost_replies = 1;
        let refused = Outcome::Deferred(DeferReason::Refused);
        assert_eq!(state(&delivery, refused), DeliveryState::InDoubt);
    }

    #[test]
    fn soft_bounce_is_recorded_for_issues_only() {
        let recorded = |delivery: &ClaimedDelivery, outcome| {
            let soft_bounce = update_after(delivery, outcome).soft_bounce;
            soft_bounce.map(|(_, soft_bounce)| soft_bounce)
        };
        let unclear = Outcome::Bounced(BounceReason::Unclear);
        let full = Outcome::Deferred(DeferReason::MailboxFull);
        let policy = Outcome::Bounced(BounceReason::Policy);
        let refused = Outcome::Deferred(DeferReason::Refused);
        let mut delivery = delivery();

        assert_eq!(recorded(&delivery, unclear), Some(SoftBounce::Unclear));
        assert_eq!(recorded(&delivery, full), Some(SoftBounce::MailboxFull));
        assert_eq!(recorded(&delivery, policy), None);
        assert_eq!(recorded(&delivery, refused), None);

        delivery.issue = None;
        assert_eq!(recorded(&delivery, unclear), None);
    }
}

//! Two processes at once, one of them in the middle of its transaction. On PostgreSQL a
//! statement does not see what the other has not committed; on SQLite they take turns.

use std::time::Duration;

use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::ids::IssueId;
use crate::domain::issue::IssueState;
use crate::domain::random::Random;
use crate::store::issues::freeze::RECIPIENTS_LOCK;
use crate::store::subscribers::suppression::SUPPRESSION_LOCK;
use crate::store::tests::two_workers::{NOW, Pair};
use crate::store::{DeliveryUpdate, FreezeOutcome, GroupCommit, Unsubscribe};

#[tokio::test]
async fn whoever_leaves_while_their_copy_is_put_off_gets_it_no_more() {
    let pair = Pair::new().await;
    pair.begins_to_send().await;
    let tx = pair.in_the_middle_of(&[pair.put_off()]).await;
    let (other, id) = (pair.other.clone(), pair.reader);
    let leaver = Unsubscribe {
        id,
        nonce: "n".to_owned(),
    };
    let left = pair
        .meanwhile(tx, async move { other.unsubscribe(&[leaver], NOW).await })
        .await;
    assert_eq!((left, pair.state().await), (1, DeliveryState::Skipped));
}

#[tokio::test]
async fn whoever_pauses_while_their_copy_is_put_off_gets_it_no_more() {
    let pair = Pair::new().await;
    pair.begins_to_send().await;
    let tx = pair.in_the_middle_of(&[pair.put_off()]).await;
    let (other, id) = (pair.other.clone(), pair.reader);
    let until = Some(NOW.plus(Duration::from_secs(3600)));
    let pausing = async move { other.pause(&id, until, NOW).await };
    assert!(pair.meanwhile(tx, pausing).await);
    assert_eq!(pair.state().await, DeliveryState::Skipped);
}

#[tokio::test]
async fn what_is_put_off_while_its_issue_is_cancelled_is_not_left_waiting() {
    let pair = Pair::new().await;
    pair.begins_to_send().await;
    let tx = pair.in_the_middle_of(&[pair.put_off()]).await;
    let (other, issue) = (pair.other.clone(), pair.issue);
    let cancelling = async move { other.cancel_issue(&issue, NOW).await };
    assert!(pair.meanwhile(tx, cancelling).await);
    assert_eq!(pair.state().await, DeliveryState::Skipped);
}

#[tokio::test]
async fn leaving_does_not_take_a_copy_off_the_wire() {
    let pair = Pair::new().await;
    pair.begins_to_send().await;
    let leaver = Unsubscribe {
        id: pair.reader,
        nonce: "n".to_owned(),
    };
    pair.other.unsubscribe(&[leaver], NOW).await.unwrap();
    assert_eq!(pair.state().await, DeliveryState::Sending);
    let commit = GroupCommit {
        outcomes: vec![pair.bounced()],
        ..GroupCommit::default()
    };
    pair.one.record(&pair.worker, &commit, NOW).await.unwrap();
    assert_eq!(pair.state().await, DeliveryState::Bounced);
}

#[tokio::test]
async fn an_issue_sent_again_does_not_go_to_who_is_leaving() {
    let pair = Pair::new().await;
    pair.bounces().await;
    let tx = pair.in_the_middle_of(&pair.leaves()).await;
    let (other, issue) = (pair.other.clone(), pair.issue);
    let again = async move { other.requeue_failed(&issue, NOW).await };
    assert_eq!(pair.meanwhile(tx, again).await, 0);
    assert_eq!(pair.state().await, DeliveryState::Bounced);
}

#[tokio::test]
async fn what_goes_back_to_the_queue_does_not_go_to_who_is_leaving() {
    let pair = Pair::new().await;
    pair.bounces().await;
    let tx = pair.in_the_middle_of(&pair.leaves()).await;
    let commit = GroupCommit {
        pauses: vec![(pair.issue, "554 no".to_owned())],
        requeued: vec![pair.copy.clone()],
        ..GroupCommit::default()
    };
    let (other, worker) = (pair.other.clone(), pair.worker);
    let excusing = async move { other.record(&worker, &commit, NOW).await };
    let recorded = pair.meanwhile(tx, excusing).await;
    assert_eq!(recorded.paused.len(), 1);
    assert_eq!(pair.state().await, DeliveryState::Bounced);
}

#[tokio::test]
async fn an_issue_is_not_called_sent_while_it_is_sent_again() {
    let pair = Pair::new().await;
    pair.bounces().await;
    let again = [
        format!(
            "UPDATE issues SET finished_at = NULL WHERE id = '{}'",
            pair.issue
        ),
        format!(
            "UPDATE deliveries SET state = 'queued', due_at = 0 WHERE id = '{}'",
            pair.copy
        ),
    ];
    let tx = pair.in_the_middle_of(&again).await;
    let other = pair.other.clone();
    let finishing = async move { other.finish_issues(NOW).await };
    assert_eq!(pair.meanwhile(tx, finishing).await, 0);
    let row = pair.one.issue_by_id(&pair.issue).await.unwrap().unwrap();
    assert_eq!(row.state, IssueState::Sending);
}

#[tokio::test]
async fn a_claim_that_ends_after_its_worker_is_found_by_the_next() {
    let pair = Pair::new().await;
    let claim = format!(
        "UPDATE deliveries SET state = 'leased', lease = '{}' WHERE id = '{}'",
        pair.worker, pair.copy
    );
    let tx = pair.in_the_middle_of(&[claim]).await;
    let (other, worker) = (pair.other.clone(), pair.worker);
    let resigning = async move { other.shutdown_worker(&worker).await };
    pair.meanwhile(tx, resigning).await;
    assert_eq!(pair.one.workers().await.unwrap().len(), 1);
    pair.one
        .reclaim_orphans(InDoubtPolicy::Resend, NOW)
        .await
        .unwrap();
    assert_eq!(pair.state().await, DeliveryState::Queued);
}

#[tokio::test]
async fn who_gives_up_while_a_transaction_begins_leaves_none_open() {
    let pair = Pair::new().await;
    for moment in 0..100 {
        let patience = Duration::from_micros(moment * 10);
        drop(tokio::time::timeout(patience, pair.one.begin_write()).await);
        let written = sqlx::query("UPDATE issues SET last_reply = $1")
            .bind(moment.to_string())
            .execute(&pair.one.pool);
        written.await.unwrap();
        let word: Option<String> = sqlx::query_scalar("SELECT last_reply FROM issues")
            .fetch_one(&pair.other.pool)
            .await
            .unwrap();
        assert_eq!(word, Some(moment.to_string()));
    }
}

#[tokio::test]
async fn what_a_dead_process_was_sending_does_not_go_to_who_is_leaving() {
    let pair = Pair::new().await;
    pair.begins_to_send().await;
    let mut leaves = pair.leaves();
    leaves.push(pair.is_touched());
    let tx = pair.in_the_middle_of(&leaves).await;
    let (other, dead) = (pair.other.clone(), pair.worker);
    let taking_up = async move {
        other
            .reclaim_leases(&dead, 0, InDoubtPolicy::Resend, NOW)
            .await
    };
    assert!(pair.meanwhile(tx, taking_up).await);
    assert_eq!(pair.state().await, DeliveryState::InDoubt);
}

#[tokio::test]
async fn what_a_dead_process_was_sending_ends_when_its_issue_is_being_cancelled() {
    let pair = Pair::new().await;
    pair.begins_to_send().await;
    let cancelled = format!(
        "UPDATE issues SET state = 'cancelled', finished_at = 1 WHERE id = '{}'",
        pair.issue
    );
    let tx = pair.in_the_middle_of(&[cancelled, pair.is_touched()]).await;
    let (other, dead) = (pair.other.clone(), pair.worker);
    let taking_up = async move {
        other
            .reclaim_leases(&dead, 0, InDoubtPolicy::Resend, NOW)
            .await
    };
    assert!(pair.meanwhile(tx, taking_up).await);
    assert_eq!(pair.state().await, DeliveryState::InDoubt);
}

fn next_issue() -> IssueId {
    IssueId::new(NOW, &Random::seeded(2))
}

#[tokio::test]
async fn the_next_issue_is_not_for_who_is_being_suppressed() {
    let pair = Pair::with_readers(2).await;
    let suppressed = format!(
        "UPDATE subscribers SET state = 'suppressed', state_at = {} WHERE id = '{}'",
        NOW.as_millis(),
        pair.reader
    );
    let tx = pair
        .in_the_middle_of(&[suppressed, SUPPRESSION_LOCK.to_owned()])
        .await;
    let (other, next) = (
        pair.other.clone(),
        pair.next_issue(next_issue(), None).await,
    );
    let freezing = async move { other.freeze(&next, NOW).await };
    let made = pair.meanwhile(tx, freezing).await;
    assert_eq!(made, FreezeOutcome::Made { recipients: 1 });
    let copy = pair.one.issue_delivery(&next_issue(), &pair.reader).await;
    assert!(copy.unwrap().is_none());
}

#[tokio::test]
async fn who_is_suppressed_while_the_next_issue_is_frozen_does_not_get_it() {
    let pair = Pair::new().await;
    pair.begins_to_send().await;
    let freezing = [
        RECIPIENTS_LOCK.to_owned(),
        format!(
            "INSERT INTO issues (id, number, state, subject, preheader, message, content_hash, recipients, frozen_at)
             SELECT '{}', 2, state, subject, preheader, message, content_hash, recipients, frozen_at FROM issues",
            next_issue()
        ),
        format!(
            "INSERT INTO deliveries (id, kind, issue_id, subscriber_id, address, state, due_at, attempts,
                lost_replies, queued_at, at)
             SELECT '{0}:' || id, 'issue', '{0}', id, address, 'queued', 0, 0, 0, 0, 0 FROM subscribers",
            next_issue()
        ),
        SUPPRESSION_LOCK.to_owned(),
    ];
    let tx = pair.in_the_middle_of(&freezing).await;
    let dead = DeliveryUpdate {
        suppress: Some(pair.reader),
        ..pair.bounced()
    };
    let commit = GroupCommit {
        outcomes: vec![dead],
        ..GroupCommit::default()
    };
    let (other, worker) = (pair.other.clone(), pair.worker);
    let recording = async move { other.record(&worker, &commit, NOW).await };
    pair.meanwhile(tx, recording).await;
    let copy = pair.one.issue_delivery(&next_issue(), &pair.reader).await;
    assert_eq!(copy.unwrap().unwrap().state, DeliveryState::Skipped);
}

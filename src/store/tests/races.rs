//! Two processes at once, one of them in the middle of its transaction. On PostgreSQL a
//! statement does not see what the other has not committed; on SQLite they take turns.

use std::time::Duration;

use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::ids::IssueId;
use crate::domain::issue::IssueState;
use crate::domain::random::Random;
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::db::locks::SUPPRESSION_LOCK;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{DeliveryUpdate, FreezeOutcome, GroupCommit, Unsubscribe};

#[tokio::test]
async fn whoever_leaves_while_their_copy_is_put_off_gets_it_no_more() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
    let tx = pair.execute_uncommitted(&[pair.defer_sql()]).await;
    let (other, id) = (pair.other_store.clone(), pair.subscriber);
    let leaver = Unsubscribe {
        id,
        nonce: "n".to_owned(),
    };
    let left = pair
        .run_before_commit(tx, async move { other.unsubscribe(&[leaver], NOW).await })
        .await;
    assert_eq!(
        (left, pair.delivery_state().await),
        (1, DeliveryState::Skipped)
    );
}

#[tokio::test]
async fn whoever_pauses_while_their_copy_is_put_off_gets_it_no_more() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
    let tx = pair.execute_uncommitted(&[pair.defer_sql()]).await;
    let (other, id) = (pair.other_store.clone(), pair.subscriber);
    let until = Some(NOW.plus(Duration::from_secs(3600)));
    let pausing = async move { other.pause(&id, until, NOW).await };
    assert!(pair.run_before_commit(tx, pausing).await);
    assert_eq!(pair.delivery_state().await, DeliveryState::Skipped);
}

#[tokio::test]
async fn what_is_put_off_while_its_issue_is_cancelled_is_not_left_waiting() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
    let tx = pair.execute_uncommitted(&[pair.defer_sql()]).await;
    let (other, issue) = (pair.other_store.clone(), pair.issue);
    let cancelling = async move { other.cancel_issue(&issue, NOW).await };
    assert!(pair.run_before_commit(tx, cancelling).await);
    assert_eq!(pair.delivery_state().await, DeliveryState::Skipped);
}

#[tokio::test]
async fn leaving_does_not_take_a_copy_off_the_wire() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
    let leaver = Unsubscribe {
        id: pair.subscriber,
        nonce: "n".to_owned(),
    };
    pair.other_store.unsubscribe(&[leaver], NOW).await.unwrap();
    assert_eq!(pair.delivery_state().await, DeliveryState::Sending);
    let commit = GroupCommit {
        updates: vec![pair.bounced_update()],
        ..GroupCommit::default()
    };
    pair.store.record(&pair.worker, &commit, NOW).await.unwrap();
    assert_eq!(pair.delivery_state().await, DeliveryState::Bounced);
}

#[tokio::test]
async fn an_issue_sent_again_does_not_go_to_who_is_leaving() {
    let pair = TwoWorkers::new().await;
    pair.bounce().await;
    let tx = pair.execute_uncommitted(&pair.unsubscribe_sql()).await;
    let (other, issue) = (pair.other_store.clone(), pair.issue);
    let again = async move { other.requeue_failed(&issue, NOW).await };
    assert_eq!(pair.run_before_commit(tx, again).await, 0);
    assert_eq!(pair.delivery_state().await, DeliveryState::Bounced);
}

#[tokio::test]
async fn what_goes_back_to_the_queue_does_not_go_to_who_is_leaving() {
    let pair = TwoWorkers::new().await;
    pair.bounce().await;
    let tx = pair.execute_uncommitted(&pair.unsubscribe_sql()).await;
    let commit = GroupCommit {
        pauses: vec![(pair.issue, "554 no".to_owned())],
        requeued: vec![pair.delivery.clone()],
        ..GroupCommit::default()
    };
    let (other, worker) = (pair.other_store.clone(), pair.worker);
    let excusing = async move { other.record(&worker, &commit, NOW).await };
    let recorded = pair.run_before_commit(tx, excusing).await;
    assert_eq!(recorded.paused.len(), 1);
    assert_eq!(pair.delivery_state().await, DeliveryState::Bounced);
}

#[tokio::test]
async fn an_issue_is_not_called_sent_while_it_is_sent_again() {
    let pair = TwoWorkers::new().await;
    pair.bounce().await;
    let again = [
        format!(
            "UPDATE issues SET finished_at = NULL WHERE id = '{}'",
            pair.issue
        ),
        format!(
            "UPDATE deliveries SET state = 'queued', due_at = 0 WHERE id = '{}'",
            pair.delivery
        ),
    ];
    let tx = pair.execute_uncommitted(&again).await;
    let other = pair.other_store.clone();
    let finishing = async move { other.finish_issues(NOW).await };
    assert_eq!(pair.run_before_commit(tx, finishing).await, 0);
    let row = pair.store.issue_by_id(&pair.issue).await.unwrap().unwrap();
    assert_eq!(row.state, IssueState::Sending);
}

#[tokio::test]
async fn a_claim_that_ends_after_its_worker_is_found_by_the_next() {
    let pair = TwoWorkers::new().await;
    let claim = format!(
        "UPDATE deliveries SET state = 'leased', lease = '{}' WHERE id = '{}'",
        pair.worker, pair.delivery
    );
    let tx = pair.execute_uncommitted(&[claim]).await;
    let (other, worker) = (pair.other_store.clone(), pair.worker);
    let resigning = async move { other.shutdown_worker(&worker).await };
    pair.run_before_commit(tx, resigning).await;
    assert_eq!(pair.store.workers().await.unwrap().len(), 1);
    pair.store
        .reclaim_orphans(InDoubtPolicy::Resend, NOW)
        .await
        .unwrap();
    assert_eq!(pair.delivery_state().await, DeliveryState::Queued);
}

#[tokio::test]
async fn who_gives_up_while_a_transaction_begins_leaves_none_open() {
    let pair = TwoWorkers::new().await;
    for moment in 0..100 {
        let patience = Duration::from_micros(moment * 10);
        drop(tokio::time::timeout(patience, pair.store.begin_write()).await);
        let written = sqlx::query("UPDATE issues SET last_reply = $1")
            .bind(moment.to_string())
            .execute(&pair.store.pool);
        written.await.unwrap();
        let word: Option<String> = sqlx::query_scalar("SELECT last_reply FROM issues")
            .fetch_one(&pair.other_store.pool)
            .await
            .unwrap();
        assert_eq!(word, Some(moment.to_string()));
    }
}

#[tokio::test]
async fn what_a_dead_process_was_sending_does_not_go_to_who_is_leaving() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
    let mut leaves = pair.unsubscribe_sql();
    leaves.push(pair.touch_sql());
    let tx = pair.execute_uncommitted(&leaves).await;
    let (other, dead) = (pair.other_store.clone(), pair.worker);
    let taking_up = async move {
        other
            .reclaim_leases(&dead, 0, InDoubtPolicy::Resend, NOW)
            .await
    };
    assert!(pair.run_before_commit(tx, taking_up).await);
    assert_eq!(pair.delivery_state().await, DeliveryState::InDoubt);
}

#[tokio::test]
async fn what_a_dead_process_was_sending_ends_when_its_issue_is_being_cancelled() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
    let cancelled = format!(
        "UPDATE issues SET state = 'cancelled', finished_at = 1 WHERE id = '{}'",
        pair.issue
    );
    let tx = pair
        .execute_uncommitted(&[cancelled, pair.touch_sql()])
        .await;
    let (other, dead) = (pair.other_store.clone(), pair.worker);
    let taking_up = async move {
        other
            .reclaim_leases(&dead, 0, InDoubtPolicy::Resend, NOW)
            .await
    };
    assert!(pair.run_before_commit(tx, taking_up).await);
    assert_eq!(pair.delivery_state().await, DeliveryState::InDoubt);
}

fn next_issue() -> IssueId {
    IssueId::new(NOW, &Random::seeded(2))
}

#[tokio::test]
async fn the_next_issue_is_not_for_who_is_being_suppressed() {
    let pair = TwoWorkers::with_subscribers(2).await;
    let suppressed = format!(
        "UPDATE subscribers SET state = 'suppressed', state_at = {} WHERE id = '{}'",
        NOW.as_millis(),
        pair.subscriber
    );
    let tx = pair
        .execute_uncommitted(&[suppressed, SUPPRESSION_LOCK.to_owned()])
        .await;
    let (other, next) = (
        pair.other_store.clone(),
        pair.next_issue(next_issue(), None).await,
    );
    let freezing = async move { other.freeze(&next, NOW).await };
    let made = pair.run_before_commit(tx, freezing).await;
    assert_eq!(made, FreezeOutcome::Frozen { recipients: 1 });
    let copy = pair
        .store
        .issue_delivery(&next_issue(), &pair.subscriber)
        .await;
    assert!(copy.unwrap().is_none());
}

#[tokio::test]
async fn who_is_suppressed_while_the_next_issue_is_frozen_does_not_get_it() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
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
    let tx = pair.execute_uncommitted(&freezing).await;
    let dead = DeliveryUpdate {
        suppress: Some(pair.subscriber),
        ..pair.bounced_update()
    };
    let commit = GroupCommit {
        updates: vec![dead],
        ..GroupCommit::default()
    };
    let (other, worker) = (pair.other_store.clone(), pair.worker);
    let recording = async move { other.record(&worker, &commit, NOW).await };
    pair.run_before_commit(tx, recording).await;
    let copy = pair
        .store
        .issue_delivery(&next_issue(), &pair.subscriber)
        .await;
    assert_eq!(copy.unwrap().unwrap().state, DeliveryState::Skipped);
}

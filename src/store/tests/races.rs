//! Two processes at once, one of them in the middle of its transaction.
//!
//! On PostgreSQL a statement does not see the uncommitted rows of the other process; on SQLite
//! write transactions run one at a time.

use std::time::Duration;

use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::ids::IssueId;
use crate::domain::issue::IssueState;
use crate::domain::random::Random;
use crate::store::db::locks::{RECIPIENTS_LOCK, SUPPRESSION_LOCK};
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{DeliveryUpdate, FreezeOutcome, GroupCommit, Unsubscribe};

fn unsubscribe(workers: &TwoWorkers) -> Unsubscribe {
    Unsubscribe {
        id: workers.subscriber,
        nonce: "n".to_owned(),
    }
}

#[tokio::test]
async fn unsubscribe_during_deferral_skips_delivery() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;
    let deferring = workers.execute_uncommitted(&[workers.defer_sql()]).await;

    let (store, request) = (workers.other_store.clone(), unsubscribe(&workers));
    let work = async move { store.unsubscribe(&[request], NOW).await };
    let unsubscribed = workers.run_before_commit(deferring, work).await;

    assert_eq!(unsubscribed, 1);
    assert_eq!(workers.delivery_state().await, DeliveryState::Skipped);
}

#[tokio::test]
async fn pause_during_deferral_skips_delivery() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;
    let deferring = workers.execute_uncommitted(&[workers.defer_sql()]).await;

    let (store, id) = (workers.other_store.clone(), workers.subscriber);
    let until = Some(NOW.plus(Duration::from_secs(3600)));
    let work = async move { store.pause(&id, until, NOW).await };
    let is_paused = workers.run_before_commit(deferring, work).await;

    assert!(is_paused);
    assert_eq!(workers.delivery_state().await, DeliveryState::Skipped);
}

#[tokio::test]
async fn cancel_during_deferral_skips_delivery() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;
    let deferring = workers.execute_uncommitted(&[workers.defer_sql()]).await;

    let (store, issue) = (workers.other_store.clone(), workers.issue);
    let work = async move { store.cancel_issue(&issue, NOW).await };
    let is_cancelled = workers.run_before_commit(deferring, work).await;

    assert!(is_cancelled);
    assert_eq!(workers.delivery_state().await, DeliveryState::Skipped);
}

#[tokio::test]
async fn unsubscribe_while_sending_keeps_result() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;

    let request = unsubscribe(&workers);
    let unsubscribed = workers.other_store.unsubscribe(&[request], NOW).await;
    assert_eq!(unsubscribed.unwrap(), 1);
    assert_eq!(workers.delivery_state().await, DeliveryState::Sending);

    workers.record_update(workers.bounced_update()).await;
    assert_eq!(workers.delivery_state().await, DeliveryState::Bounced);
}

#[tokio::test]
async fn requeue_of_issue_during_unsubscribe_requeues_nothing() {
    let workers = TwoWorkers::new().await;
    workers.bounce().await;
    let statements = workers.unsubscribe_sql();
    let unsubscribing = workers.execute_uncommitted(&statements).await;

    let (store, issue) = (workers.other_store.clone(), workers.issue);
    let work = async move { store.requeue_failed(&issue, NOW).await };
    let requeued = workers.run_before_commit(unsubscribing, work).await;

    assert_eq!(requeued, 0);
    assert_eq!(workers.delivery_state().await, DeliveryState::Bounced);
}

#[tokio::test]
async fn requeue_on_pause_during_unsubscribe_requeues_nothing() {
    let workers = TwoWorkers::new().await;
    workers.bounce().await;
    let statements = workers.unsubscribe_sql();
    let unsubscribing = workers.execute_uncommitted(&statements).await;

    let (store, worker) = (workers.other_store.clone(), workers.worker);
    let commit = workers.pause_and_requeue();
    let work = async move { store.record(&worker, &commit, NOW).await };
    let result = workers.run_before_commit(unsubscribing, work).await;

    assert_eq!(result.paused.len(), 1);
    assert_eq!(workers.delivery_state().await, DeliveryState::Bounced);
}

#[tokio::test]
async fn finish_during_requeue_keeps_issue_sending() {
    let workers = TwoWorkers::new().await;
    workers.bounce().await;
    let requeue = [
        format!(
            "UPDATE issues SET finished_at = NULL WHERE id = '{}'",
            workers.issue
        ),
        format!(
            "UPDATE deliveries SET state = 'queued', due_at = 0 WHERE id = '{}'",
            workers.delivery
        ),
    ];
    let requeuing = workers.execute_uncommitted(&requeue).await;

    let store = workers.other_store.clone();
    let work = async move { store.finish_issues(NOW).await };
    let finished = workers.run_before_commit(requeuing, work).await;

    assert_eq!(finished, 0);
    assert_eq!(workers.issue_row().await.state, IssueState::Sending);
}

#[tokio::test]
async fn claim_that_commits_after_shutdown_is_reclaimed() {
    let workers = TwoWorkers::new().await;
    let claim = format!(
        "UPDATE deliveries SET state = 'leased', lease = '{}' WHERE id = '{}'",
        workers.worker, workers.delivery
    );
    let claiming = workers.execute_uncommitted(&[claim]).await;

    let (store, worker) = (workers.other_store.clone(), workers.worker);
    let work = async move { store.shutdown_worker(&worker).await };
    workers.run_before_commit(claiming, work).await;
    assert_eq!(workers.store.workers().await.unwrap().len(), 1);

    let policy = InDoubtPolicy::Resend;
    workers.store.reclaim_orphans(policy, NOW).await.unwrap();
    assert_eq!(workers.delivery_state().await, DeliveryState::Queued);
}

#[tokio::test]
async fn cancelled_begin_leaves_no_open_transaction() {
    let workers = TwoWorkers::new().await;

    for number in 0..100 {
        let timeout = Duration::from_micros(number * 10);
        drop(tokio::time::timeout(timeout, workers.store.begin_write()).await);

        let written = sqlx::query("UPDATE issues SET last_reply = $1")
            .bind(number.to_string())
            .execute(&workers.store.pool);
        written.await.unwrap();
        let read: Option<String> = sqlx::query_scalar("SELECT last_reply FROM issues")
            .fetch_one(&workers.other_store.pool)
            .await
            .unwrap();
        assert_eq!(read, Some(number.to_string()));
    }
}

#[tokio::test]
async fn reclaim_during_unsubscribe_marks_in_doubt() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;
    let mut statements = workers.unsubscribe_sql();
    statements.push(workers.touch_sql());
    let unsubscribing = workers.execute_uncommitted(&statements).await;

    let (store, dead) = (workers.other_store.clone(), workers.worker);
    let policy = InDoubtPolicy::Resend;
    let work = async move { store.reclaim_leases(&dead, 0, policy, NOW).await };
    let is_reclaimed = workers.run_before_commit(unsubscribing, work).await;

    assert!(is_reclaimed);
    assert_eq!(workers.delivery_state().await, DeliveryState::InDoubt);
}

#[tokio::test]
async fn reclaim_during_cancel_marks_in_doubt() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;
    let cancel = format!(
        "UPDATE issues SET state = 'cancelled', finished_at = 1 WHERE id = '{}'",
        workers.issue
    );
    let statements = [cancel, workers.touch_sql()];
    let cancelling = workers.execute_uncommitted(&statements).await;

    let (store, dead) = (workers.other_store.clone(), workers.worker);
    let policy = InDoubtPolicy::Resend;
    let work = async move { store.reclaim_leases(&dead, 0, policy, NOW).await };
    let is_reclaimed = workers.run_before_commit(cancelling, work).await;

    assert!(is_reclaimed);
    assert_eq!(workers.delivery_state().await, DeliveryState::InDoubt);
}

fn next_issue_id() -> IssueId {
    IssueId::new(NOW, &Random::seeded(2))
}

#[tokio::test]
async fn freeze_during_suppression_excludes_subscriber() {
    let workers = TwoWorkers::with_subscribers(2).await;
    let suppress = format!(
        "UPDATE subscribers SET state = 'suppressed', state_at = {} WHERE id = '{}'",
        NOW.as_millis(),
        workers.subscriber
    );
    let statements = [suppress, SUPPRESSION_LOCK.to_owned()];
    let suppressing = workers.execute_uncommitted(&statements).await;

    let store = workers.other_store.clone();
    let issue = workers.next_issue(next_issue_id(), None).await;
    let work = async move { store.freeze(&issue, NOW).await };
    let outcome = workers.run_before_commit(suppressing, work).await;

    assert_eq!(outcome, FreezeOutcome::Frozen { recipients: 1 });
    let delivery = workers
        .store
        .issue_delivery(&next_issue_id(), &workers.subscriber)
        .await;
    assert!(delivery.unwrap().is_none());
}

#[tokio::test]
async fn suppression_during_freeze_skips_delivery() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;
    let freeze = [
        RECIPIENTS_LOCK.to_owned(),
        format!(
            "INSERT INTO issues (id, number, state, subject, preheader, message, content_hash, recipients, frozen_at)
             SELECT '{}', 2, state, subject, preheader, message, content_hash, recipients, frozen_at FROM issues",
            next_issue_id()
        ),
        format!(
            "INSERT INTO deliveries (id, kind, issue_id, subscriber_id, address, state, due_at, attempts,
                lost_replies, queued_at, at)
             SELECT '{0}:' || id, 'issue', '{0}', id, address, 'queued', 0, 0, 0, 0, 0 FROM subscribers",
            next_issue_id()
        ),
        SUPPRESSION_LOCK.to_owned(),
    ];
    let freezing = workers.execute_uncommitted(&freeze).await;

    let invalid_address = DeliveryUpdate {
        suppress: Some(workers.subscriber),
        ..workers.bounced_update()
    };
    let commit = GroupCommit {
        updates: vec![invalid_address],
        ..GroupCommit::default()
    };
    let (store, worker) = (workers.other_store.clone(), workers.worker);
    let work = async move { store.record(&worker, &commit, NOW).await };
    workers.run_before_commit(freezing, work).await;

    let delivery = workers
        .store
        .issue_delivery(&next_issue_id(), &workers.subscriber)
        .await;
    assert_eq!(delivery.unwrap().unwrap().state, DeliveryState::Skipped);
}

//! Rejections by policy are counted over all workers, until a delivery is accepted.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::soft_bounce::SoftBounce;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::ids::{SubscriberId, WorkerId};
use crate::domain::issue::IssueState;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{DeliveryFilter, DeliveryUpdate, GroupCommit, PolicyRejection, Store};

const SUBSCRIBERS: usize = 25;

impl TwoWorkers {
    fn first(&self) -> (&Store, &WorkerId) {
        (&self.store, &self.worker)
    }

    fn second(&self) -> (&Store, &WorkerId) {
        (&self.other_store, &self.other_worker)
    }

    /// A worker claims `count` deliveries and marks them as being sent.
    async fn mark_many_sending(
        &self,
        (store, worker): (&Store, &WorkerId),
        count: i64,
    ) -> Vec<DeliveryId> {
        let claimed = store
            .claim_issue(worker, &self.issue, Timestamp::EPOCH, count, NOW)
            .await
            .unwrap();
        assert_eq!(claimed.len() as i64, count);
        let commit = GroupCommit {
            intents: claimed.iter().map(Into::into).collect(),
            ..GroupCommit::default()
        };
        let result = store.record(worker, &commit, NOW).await.unwrap();
        assert_eq!(result.may_send.len(), claimed.len());
        claimed.into_iter().map(|it| it.id).collect()
    }

    /// A worker sends `count` deliveries, which are all accepted or all rejected.
    async fn send_many(&self, worker: (&Store, &WorkerId), count: i64, is_accepted: bool) {
        let ids = self.mark_many_sending(worker, count).await;
        let commit = if is_accepted {
            self.accepted(&ids)
        } else {
            self.rejected(&ids)
        };
        let (store, worker) = worker;
        // Twice, as after a lost acknowledgement.
        for _ in 0..2 {
            store.record(worker, &commit, NOW).await.unwrap();
        }
    }

    fn accepted(&self, ids: &[DeliveryId]) -> GroupCommit {
        let delivered = |id: &DeliveryId| DeliveryUpdate {
            id: id.clone(),
            state: DeliveryState::Delivered,
            ..self.bounced_update()
        };
        GroupCommit {
            updates: ids.iter().map(delivered).collect(),
            accepted_issues: vec![self.issue],
            ..GroupCommit::default()
        }
    }

    fn rejected(&self, ids: &[DeliveryId]) -> GroupCommit {
        let bounced = |id: &DeliveryId| DeliveryUpdate {
            id: id.clone(),
            ..self.bounced_update()
        };
        let rejection = |id: &DeliveryId| PolicyRejection {
            issue: self.issue,
            delivery: id.clone(),
            reply: "550 5.7.1 no".to_owned(),
        };
        GroupCommit {
            updates: ids.iter().map(bounced).collect(),
            requeued: ids.to_vec(),
            rejections: ids.iter().map(rejection).collect(),
            ..GroupCommit::default()
        }
    }

    /// Returns the state of the issue, and how many deliveries are queued and bounced.
    async fn summary(&self) -> (IssueState, i64, i64) {
        let counts = self.store.verified_counts(&self.issue).await.unwrap();
        (self.issue_row().await.state, counts.queued, counts.bounced)
    }

    async fn has_rejection_run(&self) -> bool {
        let issues = self.store.issues_with_policy_rejections().await.unwrap();
        issues.contains(&self.issue)
    }
}

#[tokio::test]
async fn twenty_rejections_of_two_workers_pause_issue() {
    let workers = TwoWorkers::with_subscribers(SUBSCRIBERS).await;

    workers.send_many(workers.first(), 12, false).await;
    workers.send_many(workers.second(), 7, false).await;
    assert_eq!(workers.summary().await, (IssueState::Sending, 6, 19));
    assert!(workers.has_rejection_run().await);

    workers.send_many(workers.second(), 1, false).await;
    assert_eq!(workers.summary().await, (IssueState::Paused, 25, 0));
    let filter = DeliveryFilter::default();
    let rows = workers.store.deliveries(&filter, None, 99).await.unwrap();
    assert!(rows.iter().all(|row| row.attempts == 0));
    let reason = workers.issue_row().await.pause_reason;
    assert_eq!(reason.as_deref(), Some("550 5.7.1 no"));

    // After a resume the count starts from zero.
    let resumed = workers.store.resume_issue(&workers.issue, NOW).await;
    assert!(resumed.unwrap());
    workers.send_many(workers.first(), 19, false).await;
    assert_eq!(workers.summary().await, (IssueState::Sending, 6, 19));
}

#[tokio::test]
async fn accepted_delivery_ends_run_of_other_worker() {
    let workers = TwoWorkers::with_subscribers(SUBSCRIBERS).await;

    workers.send_many(workers.first(), 19, false).await;
    workers.send_many(workers.second(), 1, true).await;
    assert!(!workers.has_rejection_run().await);

    workers.send_many(workers.first(), 5, false).await;
    assert_eq!(workers.summary().await, (IssueState::Sending, 0, 24));

    assert_eq!(workers.store.finish_issues(NOW).await.unwrap(), 1);
    assert!(!workers.has_rejection_run().await);
}

#[tokio::test]
async fn cancelled_issue_has_no_rejection_run() {
    let workers = TwoWorkers::with_subscribers(SUBSCRIBERS).await;
    workers.send_many(workers.first(), 5, false).await;
    let sending = workers.mark_many_sending(workers.first(), 3).await;

    let cancelled = workers.other_store.cancel_issue(&workers.issue, NOW).await;
    assert!(cancelled.unwrap());
    assert!(!workers.has_rejection_run().await);

    let commit = workers.rejected(&sending);
    let recorded = workers.store.record(&workers.worker, &commit, NOW).await;
    assert!(recorded.is_ok());
    assert!(!workers.has_rejection_run().await);
}

/// Returns the subscriber of an issue's delivery, whose id is `issue_id:subscriber_id`.
fn subscriber_of(delivery: &DeliveryId) -> SubscriberId {
    let (_, subscriber) = delivery.as_str().split_once(':').unwrap();
    SubscriberId::from_uuid(uuid::Uuid::parse_str(subscriber).unwrap())
}

async fn count_suppressed(workers: &TwoWorkers) -> i64 {
    let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM subscribers WHERE state = 'suppressed'";
    let query = sqlx::query_scalar(count);
    query.fetch_one(&workers.store.pool).await.unwrap()
}

#[tokio::test]
async fn requeued_unclear_rejections_leave_no_soft_bounce() {
    let workers = TwoWorkers::with_subscribers(SUBSCRIBERS).await;
    let ids = workers.mark_many_sending(workers.first(), 20).await;
    let mut commit = workers.rejected(&ids);
    for update in &mut commit.updates {
        update.soft_bounce = Some((subscriber_of(&update.id), SoftBounce::Unclear));
    }

    workers
        .store
        .record(&workers.worker, &commit, NOW)
        .await
        .unwrap();

    assert_eq!(workers.summary().await, (IssueState::Paused, 25, 0));
    let count = sqlx::query_scalar("SELECT CAST(COUNT(*) AS BIGINT) FROM soft_bounces");
    let soft_bounces: i64 = count.fetch_one(&workers.store.pool).await.unwrap();
    assert_eq!(soft_bounces, 0);
}

#[tokio::test]
async fn issue_suppresses_at_most_five_of_a_short_list() {
    let workers = TwoWorkers::with_subscribers(SUBSCRIBERS).await;
    let ids = workers.mark_many_sending(workers.first(), 8).await;
    let dead = |id: &DeliveryId| DeliveryUpdate {
        id: id.clone(),
        suppress: Some(subscriber_of(id)),
        ..workers.bounced_update()
    };
    for chunk in ids.chunks(3) {
        let commit = GroupCommit {
            updates: chunk.iter().map(dead).collect(),
            ..GroupCommit::default()
        };
        let recorded = workers.store.record(&workers.worker, &commit, NOW).await;
        recorded.unwrap();
    }

    assert_eq!(count_suppressed(&workers).await, 5);
    assert_eq!(workers.summary().await, (IssueState::Sending, 17, 8));
}

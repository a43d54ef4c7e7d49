//! Lost replies are counted over all workers, until a delivery is accepted.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryState::{self, Deferred, Delivered, InDoubt};
use crate::domain::delivery::in_doubt::LOST_REPLIES_PAUSE_REASON;
use crate::domain::delivery::{DeliveryId, in_doubt};
use crate::domain::ids::WorkerId;
use crate::domain::issue::IssueState;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{DeliveryFilter, DeliveryUpdate, GroupCommit, LostReply, Store};

const LIMIT: i64 = in_doubt::MAX_CONSECUTIVE_LOST_REPLIES;

impl TwoWorkers {
    /// A worker starts `count` deliveries.
    async fn start_sending(&self, store: &Store, worker: &WorkerId, count: i64) -> Vec<DeliveryId> {
        let claimed = store
            .claim_issue(worker, &self.issue, Timestamp::EPOCH, count, NOW)
            .await
            .unwrap();
        assert_eq!(claimed.len() as i64, count);
        let commit = GroupCommit {
            intents: claimed.iter().map(Into::into).collect(),
            ..GroupCommit::default()
        };
        store.record(worker, &commit, NOW).await.unwrap();
        claimed.into_iter().map(|it| it.id).collect()
    }

    /// A worker records that the replies of deliveries were lost, twice as after a lost
    /// acknowledgement.
    async fn lose_replies(&self, store: &Store, worker: &WorkerId, ids: &[DeliveryId]) {
        let later = NOW.plus(std::time::Duration::from_secs(300));
        let lost = |id: &DeliveryId| DeliveryUpdate {
            id: id.clone(),
            due_at: Some(later),
            lost_reply: true,
            reply: "connection closed".to_owned(),
            ..self.deferred_update()
        };
        let reply = |id: &DeliveryId| LostReply {
            issue: self.issue,
            delivery: id.clone(),
        };
        let commit = GroupCommit {
            updates: ids.iter().map(lost).collect(),
            lost_replies: ids.iter().map(reply).collect(),
            ..GroupCommit::default()
        };
        for _ in 0..2 {
            store.record(worker, &commit, NOW).await.unwrap();
        }
    }

    async fn accept(&self, ids: &[DeliveryId]) {
        let accepted = |id: &DeliveryId| DeliveryUpdate {
            id: id.clone(),
            state: Delivered,
            ..self.bounced_update()
        };
        let commit = GroupCommit {
            updates: ids.iter().map(accepted).collect(),
            accepted_issues: vec![self.issue],
            ..GroupCommit::default()
        };
        self.store.record(&self.worker, &commit, NOW).await.unwrap();
    }

    async fn count_in(&self, state: DeliveryState) -> i64 {
        let rows = self
            .store
            .deliveries(&DeliveryFilter::default(), None, 99)
            .await;
        rows.unwrap()
            .iter()
            .filter(|row| row.state == state)
            .count() as i64
    }
}

#[tokio::test]
async fn ten_lost_replies_of_two_workers_pause_issue_and_hold_deliveries() {
    let workers = TwoWorkers::with_subscribers(25).await;
    let (first, second) = (&workers.store, &workers.other_store);
    let late = workers.start_sending(first, &workers.worker, 3).await;

    let ids = workers.start_sending(first, &workers.worker, 6).await;
    workers.lose_replies(first, &workers.worker, &ids).await;
    let ids = workers
        .start_sending(second, &workers.other_worker, LIMIT - 7)
        .await;
    workers
        .lose_replies(second, &workers.other_worker, &ids)
        .await;
    assert_eq!(workers.count_in(Deferred).await, LIMIT - 1);
    assert_eq!(workers.issue_row().await.state, IssueState::Sending);

    let ids = workers
        .start_sending(second, &workers.other_worker, 1)
        .await;
    workers
        .lose_replies(second, &workers.other_worker, &ids)
        .await;
    assert_eq!(workers.count_in(InDoubt).await, LIMIT);
    let issue = workers.issue_row().await;
    assert_eq!(issue.state, IssueState::Paused);
    assert_eq!(
        issue.pause_reason.as_deref(),
        Some(LOST_REPLIES_PAUSE_REASON)
    );

    // What was in transfer meanwhile.
    workers.lose_replies(first, &workers.worker, &late).await;
    assert_eq!(workers.count_in(InDoubt).await, LIMIT + 3);

    assert!(first.resume_issue(&workers.issue, NOW).await.unwrap());
    let ids = workers
        .start_sending(first, &workers.worker, LIMIT - 1)
        .await;
    workers.lose_replies(first, &workers.worker, &ids).await;
    assert_eq!(workers.issue_row().await.state, IssueState::Sending);
    assert_eq!(workers.count_in(InDoubt).await, LIMIT + 3);
}

#[tokio::test]
async fn accepted_delivery_ends_run_of_lost_replies() {
    let workers = TwoWorkers::with_subscribers(25).await;
    let (first, second) = (&workers.store, &workers.other_store);

    let ids = workers
        .start_sending(second, &workers.other_worker, LIMIT - 1)
        .await;
    workers
        .lose_replies(second, &workers.other_worker, &ids)
        .await;
    let ids = workers.start_sending(first, &workers.worker, 1).await;
    workers.accept(&ids).await;
    let ids = workers
        .start_sending(second, &workers.other_worker, LIMIT - 1)
        .await;
    workers
        .lose_replies(second, &workers.other_worker, &ids)
        .await;

    assert_eq!(workers.issue_row().await.state, IssueState::Sending);
    assert_eq!(workers.count_in(InDoubt).await, 0);
}

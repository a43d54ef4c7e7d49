//! Refusals by policy are counted over all processes, until something is accepted.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::ids::WorkerId;
use crate::domain::issue::IssueState;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{DeliveryUpdate, GroupCommit, PolicyRejection, Store};

const READERS: usize = 25;

impl TwoWorkers {
    /// So many copies are begun by this process, and refused or accepted.
    async fn tries(&self, (store, worker): (&Store, &WorkerId), copies: i64, is_taken: bool) {
        let jobs = store
            .claim_issue(worker, &self.issue, Timestamp::EPOCH, copies, NOW)
            .await;
        let jobs = jobs.unwrap();
        let ids: Vec<DeliveryId> = jobs.iter().map(|job| job.id.clone()).collect();
        assert_eq!(ids.len() as i64, copies);
        let commit = GroupCommit {
            intents: jobs.iter().map(Into::into).collect(),
            ..GroupCommit::default()
        };
        let recorded = store.record(worker, &commit, NOW).await.unwrap();
        assert_eq!(recorded.may_send.len(), ids.len());
        let commit = if is_taken {
            self.accepted(&ids)
        } else {
            self.refused(&ids)
        };
        // Twice: the answer of the first was lost.
        for _ in 0..2 {
            store.record(worker, &commit, NOW).await.unwrap();
        }
    }

    async fn begins_to_send_others(&self, copies: i64) {
        let jobs = self
            .store
            .claim_issue(&self.worker, &self.issue, Timestamp::EPOCH, copies, NOW)
            .await;
        let commit = GroupCommit {
            intents: jobs.unwrap().iter().map(Into::into).collect(),
            ..GroupCommit::default()
        };
        self.store.record(&self.worker, &commit, NOW).await.unwrap();
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

    fn refused(&self, ids: &[DeliveryId]) -> GroupCommit {
        let refused = |id: &DeliveryId| DeliveryUpdate {
            id: id.clone(),
            ..self.bounced_update()
        };
        let refusal = |id: &DeliveryId| PolicyRejection {
            issue: self.issue,
            delivery: id.clone(),
            reply: "550 5.7.1 no".to_owned(),
        };
        GroupCommit {
            updates: ids.iter().map(refused).collect(),
            requeued: ids.to_vec(),
            rejections: ids.iter().map(refusal).collect(),
            ..GroupCommit::default()
        }
    }

    async fn counts(&self) -> (IssueState, i64, i64) {
        let row = self.store.issue_by_id(&self.issue).await.unwrap().unwrap();
        let tally = self.store.tally(&self.issue).await.unwrap();
        (row.state, tally.queued, tally.bounced)
    }
}

#[tokio::test]
async fn twenty_by_two_processes_pause_the_issue_and_cost_nobody_anything() {
    let pair = TwoWorkers::with_subscribers(READERS).await;
    let one = (&pair.store, &pair.worker);
    let other = (&pair.other_store, &pair.other_worker);
    pair.tries(one, 12, false).await;
    pair.tries(other, 7, false).await;
    assert_eq!(pair.counts().await, (IssueState::Sending, 6, 19));
    assert_eq!(
        pair.other_store
            .issues_with_policy_rejections()
            .await
            .unwrap(),
        [pair.issue]
    );
    pair.tries(other, 1, false).await;
    assert_eq!(pair.counts().await, (IssueState::Paused, 25, 0));
    let rows = pair.store.deliveries(&Default::default(), None, 99).await;
    assert!(rows.unwrap().iter().all(|row| row.attempts == 0));
    let row = pair.store.issue_by_id(&pair.issue).await.unwrap().unwrap();
    assert_eq!(row.pause_reason.as_deref(), Some("550 5.7.1 no"));

    // It begins anew.
    assert!(pair.store.resume_issue(&pair.issue, NOW).await.unwrap());
    pair.tries(one, 19, false).await;
    assert_eq!(pair.counts().await, (IssueState::Sending, 6, 19));
}

#[tokio::test]
async fn what_one_process_brings_in_ends_the_streak_of_the_other() {
    let pair = TwoWorkers::with_subscribers(READERS).await;
    let one = (&pair.store, &pair.worker);
    let other = (&pair.other_store, &pair.other_worker);
    pair.tries(one, 19, false).await;
    pair.tries(other, 1, true).await;
    assert_eq!(
        pair.store.issues_with_policy_rejections().await.unwrap(),
        []
    );
    pair.tries(one, 5, false).await;
    assert_eq!(pair.counts().await, (IssueState::Sending, 0, 24));
    assert_eq!(pair.store.finish_issues(NOW).await.unwrap(), 1);
    assert_eq!(
        pair.store.issues_with_policy_rejections().await.unwrap(),
        []
    );
}

#[tokio::test]
async fn an_issue_that_is_cancelled_is_in_no_streak_any_more() {
    let pair = TwoWorkers::with_subscribers(READERS).await;
    let one = (&pair.store, &pair.worker);
    pair.tries(one, 5, false).await;
    pair.begins_to_send_others(3).await;
    assert!(
        pair.other_store
            .cancel_issue(&pair.issue, NOW)
            .await
            .unwrap()
    );
    assert_eq!(
        pair.store.issues_with_policy_rejections().await.unwrap(),
        []
    );
    // What was on a connection is refused after it.
    let rows = pair.store.deliveries(&Default::default(), None, 99).await;
    let rows = rows.unwrap().into_iter();
    let sending = rows.filter(|row| row.state == DeliveryState::Sending);
    let ids: Vec<DeliveryId> = sending.map(|row| DeliveryId::from_stored(row.id)).collect();
    assert_eq!(ids.len(), 3);
    let commit = pair.refused(&ids);
    pair.store.record(&pair.worker, &commit, NOW).await.unwrap();
    assert_eq!(
        pair.store.issues_with_policy_rejections().await.unwrap(),
        []
    );
}

//! Copies whose reader moves to another address while they are on their way.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::ids::IssueId;
use crate::domain::random::Random;
use crate::domain::subscriber::SubscriberState;
use crate::store::tests::lease_recovery::moves;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{DeliveryUpdate, FreezeOutcome, GroupCommit};

impl TwoWorkers {
    async fn is_to_go_to(&self) -> (DeliveryState, String) {
        let copy = self
            .store
            .issue_delivery(&self.issue, &self.subscriber)
            .await;
        let copy = copy.unwrap().unwrap();
        (copy.state, copy.address.unwrap())
    }

    async fn records(&self, outcome: DeliveryUpdate) {
        let commit = GroupCommit {
            updates: vec![outcome],
            ..GroupCommit::default()
        };
        self.store.record(&self.worker, &commit, NOW).await.unwrap();
    }

    fn refused_for_now(&self) -> DeliveryUpdate {
        DeliveryUpdate {
            state: DeliveryState::Deferred,
            due_at: Some(NOW),
            ..self.bounced_update()
        }
    }
}

fn at_the_new(state: DeliveryState) -> (DeliveryState, String) {
    (state, "new@example.org".to_owned())
}

#[tokio::test]
async fn a_copy_that_waits_for_its_connection_goes_to_the_new_address() {
    let pair = TwoWorkers::new().await;
    let claimed = pair
        .store
        .claim_issue(&pair.worker, &pair.issue, Timestamp::EPOCH, 9, NOW);
    assert_eq!(claimed.await.unwrap().len(), 1);
    assert!(moves(pair.other_store.clone()).await.unwrap());
    let commit = GroupCommit {
        intents: vec![pair.intent()],
        ..GroupCommit::default()
    };
    let recorded = pair.store.record(&pair.worker, &commit, NOW).await.unwrap();
    assert!(recorded.may_send.is_empty(), "it would go to the old one");
    let given_back = pair.store.release_lease(&pair.worker, &pair.delivery);
    given_back.await.unwrap();
    assert_eq!(pair.is_to_go_to().await, at_the_new(DeliveryState::Queued));
}

#[tokio::test]
async fn a_copy_that_comes_back_is_tried_again_at_the_new_address() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
    assert!(moves(pair.other_store.clone()).await.unwrap());
    pair.records(pair.refused_for_now()).await;
    assert_eq!(
        pair.is_to_go_to().await,
        at_the_new(DeliveryState::Deferred)
    );
}

#[tokio::test]
async fn a_copy_that_comes_back_while_its_reader_moves_is_tried_again_at_the_new_address() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
    let tx = pair.execute_uncommitted(&[pair.defer_sql()]).await;
    assert!(
        pair.run_before_commit(tx, moves(pair.other_store.clone()))
            .await
    );
    assert_eq!(
        pair.is_to_go_to().await,
        at_the_new(DeliveryState::Deferred)
    );
}

#[tokio::test]
async fn what_a_dead_process_was_sending_goes_to_the_new_address() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
    assert!(moves(pair.other_store.clone()).await.unwrap());
    assert!(
        pair.other_store
            .reclaim_leases(&pair.worker, 0, InDoubtPolicy::Resend, NOW)
            .await
            .unwrap()
    );
    assert_eq!(
        pair.is_to_go_to().await,
        at_the_new(DeliveryState::Deferred)
    );
}

#[tokio::test]
async fn what_was_refused_by_policy_goes_to_the_new_address() {
    let pair = TwoWorkers::new().await;
    pair.bounce().await;
    assert!(moves(pair.other_store.clone()).await.unwrap());
    let commit = GroupCommit {
        pauses: vec![(pair.issue, "554 no".to_owned())],
        requeued: vec![pair.delivery.clone()],
        ..GroupCommit::default()
    };
    pair.store.record(&pair.worker, &commit, NOW).await.unwrap();
    assert_eq!(pair.is_to_go_to().await, at_the_new(DeliveryState::Queued));
}

#[tokio::test]
async fn that_the_old_address_is_dead_keeps_nothing_from_the_new_one() {
    let pair = TwoWorkers::new().await;
    pair.mark_sending().await;
    let next = IssueId::new(NOW, &Random::seeded(2));
    let frozen = pair.next_issue(next, None).await;
    let made = pair.store.freeze(&frozen, NOW).await.unwrap();
    assert_eq!(made, FreezeOutcome::Frozen { recipients: 1 });
    assert!(moves(pair.other_store.clone()).await.unwrap());
    let dead = DeliveryUpdate {
        suppress: Some(pair.subscriber),
        ..pair.bounced_update()
    };
    pair.records(dead).await;
    let reader = pair
        .store
        .subscriber(&pair.subscriber)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(reader.state, SubscriberState::Confirmed);
    let copy = pair
        .store
        .issue_delivery(&next, &pair.subscriber)
        .await
        .unwrap();
    let copy = copy.unwrap();
    assert_eq!(
        copy.id,
        DeliveryId::of_issue(&next, &pair.subscriber).as_str()
    );
    assert_eq!(copy.state, DeliveryState::Queued);
}

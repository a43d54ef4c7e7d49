//! A subscriber changes the address while a delivery is pending.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::{DeliveryId, DeliveryKind, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::IssueId;
use crate::domain::random::Random;
use crate::domain::subscriber::SubscriberState;
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{
    AddressChange, DeliveryUpdate, FreezeOutcome, GroupCommit, NewDelivery, Store, StoreError,
};

/// Changes the address of the first recipient.
async fn change_address(store: Store) -> Result<bool, StoreError> {
    let old = EmailAddress::parse("reader0@example.org").unwrap();
    let subscriber = store.subscriber_by_address(&old).await?.unwrap();
    let to = EmailAddress::parse("new@example.org").unwrap();
    let change = AddressChange {
        new_address: &to,
        ip: None,
        nonce: "another".to_owned(),
        address_macs: Vec::new(),
        previous_address_mac: "mac of the old address".to_owned(),
        notice: NewDelivery {
            id: DeliveryId::from_stored("farewell".to_owned()),
            kind: DeliveryKind::SubscriberLink,
            subscriber: Some(subscriber.id),
            address: old,
            payload: None,
        },
    };
    store.change_address(&subscriber, &change, NOW).await
}

impl TwoWorkers {
    async fn change_address_on_other_store(&self) {
        let changed = change_address(self.other_store.clone()).await;
        assert!(changed.unwrap());
    }

    /// Returns the state and the address of the first delivery.
    async fn state_and_address(&self) -> (DeliveryState, String) {
        let delivery = self.store.issue_delivery(&self.issue, &self.subscriber);
        let delivery = delivery.await.unwrap().unwrap();
        (delivery.state, delivery.address.unwrap())
    }
}

fn at_new_address(state: DeliveryState) -> (DeliveryState, String) {
    (state, "new@example.org".to_owned())
}

#[tokio::test]
async fn address_change_redirects_leased_delivery() {
    let workers = TwoWorkers::new().await;
    let (store, worker) = (&workers.store, &workers.worker);
    let claimed = store
        .claim_issue(worker, &workers.issue, Timestamp::EPOCH, 9, NOW)
        .await;
    assert_eq!(claimed.unwrap().len(), 1);

    workers.change_address_on_other_store().await;
    let commit = GroupCommit {
        intents: vec![workers.intent()],
        ..GroupCommit::default()
    };
    let result = store.record(worker, &commit, NOW).await.unwrap();
    store
        .release_lease(worker, &workers.delivery)
        .await
        .unwrap();

    assert!(result.may_send.is_empty(), "the intent has the old address");
    assert_eq!(
        workers.state_and_address().await,
        at_new_address(DeliveryState::Queued)
    );
}

#[tokio::test]
async fn address_change_redirects_deferred_delivery() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;

    workers.change_address_on_other_store().await;
    workers.record_update(workers.deferred_update()).await;

    assert_eq!(
        workers.state_and_address().await,
        at_new_address(DeliveryState::Deferred)
    );
}

#[tokio::test]
async fn address_change_during_deferral_redirects_delivery() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;
    let deferring = workers.execute_uncommitted(&[workers.defer_sql()]).await;

    let change = change_address(workers.other_store.clone());
    assert!(workers.run_before_commit(deferring, change).await);

    assert_eq!(
        workers.state_and_address().await,
        at_new_address(DeliveryState::Deferred)
    );
}

#[tokio::test]
async fn address_change_during_freeze_redirects_delivery() {
    let workers = TwoWorkers::new().await;
    let delete = "DELETE FROM deliveries".to_owned();
    let deleting = workers.execute_uncommitted(&[delete]).await;
    deleting.commit().await.unwrap();
    let insert = format!(
        "INSERT INTO deliveries (id, kind, issue_id, subscriber_id, address, state, due_at, attempts,
            lost_replies, queued_at, at)
         SELECT '{}', 'issue', '{}', id, address, 'queued', 0, 0, 0, 0, 0 FROM subscribers",
        workers.delivery, workers.issue
    );
    let freezing = [RECIPIENTS_LOCK.to_owned(), insert];
    let freezing = workers.execute_uncommitted(&freezing).await;

    let change = change_address(workers.other_store.clone());
    assert!(workers.run_before_commit(freezing, change).await);

    assert_eq!(
        workers.state_and_address().await,
        at_new_address(DeliveryState::Queued)
    );
}

#[tokio::test]
async fn address_change_redirects_reclaimed_delivery() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;

    workers.change_address_on_other_store().await;
    let reclaimed = workers
        .other_store
        .reclaim_leases(&workers.worker, 0, InDoubtPolicy::Resend, NOW)
        .await;

    assert!(reclaimed.unwrap());
    assert_eq!(
        workers.state_and_address().await,
        at_new_address(DeliveryState::Deferred)
    );
}

#[tokio::test]
async fn address_change_redirects_requeued_delivery() {
    let workers = TwoWorkers::new().await;
    workers.bounce().await;

    workers.change_address_on_other_store().await;
    let commit = workers.pause_and_requeue();
    let recorded = workers.store.record(&workers.worker, &commit, NOW).await;

    assert!(recorded.is_ok());
    assert_eq!(
        workers.state_and_address().await,
        at_new_address(DeliveryState::Queued)
    );
}

#[tokio::test]
async fn suppression_of_old_address_keeps_subscriber_active() {
    let workers = TwoWorkers::new().await;
    workers.mark_sending().await;
    let id = IssueId::new(NOW, &Random::seeded(2));
    let issue = workers.next_issue(id, None).await;
    let outcome = workers.store.freeze(&issue, NOW).await.unwrap();
    assert_eq!(outcome, FreezeOutcome::Frozen { recipients: 1 });

    workers.change_address_on_other_store().await;
    let invalid_address = DeliveryUpdate {
        suppress: Some(workers.subscriber),
        ..workers.bounced_update()
    };
    workers.record_update(invalid_address).await;

    let subscriber = workers.store.subscriber(&workers.subscriber).await;
    assert_eq!(
        subscriber.unwrap().unwrap().state,
        SubscriberState::Confirmed
    );
    let delivery = workers.store.issue_delivery(&id, &workers.subscriber).await;
    let delivery = delivery.unwrap().unwrap();
    let expected_id = DeliveryId::for_issue(&id, &workers.subscriber);
    assert_eq!(delivery.id, expected_id.as_str());
    assert_eq!(delivery.state, DeliveryState::Queued);
}

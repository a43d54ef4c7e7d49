//! Deliveries whose subscriber was erased or merged while they were being sent.

use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::{DeliveryId, DeliveryKind, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{DeliveryUpdate, Erase, GroupCommit, NewDelivery, SendIntent};

/// Assigns the first delivery to the second recipient, as a merge of both does.
async fn merge_into_second(workers: &TwoWorkers) {
    let merge = format!(
        "UPDATE deliveries SET subscriber_id =
            (SELECT id FROM subscribers WHERE address_key = 'reader1@example.org') WHERE id = '{}'",
        workers.delivery
    );
    let merging = workers.execute_uncommitted(&[merge]).await;
    merging.commit().await.unwrap();
}

#[tokio::test]
async fn deferred_delivery_of_merged_subscriber_is_skipped() {
    let workers = TwoWorkers::with_subscribers(2).await;
    workers.mark_sending().await;

    merge_into_second(&workers).await;
    workers.record_update(workers.deferred_update()).await;

    assert_eq!(workers.delivery_state().await, DeliveryState::Skipped);
}

#[tokio::test]
async fn rejected_delivery_of_merged_subscriber_is_not_requeued() {
    let workers = TwoWorkers::with_subscribers(2).await;
    workers.bounce().await;

    merge_into_second(&workers).await;
    let commit = workers.pause_and_requeue();
    let recorded = workers.store.record(&workers.worker, &commit, NOW).await;

    assert!(recorded.is_ok());
    assert_eq!(workers.delivery_state().await, DeliveryState::Bounced);
}

/// The first worker is sending a confirmation while its subscriber is erased.
async fn erase_while_sending(workers: &TwoWorkers) -> DeliveryId {
    let delivery = NewDelivery {
        id: DeliveryId::from_stored("confirmation".to_owned()),
        kind: DeliveryKind::Confirmation,
        subscriber: Some(workers.subscriber),
        address: EmailAddress::parse("reader0@example.org").unwrap(),
        payload: None,
    };
    let (store, worker) = (&workers.store, &workers.worker);
    store.enqueue(&delivery, NOW).await.unwrap();
    let claimed = store.claim_transactional(worker, 9, NOW).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let commit = GroupCommit {
        intents: vec![SendIntent {
            id: delivery.id.clone(),
            to: delivery.address.clone(),
        }],
        ..GroupCommit::default()
    };
    store.record(worker, &commit, NOW).await.unwrap();
    let erase = Erase {
        id: workers.subscriber,
        address_mac: "mac".to_owned(),
    };
    assert_eq!(
        workers
            .other_store
            .erase(&[erase], NOW)
            .await
            .unwrap()
            .subscribers,
        1
    );
    delivery.id
}

#[tokio::test]
async fn erasure_while_sending_ends_retries() {
    let workers = TwoWorkers::new().await;
    let id = erase_while_sending(&workers).await;

    let deferred = DeliveryUpdate {
        id,
        ..workers.deferred_update()
    };
    workers.record_update(deferred).await;

    assert_eq!(workers.store.remaining_deliveries().await.unwrap(), 0);
}

#[tokio::test]
async fn reclaim_after_erasure_leaves_nothing_to_send() {
    let workers = TwoWorkers::new().await;
    erase_while_sending(&workers).await;

    let reclaimed = workers
        .other_store
        .reclaim_leases(&workers.worker, 0, InDoubtPolicy::Resend, NOW)
        .await;

    assert!(reclaimed.unwrap());
    assert_eq!(workers.store.remaining_deliveries().await.unwrap(), 0);
}

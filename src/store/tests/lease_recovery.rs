//! Copies whose reader is not there any more, or is another one now.

use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::{DeliveryId, DeliveryKind, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{AddressChange, DeliveryUpdate, GroupCommit, NewDelivery, SendIntent};

/// The reader reads under another address from now on.
pub(crate) async fn moves(store: crate::store::Store) -> Result<bool, crate::store::StoreError> {
    let old = EmailAddress::parse("reader0@example.org").unwrap();
    let reader = store.subscriber_by_address(&old).await?.unwrap();
    let to = EmailAddress::parse("new@example.org").unwrap();
    let step = AddressChange {
        new_address: &to,
        ip: None,
        nonce: "another".to_owned(),
        address_macs: Vec::new(),
        notice: NewDelivery {
            id: DeliveryId::from_stored("farewell".to_owned()),
            kind: DeliveryKind::ReaderLink,
            subscriber: Some(reader.id),
            address: old,
            payload: None,
        },
    };
    store.change_address(&reader, &step, NOW).await
}

#[tokio::test]
async fn who_moves_while_an_issue_is_frozen_gets_it_where_they_are() {
    let pair = TwoWorkers::new().await;
    let emptied = pair
        .execute_uncommitted(&["DELETE FROM deliveries".to_owned()])
        .await;
    emptied.commit().await.unwrap();
    let copy = format!(
        "INSERT INTO deliveries (id, kind, issue_id, subscriber_id, address, state, due_at, attempts,
            lost_replies, queued_at, at)
         SELECT '{}', 'issue', '{}', id, address, 'queued', 0, 0, 0, 0, 0 FROM subscribers",
        pair.delivery, pair.issue
    );
    let freezing = [crate::store::db::locks::RECIPIENTS_LOCK.to_owned(), copy];
    let tx = pair.execute_uncommitted(&freezing).await;
    assert!(
        pair.run_before_commit(tx, moves(pair.other_store.clone()))
            .await
    );
    let rows = pair.store.deliveries(&Default::default(), None, 9).await;
    let rows = rows.unwrap();
    let copy = rows.iter().find(|row| row.id == pair.delivery.as_str());
    assert_eq!(copy.unwrap().address.as_deref(), Some("new@example.org"));
}

/// The reader gives way to another, who has their copies from now on.
async fn hand_over(pair: &TwoWorkers) {
    let handed_over = format!(
        "UPDATE deliveries SET subscriber_id =
            (SELECT id FROM subscribers WHERE address_key = 'reader1@example.org') WHERE id = '{}'",
        pair.delivery
    );
    let tx = pair.execute_uncommitted(&[handed_over]).await;
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_copy_that_was_handed_over_on_the_wire_ends_there() {
    let pair = TwoWorkers::with_subscribers(2).await;
    pair.mark_sending().await;
    hand_over(&pair).await;
    let put_off = DeliveryUpdate {
        state: DeliveryState::Deferred,
        due_at: Some(NOW),
        ..pair.bounced_update()
    };
    let commit = GroupCommit {
        updates: vec![put_off],
        ..GroupCommit::default()
    };
    pair.store.record(&pair.worker, &commit, NOW).await.unwrap();
    assert_eq!(pair.delivery_state().await, DeliveryState::Skipped);
}

#[tokio::test]
async fn what_was_refused_and_handed_over_does_not_go_back_to_the_queue() {
    let pair = TwoWorkers::with_subscribers(2).await;
    pair.bounce().await;
    hand_over(&pair).await;
    let commit = GroupCommit {
        pauses: vec![(pair.issue, "554 no".to_owned())],
        requeued: vec![pair.delivery.clone()],
        ..GroupCommit::default()
    };
    pair.store.record(&pair.worker, &commit, NOW).await.unwrap();
    assert_eq!(pair.delivery_state().await, DeliveryState::Bounced);
}

/// A mail that was begun, and its reader erased meanwhile.
async fn erased_while_it_is_sent(pair: &TwoWorkers) -> DeliveryId {
    let mail = NewDelivery {
        id: DeliveryId::from_stored("a mail".to_owned()),
        kind: DeliveryKind::Confirmation,
        subscriber: Some(pair.subscriber),
        address: EmailAddress::parse("reader0@example.org").unwrap(),
        payload: None,
    };
    pair.store.enqueue(&mail, NOW).await.unwrap();
    let (store, worker) = (&pair.store, &pair.worker);
    assert_eq!(
        store
            .claim_transactional(worker, 9, NOW)
            .await
            .unwrap()
            .len(),
        1
    );
    let commit = GroupCommit {
        intents: vec![SendIntent {
            id: mail.id.clone(),
            to: mail.address.clone(),
        }],
        ..GroupCommit::default()
    };
    store.record(worker, &commit, NOW).await.unwrap();
    let erasure = crate::store::Erase {
        id: pair.subscriber,
        address_mac: "mac".to_owned(),
    };
    assert_eq!(pair.other_store.erase(&[erasure], NOW).await.unwrap(), 1);
    mail.id
}

#[tokio::test]
async fn a_mail_to_someone_who_was_erased_meanwhile_is_not_tried_again() {
    let pair = TwoWorkers::new().await;
    let put_off = DeliveryUpdate {
        id: erased_while_it_is_sent(&pair).await,
        state: DeliveryState::Deferred,
        due_at: Some(NOW),
        ..pair.bounced_update()
    };
    let commit = GroupCommit {
        updates: vec![put_off],
        ..GroupCommit::default()
    };
    pair.store.record(&pair.worker, &commit, NOW).await.unwrap();
    let left = pair.store.remaining_deliveries().await.unwrap();
    assert_eq!(left, 0, "nobody is there to get it");
}

#[tokio::test]
async fn what_a_dead_process_was_sending_to_someone_who_was_erased_comes_to_an_end() {
    let pair = TwoWorkers::new().await;
    erased_while_it_is_sent(&pair).await;
    assert!(
        pair.other_store
            .reclaim_leases(&pair.worker, 0, InDoubtPolicy::Resend, NOW)
            .await
            .unwrap()
    );
    let left = pair.store.remaining_deliveries().await.unwrap();
    assert_eq!(left, 0, "nobody is there to get it");
}

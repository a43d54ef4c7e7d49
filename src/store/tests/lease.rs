//! What is leased is never lost between two processes, nor between asking and answering.

use sqlx::{AssertSqlSafe, Row};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::{DeliveryId, DeliveryKind, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::WorkerId;
use crate::domain::issue::IssueId;
use crate::domain::issue::slot::Slot;
use crate::domain::random::Random;
use crate::store::db::backend::Backend;
use crate::store::queue::lease;
use crate::store::tests::two_workers::TwoWorkers;
use crate::store::{
    DatabaseUrl, DeliveryUpdate, FreezeOutcome, GroupCommit, NewDelivery, SendIntent, Store,
};

const NOW: Timestamp = Timestamp::from_millis(1_795_500_000_000);

fn mail_to(address: &str) -> NewDelivery {
    NewDelivery {
        id: DeliveryId::from_stored(format!("mail to {address}")),
        kind: DeliveryKind::Test,
        subscriber: None,
        address: EmailAddress::parse(address).unwrap(),
        payload: None,
    }
}

/// A worker that has begun the one mail there is.
async fn sending(folder: &tempfile::TempDir) -> (Store, WorkerId, DeliveryId) {
    let place = DatabaseUrl::Sqlite(folder.path().join("test.db"));
    let store = Store::connect(&place).await.unwrap();
    let worker = WorkerId::new(NOW, &Random::seeded(1));
    store.register_worker(&worker, NOW).await.unwrap();
    let mail = mail_to("ada@example.org");
    store.enqueue(&mail, NOW).await.unwrap();
    assert_eq!(
        store
            .claim_transactional(&worker, 9, NOW)
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
    // Twice: the answer of the first was lost.
    for _ in 0..2 {
        let recorded = store.record(&worker, &commit, NOW).await.unwrap();
        assert!(recorded.may_send.contains(&mail.id));
    }
    (store, worker, mail.id)
}

#[tokio::test]
async fn who_leaves_an_outcome_behind_does_not_slip_away() {
    let folder = tempfile::tempdir().unwrap();
    let (store, worker, _) = sending(&folder).await;
    store.shutdown_worker(&worker).await.unwrap();
    assert_eq!(store.workers().await.unwrap(), [(worker, 0)]);
    assert!(
        store
            .reclaim_leases(&worker, 0, InDoubtPolicy::Hold, NOW)
            .await
            .unwrap(),
        "nobody could decide about a mail that is no issue"
    );
    let again = WorkerId::new(NOW, &Random::seeded(2));
    store.register_worker(&again, NOW).await.unwrap();
    let taken = store.claim_transactional(&again, 9, NOW).await.unwrap();
    assert_eq!((taken[0].attempts, taken[0].lost_replies), (1, 1));
}

#[tokio::test]
async fn what_a_dead_process_was_sending_is_not_tried_again_behind_the_next_weeks_issue() {
    for (slot, state) in [
        (None, DeliveryState::Deferred),
        (Slot::parse("2026-W48").ok(), DeliveryState::InDoubt),
    ] {
        let pair = TwoWorkers::new().await;
        pair.mark_sending().await;
        let next = IssueId::new(NOW, &Random::seeded(2));
        let next = pair.next_issue(next, slot).await;
        let made = pair.other_store.freeze(&next, NOW).await.unwrap();
        assert_eq!(made, FreezeOutcome::Frozen { recipients: 1 });
        let dead = &pair.worker;
        let taken_up = pair
            .other_store
            .reclaim_leases(dead, 0, InDoubtPolicy::Resend, NOW)
            .await;
        assert!(taken_up.unwrap());
        assert_eq!(pair.delivery_state().await, state);
    }
}

#[tokio::test]
async fn who_has_written_everything_is_gone_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, worker, id) = sending(&folder).await;
    let delivered = DeliveryUpdate {
        id,
        state: DeliveryState::Delivered,
        due_at: None,
        reply: "250 ok".to_owned(),
        charged: true,
        lost_reply: false,
        suppress: None,
        soft_bounce: None,
    };
    let commit = GroupCommit {
        updates: vec![delivered],
        ..GroupCommit::default()
    };
    store.record(&worker, &commit, NOW).await.unwrap();
    store.shutdown_worker(&worker).await.unwrap();
    assert_eq!(store.workers().await.unwrap(), []);
}

/// PostgreSQL knows nothing yet of a queue that was made just now, and left to itself reads
/// and sorts all of it for each claim.
#[tokio::test]
async fn a_claim_goes_along_the_index_however_long_the_queue_has_become() {
    let pair = TwoWorkers::with_subscribers(5_000).await;
    let backend = pair.store.backend;
    let (explain, column) = match backend {
        Backend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
        Backend::Postgres => ("EXPLAIN", "QUERY PLAN"),
    };
    let mut pen = pair.store.claim_connection().await.unwrap();
    for (claim, of_an_issue) in lease::statements(backend).into_iter().zip([false, true]) {
        let mut query = sqlx::query(AssertSqlSafe(format!("{explain} {claim}")))
            .bind(pair.worker.to_string())
            .bind(NOW.as_millis())
            .bind(500_i64);
        if of_an_issue {
            query = query.bind(pair.issue.to_string()).bind(0_i64);
        }
        let rows = query.fetch_all(pen.connection()).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(column)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("deliveries_due"), "{plan}");
        assert!(
            !plan.contains("Sort") && !plan.contains("TEMP B-TREE"),
            "{plan}"
        );
    }
}

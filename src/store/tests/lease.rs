//! Leases of one worker: shutdown, reclaim and the plan of a claim.

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
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{
    DatabaseUrl, DeliveryUpdate, FreezeOutcome, GroupCommit, NewDelivery, SendIntent, Store,
};

/// Returns a worker that is sending the only delivery.
async fn sending_worker(folder: &tempfile::TempDir) -> (Store, WorkerId, DeliveryId) {
    let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
    let store = Store::connect(&url).await.unwrap();
    let worker = WorkerId::new(NOW, &Random::seeded(1));
    store.register_worker(&worker, NOW).await.unwrap();
    let delivery = NewDelivery {
        id: DeliveryId::from_stored("test mail".to_owned()),
        kind: DeliveryKind::Test,
        subscriber: None,
        address: EmailAddress::parse("ada@example.org").unwrap(),
        payload: None,
    };
    store.enqueue(&delivery, NOW).await.unwrap();
    let claimed = store.claim_transactional(&worker, 9, NOW).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let commit = GroupCommit {
        intents: vec![SendIntent {
            id: delivery.id.clone(),
            to: delivery.address.clone(),
        }],
        ..GroupCommit::default()
    };
    // Twice, as after a lost acknowledgement.
    for _ in 0..2 {
        let result = store.record(&worker, &commit, NOW).await.unwrap();
        assert!(result.may_send.contains(&delivery.id));
    }
    (store, worker, delivery.id)
}

#[tokio::test]
async fn shutdown_while_sending_keeps_worker_registered() {
    let folder = tempfile::tempdir().unwrap();
    let (store, worker, _) = sending_worker(&folder).await;

    store.shutdown_worker(&worker).await.unwrap();
    assert_eq!(store.workers().await.unwrap(), [(worker, 0)]);

    // `Hold` resends transactional mail, because no editor decides about it.
    let reclaimed = store
        .reclaim_leases(&worker, 0, InDoubtPolicy::Hold, NOW)
        .await;
    assert!(reclaimed.unwrap());
    let next_worker = WorkerId::new(NOW, &Random::seeded(2));
    store.register_worker(&next_worker, NOW).await.unwrap();
    let claimed = store.claim_transactional(&next_worker, 9, NOW).await;
    let claimed = claimed.unwrap();
    assert_eq!((claimed[0].attempts, claimed[0].lost_replies), (1, 1));
}

#[tokio::test]
async fn reclaim_after_next_weekly_issue_marks_in_doubt() {
    for (slot, expected) in [
        (None, DeliveryState::Deferred),
        (Slot::parse("2026-W48").ok(), DeliveryState::InDoubt),
    ] {
        let workers = TwoWorkers::new().await;
        workers.mark_sending().await;
        let id = IssueId::new(NOW, &Random::seeded(2));
        let issue = workers.next_issue(id, slot).await;
        let outcome = workers.other_store.freeze(&issue, NOW).await.unwrap();
        assert_eq!(outcome, FreezeOutcome::Frozen { recipients: 1 });

        let reclaimed = workers
            .other_store
            .reclaim_leases(&workers.worker, 0, InDoubtPolicy::Resend, NOW)
            .await;

        assert!(reclaimed.unwrap());
        assert_eq!(workers.delivery_state().await, expected);
    }
}

#[tokio::test]
async fn shutdown_after_last_result_unregisters_worker() {
    let folder = tempfile::tempdir().unwrap();
    let (store, worker, id) = sending_worker(&folder).await;
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

/// PostgreSQL has no statistics of a queue that was just filled, and would otherwise read and
/// sort all of it for each claim.
#[tokio::test]
async fn claim_of_new_queue_uses_due_index() {
    let workers = TwoWorkers::with_subscribers(5_000).await;
    let backend = workers.store.backend;
    let (explain, column) = match backend {
        Backend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
        Backend::Postgres => ("EXPLAIN", "QUERY PLAN"),
    };
    let mut writer = workers.store.claim_connection().await.unwrap();

    for (claim, has_issue) in lease::statements(backend).into_iter().zip([false, true]) {
        let mut query = sqlx::query(AssertSqlSafe(format!("{explain} {claim}")))
            .bind(workers.worker)
            .bind(NOW)
            .bind(500_i64);
        if has_issue {
            query = query.bind(workers.issue).bind(Timestamp::EPOCH);
        }
        let rows = query.fetch_all(writer.connection()).await.unwrap();

        let plan: Vec<String> = rows.iter().map(|row| row.get(column)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("deliveries_due"), "{plan}");
        assert!(
            !plan.contains("Sort") && !plan.contains("TEMP B-TREE"),
            "{plan}"
        );
    }
}

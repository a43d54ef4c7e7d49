//! Concurrent changes while the deliveries of an issue are inserted.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::domain::email_address::EmailAddress;
use crate::domain::issue::{DeliveryCounts, IssueId, IssueState};
use crate::domain::random::Random;
use crate::domain::subscriber::SubscriberId;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{
    Erase, FanOutBatch, FreezeOutcome, ImportRecord, ImportRow, ImportState, IssueRow, NewIssue,
    Unsubscribe,
};

/// Enough for three batches.
const SUBSCRIBERS: usize = 2_500;
const BATCH: i64 = 1_000;

/// An issue of which the first batch is inserted.
struct PendingFanOut {
    workers: TwoWorkers,
    issue: NewIssue,
    outcome: FreezeOutcome,
}

impl PendingFanOut {
    async fn new(estimated_recipients: i64) -> Self {
        let workers = TwoWorkers::with_subscribers(SUBSCRIBERS).await;
        let id = IssueId::new(NOW, &Random::seeded(2));
        let issue = NewIssue {
            estimated_recipients,
            ..workers.next_issue(id, None).await
        };
        let outcome = workers.store.freeze(&issue, NOW).await.unwrap();
        Self {
            workers,
            issue,
            outcome,
        }
    }

    async fn row(&self) -> IssueRow {
        let row = self.workers.store.issue_by_id(&self.issue.id).await;
        row.unwrap().unwrap()
    }

    /// Returns the recipients of the deliveries that match `filter`, in queue order.
    async fn recipients(&self, filter: &str) -> Vec<SubscriberId> {
        let sql = format!(
            "SELECT subscriber_id FROM deliveries WHERE issue_id = '{}' AND {filter} ORDER BY due_at",
            self.issue.id
        );
        self.select_ids(sql).await
    }

    /// Returns the subscribers without a delivery.
    async fn not_enqueued(&self) -> Vec<SubscriberId> {
        let sql = format!(
            "SELECT id FROM subscribers WHERE id NOT IN
                (SELECT subscriber_id FROM deliveries WHERE issue_id = '{}') ORDER BY id",
            self.issue.id
        );
        self.select_ids(sql).await
    }

    async fn select_ids(&self, sql: String) -> Vec<SubscriberId> {
        let query = sqlx::query_scalar(AssertSqlSafe(sql));
        query.fetch_all(&self.workers.store.pool).await.unwrap()
    }

    async fn execute(&self, statement: String) {
        let query = sqlx::query(AssertSqlSafe(statement));
        query.execute(&self.workers.store.pool).await.unwrap();
    }

    async fn deliver_all(&self) {
        self.execute(format!(
            "UPDATE deliveries SET state = 'delivered', due_at = NULL WHERE issue_id = '{}'",
            self.issue.id
        ))
        .await;
    }

    async fn complete(&self) {
        let completed = self.workers.store.run_fan_outs(FanOutBatch::Small).await;
        completed.unwrap();
    }
}

#[tokio::test]
async fn concurrent_fan_outs_insert_each_delivery_once() {
    let fan_out = PendingFanOut::new(SUBSCRIBERS as i64).await;
    let expected = FreezeOutcome::Frozen {
        recipients: SUBSCRIBERS as i64,
    };
    assert_eq!(fan_out.outcome, expected);
    let first_batch = fan_out.recipients("due_at <= 1000").await;
    let all = fan_out.recipients("1 = 1").await;
    assert_eq!((first_batch.len(), all.len()), (1_000, 1_000));

    let (store, other_store) = (&fan_out.workers.store, &fan_out.workers.other_store);
    let (first, second) = tokio::join!(
        store.run_fan_outs(FanOutBatch::Small),
        other_store.run_fan_outs(FanOutBatch::Small)
    );
    first.and(second).unwrap();

    let all = fan_out.recipients("1 = 1").await;
    assert_eq!(all.len(), SUBSCRIBERS);
    assert!(all.is_sorted_by(|before, after| before < after));
    assert_eq!(fan_out.recipients("due_at > 2500").await.len(), 0);
    assert_eq!(fan_out.row().await.recipients, SUBSCRIBERS as i64);
    assert_eq!(store.pending_fan_out().await.unwrap(), None);
}

#[tokio::test]
async fn issue_is_not_finished_during_fan_out() {
    // The estimate is too low: nearly all subscribers confirmed after the draft.
    let fan_out = PendingFanOut::new(1).await;
    let store = &fan_out.workers.store;
    fan_out
        .execute(format!(
            "DELETE FROM issue_fan_outs WHERE issue_id = '{}'",
            fan_out.workers.issue
        ))
        .await;

    for inserted in [BATCH, 2 * BATCH] {
        fan_out.deliver_all().await;
        assert_eq!(store.finish_issues(NOW).await.unwrap(), 0);
        let row = fan_out.row().await;
        assert_eq!(
            (row.counts.delivered, row.counts.remaining()),
            (inserted, 1)
        );
        let has_more = store
            .run_fan_out_batch(&fan_out.issue.id, FanOutBatch::Small)
            .await;
        assert_eq!(has_more.unwrap(), inserted == BATCH);
    }

    fan_out.deliver_all().await;
    assert_eq!(store.finish_issues(NOW).await.unwrap(), 1);
    let row = fan_out.row().await;
    let expected = DeliveryCounts {
        delivered: SUBSCRIBERS as i64,
        ..DeliveryCounts::default()
    };
    assert_eq!((row.state, row.counts), (IssueState::Sent, expected));
}

#[tokio::test]
async fn fan_out_excludes_subscribers_who_became_inactive() {
    let fan_out = PendingFanOut::new(SUBSCRIBERS as i64).await;
    let store = &fan_out.workers.store;
    let not_enqueued = fan_out.not_enqueued().await;
    let [unsubscribed, erased, suppressed, paused] = [0, 1, 2, 3].map(|nth| not_enqueued[nth]);
    let unsubscribe = Unsubscribe {
        id: unsubscribed,
        nonce: String::new(),
    };
    store.unsubscribe(&[unsubscribe], NOW).await.unwrap();
    let erase = Erase {
        id: erased,
        address_mac: "mac".to_owned(),
    };
    store.erase(&[erase], NOW).await.unwrap();
    fan_out
        .execute(format!(
            "UPDATE subscribers SET state = 'suppressed' WHERE id = '{suppressed}'"
        ))
        .await;
    let until = Some(NOW.plus(Duration::from_secs(60)));
    store.pause(&paused, until, NOW).await.unwrap();
    let newcomer = ImportRow {
        id: SubscriberId::new(NOW.plus(Duration::from_secs(1)), &Random::seeded(3)),
        nonce: String::new(),
        address: EmailAddress::parse("newcomer@example.org").unwrap(),
        name: None,
        address_macs: Vec::new(),
        state: ImportState::Agreed,
        record: ImportRecord::default(),
    };
    let newcomers = [newcomer];
    store.import(&newcomers, "test", NOW).await.unwrap();

    fan_out.complete().await;

    assert_eq!(
        fan_out.not_enqueued().await,
        [unsubscribed, suppressed, paused, newcomers[0].id]
    );
    assert_eq!(fan_out.row().await.recipients, SUBSCRIBERS as i64 - 4);
}

#[tokio::test]
async fn cancel_stops_fan_out() {
    let fan_out = PendingFanOut::new(SUBSCRIBERS as i64).await;
    let store = &fan_out.workers.other_store;
    let id = fan_out.issue.id;

    assert!(store.cancel_issue(&id, NOW).await.unwrap());
    fan_out.complete().await;

    let row = fan_out.row().await;
    let expected = DeliveryCounts {
        skipped: BATCH,
        ..DeliveryCounts::default()
    };
    assert_eq!((row.recipients, row.counts), (BATCH, expected));
    assert!(!store.cancel_issue(&id, NOW).await.unwrap());
}

#[tokio::test]
async fn completed_fan_out_has_exact_recipient_count() {
    for (subscribers, first_batch) in [(1, 1), (1_000, 1_000), (2_000, 1_000)] {
        let workers = TwoWorkers::with_subscribers(subscribers).await;
        let store = &workers.store;
        let id = IssueId::new(NOW, &Random::seeded(2));
        let recipients = subscribers as i64;
        let issue = NewIssue {
            estimated_recipients: recipients,
            ..workers.next_issue(id, None).await
        };
        let outcome = store.freeze(&issue, NOW).await.unwrap();
        assert_eq!(outcome, FreezeOutcome::Frozen { recipients });
        store
            .run_fan_out_batch(&workers.issue, FanOutBatch::Large)
            .await
            .unwrap();
        assert_eq!(
            store.pending_fan_out().await.unwrap(),
            (first_batch < subscribers).then_some((id, first_batch as i64))
        );

        store.run_fan_outs(FanOutBatch::Small).await.unwrap();

        let row = store.issue_by_id(&id).await.unwrap().unwrap();
        assert_eq!(
            (row.recipients, row.counts.queued),
            (recipients, recipients)
        );
    }
}

/// A worker of an older version that runs concurrently does not know of pending fan-outs.
#[tokio::test]
async fn fan_out_reopens_issue_that_was_marked_sent() {
    let fan_out = PendingFanOut::new(SUBSCRIBERS as i64).await;
    fan_out.deliver_all().await;
    fan_out
        .execute(format!(
            "UPDATE issues SET state = 'sent', finished_at = 1 WHERE id = '{}'",
            fan_out.issue.id
        ))
        .await;

    fan_out.complete().await;

    let row = fan_out.row().await;
    assert_eq!((row.state, row.finished_at), (IssueState::Sending, None));
    assert_eq!(row.counts.queued, SUBSCRIBERS as i64 - BATCH);
}

//! Test harness: an issue that two workers of two processes send.

use sqlx::AssertSqlSafe;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::WorkerId;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::domain::random::Random;
use crate::domain::subscriber::SubscriberId;
use crate::store::db::backend::Backend;
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::db::transaction::WriteTx;
use crate::store::{
    DatabaseUrl, DeliveryUpdate, GroupCommit, ImportRecord, ImportRow, ImportState, IssueRow,
    NewIssue, SendIntent, Store, StoreError,
};
use crate::test_database::Database;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_500_000_000);

const BLOCKED_CONNECTIONS: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()";

/// Two processes with one worker each, and a frozen issue.
pub(crate) struct TwoWorkers {
    pub store: Store,
    pub other_store: Store,
    pub worker: WorkerId,
    pub other_worker: WorkerId,
    pub issue: IssueId,
    /// The first recipient.
    pub subscriber: SubscriberId,
    /// The delivery of the issue to the first recipient.
    pub delivery: DeliveryId,
    _database: Database,
}

/// Returns an issue without posts.
fn empty_issue(id: IssueId, number: IssueNumber, slot: Option<Slot>) -> NewIssue {
    NewIssue {
        id,
        number,
        slot,
        subject: "Bread".to_owned(),
        preheader: String::new(),
        message: "[]".to_owned(),
        content_hash: String::new(),
        posts: Vec::new(),
        omitted_posts: Vec::new(),
        estimated_recipients: 1,
        edits: DraftEdits::default(),
        is_manual: true,
    }
}

impl TwoWorkers {
    /// Freezes an issue with one recipient.
    pub async fn new() -> Self {
        Self::with_subscribers(1).await
    }

    /// Freezes an issue with this number of recipients.
    pub async fn with_subscribers(count: usize) -> Self {
        let database = Database::fresh().await;
        let url = match database.url().strip_prefix("sqlite:") {
            Some(path) => DatabaseUrl::Sqlite(path.into()),
            None => DatabaseUrl::Postgres(database.url().into()),
        };
        let store = Store::connect(&url).await.unwrap();
        let other_store = Store::connect(&url).await.unwrap();
        let random = Random::seeded(1);
        let issue = IssueId::new(NOW, &random);
        let import_row = |number| ImportRow {
            id: SubscriberId::new(NOW, &random),
            nonce: String::new(),
            address: EmailAddress::parse(&format!("reader{number}@example.org")).unwrap(),
            name: None,
            address_macs: Vec::new(),
            state: ImportState::Agreed,
            record: ImportRecord::default(),
        };
        let rows: Vec<ImportRow> = (0..count).map(import_row).collect();
        store.import(&rows, "test", NOW).await.unwrap();
        let subscriber = rows[0].id;
        let new_issue = empty_issue(issue, IssueNumber::FIRST, None);
        store.freeze(&new_issue, NOW).await.unwrap();
        let [worker, other_worker] = [(); 2].map(|()| WorkerId::new(NOW, &random));
        store.register_worker(&worker, NOW).await.unwrap();
        other_store
            .register_worker(&other_worker, NOW)
            .await
            .unwrap();
        Self {
            delivery: DeliveryId::for_issue(&issue, &subscriber),
            store,
            other_store,
            worker,
            other_worker,
            issue,
            subscriber,
            _database: database,
        }
    }

    /// Returns the intent to send the first delivery.
    pub fn intent(&self) -> SendIntent {
        SendIntent {
            id: self.delivery.clone(),
            to: EmailAddress::parse("reader0@example.org").unwrap(),
        }
    }

    /// Returns another issue without posts, with the next number.
    pub async fn next_issue(&self, id: IssueId, slot: Option<Slot>) -> NewIssue {
        let number = self.store.next_number().await.unwrap();
        NewIssue {
            edits: self.store.draft_edits().await.unwrap(),
            ..empty_issue(id, number, slot)
        }
    }

    /// The first worker claims all deliveries and marks the first one as being sent.
    pub async fn mark_sending(&self) {
        let claim = self
            .store
            .claim_issue(&self.worker, &self.issue, Timestamp::EPOCH, 9, NOW);
        let claimed = claim.await.unwrap();
        assert!(claimed.iter().any(|it| it.id == self.delivery));
        let commit = GroupCommit {
            intents: vec![self.intent()],
            ..GroupCommit::default()
        };
        let result = self.store.record(&self.worker, &commit, NOW).await.unwrap();
        assert!(result.may_send.contains(&self.delivery));
    }

    /// Returns the result that the first delivery bounced.
    pub fn bounced_update(&self) -> DeliveryUpdate {
        DeliveryUpdate {
            id: self.delivery.clone(),
            state: DeliveryState::Bounced,
            due_at: None,
            reply: "550 5.7.1 no".to_owned(),
            charged: true,
            lost_reply: false,
            suppress: None,
            soft_bounce: None,
        }
    }

    /// Returns the result that the first delivery was deferred.
    pub fn deferred_update(&self) -> DeliveryUpdate {
        DeliveryUpdate {
            state: DeliveryState::Deferred,
            due_at: Some(NOW),
            ..self.bounced_update()
        }
    }

    /// The first worker records a result.
    pub async fn record_update(&self, update: DeliveryUpdate) {
        let commit = GroupCommit {
            updates: vec![update],
            ..GroupCommit::default()
        };
        self.store.record(&self.worker, &commit, NOW).await.unwrap();
    }

    /// The first worker sends the first delivery, which bounces.
    pub async fn bounce(&self) {
        self.mark_sending().await;
        self.record_update(self.bounced_update()).await;
    }

    /// Returns the commit that pauses the issue and requeues the first delivery.
    pub fn pause_and_requeue(&self) -> GroupCommit {
        GroupCommit {
            pauses: vec![(self.issue, "554 no".to_owned())],
            requeued: vec![self.delivery.clone()],
            ..GroupCommit::default()
        }
    }

    /// Executes statements in a transaction of the first process that is not committed.
    pub async fn execute_uncommitted(&self, statements: &[String]) -> WriteTx {
        let mut tx = self.store.begin_write().await.unwrap();
        for statement in statements {
            let query = sqlx::query(AssertSqlSafe(statement.clone()));
            query.execute(&mut *tx).await.unwrap();
        }
        tx
    }

    /// Returns the statement that defers the first delivery.
    pub fn defer_sql(&self) -> String {
        format!(
            "UPDATE deliveries SET state = 'deferred', due_at = 1, lease = NULL WHERE id = '{}'",
            self.delivery
        )
    }

    /// Returns the statement that locks the row of the first delivery, as an unsubscribe does
    /// while it is being sent.
    pub fn touch_sql(&self) -> String {
        format!(
            "UPDATE deliveries SET state = state WHERE id = '{}'",
            self.delivery
        )
    }

    /// Returns the statements that unsubscribe the first recipient.
    pub fn unsubscribe_sql(&self) -> Vec<String> {
        let unsubscribe = format!(
            "UPDATE subscribers SET state = 'unsubscribed' WHERE id = '{}'",
            self.subscriber
        );
        vec![RECIPIENTS_LOCK.to_owned(), unsubscribe]
    }

    /// Runs `work` in another task until it waits for a row lock of `tx` or finishes, then
    /// commits `tx` and returns the result of `work`.
    ///
    /// On SQLite `work` starts after the commit, because `tx` holds the write lock.
    pub async fn run_before_commit<T: Send + 'static>(
        &self,
        tx: WriteTx,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> T {
        let work = tokio::spawn(work);
        while self.store.backend == Backend::Postgres && !work.is_finished() {
            let blocked: i64 = sqlx::query_scalar(BLOCKED_CONNECTIONS)
                .fetch_one(&self.store.pool)
                .await
                .unwrap();
            if blocked > 0 {
                break;
            }
        }
        tx.commit().await.unwrap();
        work.await.unwrap().unwrap()
    }

    /// Returns the issue.
    pub async fn issue_row(&self) -> IssueRow {
        let row = self.store.issue_by_id(&self.issue).await;
        row.unwrap().unwrap()
    }

    /// Returns the state of the first delivery.
    pub async fn delivery_state(&self) -> DeliveryState {
        let delivery = self.store.issue_delivery(&self.issue, &self.subscriber);
        delivery.await.unwrap().unwrap().state
    }
}

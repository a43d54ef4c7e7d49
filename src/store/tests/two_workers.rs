//! An issue that two processes send, for the tests of this room.

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
use crate::store::db::transaction::WriteTx;
use crate::store::{
    DatabaseUrl, DeliveryUpdate, GroupCommit, ImportRow, NewIssue, SendIntent, Store, StoreError,
};

use crate::test_database::Database;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_500_000_000);
const WAITING: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()";

/// Two processes, each with a worker; the first reader and her copy are at hand.
pub(crate) struct TwoWorkers {
    pub store: Store,
    pub other_store: Store,
    pub worker: WorkerId,
    pub other_worker: WorkerId,
    pub issue: IssueId,
    pub subscriber: SubscriberId,
    pub delivery: DeliveryId,
    _database: Database,
}

/// An issue of no posts.
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
    /// An issue to one reader.
    pub async fn new() -> Self {
        Self::with_subscribers(1).await
    }

    pub async fn with_subscribers(readers: usize) -> Self {
        let database = Database::fresh().await;
        let place = match database.url().strip_prefix("sqlite:") {
            Some(path) => DatabaseUrl::Sqlite(path.into()),
            None => DatabaseUrl::Postgres(database.url().to_owned()),
        };
        let one = Store::connect(&place).await.unwrap();
        let other = Store::connect(&place).await.unwrap();
        let random = Random::seeded(1);
        let issue = IssueId::new(NOW, &random);
        let arrival = |number| ImportRow {
            id: SubscriberId::new(NOW, &random),
            nonce: String::new(),
            address: EmailAddress::parse(&format!("reader{number}@example.org")).unwrap(),
            name: None,
            address_macs: Vec::new(),
        };
        let arrivals: Vec<ImportRow> = (0..readers).map(arrival).collect();
        one.import(&arrivals, "test", false, NOW).await.unwrap();
        let reader = arrivals[0].id;
        let frozen = empty_issue(issue, IssueNumber::FIRST, None);
        one.freeze(&frozen, NOW).await.unwrap();
        let [worker, other_worker] = [(); 2].map(|()| WorkerId::new(NOW, &random));
        one.register_worker(&worker, NOW).await.unwrap();
        other.register_worker(&other_worker, NOW).await.unwrap();
        Self {
            delivery: DeliveryId::of_issue(&issue, &reader),
            store: one,
            other_store: other,
            worker,
            other_worker,
            issue,
            subscriber: reader,
            _database: database,
        }
    }

    pub fn intent(&self) -> SendIntent {
        SendIntent {
            id: self.delivery.clone(),
            to: EmailAddress::parse("reader0@example.org").unwrap(),
        }
    }

    /// Another issue of no posts, as it would be frozen now.
    pub async fn next_issue(&self, id: IssueId, slot: Option<Slot>) -> NewIssue {
        let number = self.store.next_number().await.unwrap();
        NewIssue {
            edits: self.store.draft_edits().await.unwrap(),
            ..empty_issue(id, number, slot)
        }
    }

    pub async fn mark_sending(&self) {
        let claimed = self
            .store
            .claim_issue(&self.worker, &self.issue, Timestamp::EPOCH, 9, NOW);
        assert!(
            claimed
                .await
                .unwrap()
                .iter()
                .any(|job| job.id == self.delivery)
        );
        let commit = GroupCommit {
            intents: vec![self.intent()],
            ..GroupCommit::default()
        };
        let recorded = self.store.record(&self.worker, &commit, NOW).await.unwrap();
        assert!(recorded.may_send.contains(&self.delivery));
    }

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

    pub async fn bounce(&self) {
        self.mark_sending().await;
        let commit = GroupCommit {
            updates: vec![self.bounced_update()],
            ..GroupCommit::default()
        };
        self.store.record(&self.worker, &commit, NOW).await.unwrap();
    }

    /// One process has done this and not committed it.
    pub async fn execute_uncommitted(&self, statements: &[String]) -> WriteTx {
        let mut tx = self.store.begin_write().await.unwrap();
        for statement in statements {
            let query = sqlx::query(AssertSqlSafe(statement.clone()));
            query.execute(&mut *tx).await.unwrap();
        }
        tx
    }

    pub fn defer_sql(&self) -> String {
        format!(
            "UPDATE deliveries SET state = 'deferred', due_at = 1, lease = NULL WHERE id = '{}'",
            self.delivery
        )
    }

    /// As by whoever ends what was not begun, when it is on a connection.
    pub fn touch_sql(&self) -> String {
        format!(
            "UPDATE deliveries SET state = state WHERE id = '{}'",
            self.delivery
        )
    }

    pub fn unsubscribe_sql(&self) -> Vec<String> {
        let left = format!(
            "UPDATE subscribers SET state = 'unsubscribed' WHERE id = '{}'",
            self.subscriber
        );
        vec![crate::store::db::locks::RECIPIENTS_LOCK.to_owned(), left]
    }

    /// The other process does `work`, as far as it gets, before `tx` is committed.
    pub async fn run_before_commit<T: Send + 'static>(
        &self,
        tx: WriteTx,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> T {
        let work = tokio::spawn(work);
        while self.store.backend == crate::store::db::backend::Backend::Postgres
            && !work.is_finished()
        {
            let waiting: i64 = sqlx::query_scalar(WAITING)
                .fetch_one(&self.store.pool)
                .await
                .unwrap();
            if waiting > 0 {
                break;
            }
        }
        tx.commit().await.unwrap();
        work.await.unwrap().unwrap()
    }

    pub async fn delivery_state(&self) -> DeliveryState {
        let copy = self
            .store
            .issue_delivery(&self.issue, &self.subscriber)
            .await;
        copy.unwrap().unwrap().state
    }
}

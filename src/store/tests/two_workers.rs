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
pub(crate) struct Pair {
    pub one: Store,
    pub other: Store,
    pub worker: WorkerId,
    pub other_worker: WorkerId,
    pub issue: IssueId,
    pub reader: SubscriberId,
    pub copy: DeliveryId,
    _database: Database,
}

/// An issue of no posts.
fn bread(id: IssueId, number: IssueNumber, slot: Option<Slot>) -> NewIssue {
    NewIssue {
        id,
        number,
        slot,
        subject: "Bread".to_owned(),
        preheader: String::new(),
        mail: "[]".to_owned(),
        content_hash: String::new(),
        posts: Vec::new(),
        left_over: Vec::new(),
        readers: 1,
        edits: DraftEdits::default(),
        by_hand: true,
    }
}

impl Pair {
    /// An issue to one reader.
    pub async fn new() -> Self {
        Self::with_readers(1).await
    }

    pub async fn with_readers(readers: usize) -> Self {
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
        let frozen = bread(issue, IssueNumber::FIRST, None);
        one.freeze(&frozen, NOW).await.unwrap();
        let [worker, other_worker] = [(); 2].map(|()| WorkerId::new(NOW, &random));
        one.register_worker(&worker, NOW).await.unwrap();
        other.register_worker(&other_worker, NOW).await.unwrap();
        Self {
            copy: DeliveryId::of_issue(&issue, &reader),
            one,
            other,
            worker,
            other_worker,
            issue,
            reader,
            _database: database,
        }
    }

    pub fn next(&self) -> SendIntent {
        SendIntent {
            id: self.copy.clone(),
            to: EmailAddress::parse("reader0@example.org").unwrap(),
        }
    }

    /// Another issue of no posts, as it would be frozen now.
    pub async fn next_issue(&self, id: IssueId, slot: Option<Slot>) -> NewIssue {
        let number = self.one.next_number().await.unwrap();
        NewIssue {
            edits: self.one.draft_edits().await.unwrap(),
            ..bread(id, number, slot)
        }
    }

    pub async fn begins_to_send(&self) {
        let claimed = self
            .one
            .claim_issue(&self.worker, &self.issue, Timestamp::EPOCH, 9, NOW);
        assert!(claimed.await.unwrap().iter().any(|job| job.id == self.copy));
        let commit = GroupCommit {
            next: vec![self.next()],
            ..GroupCommit::default()
        };
        let recorded = self.one.record(&self.worker, &commit, NOW).await.unwrap();
        assert!(recorded.may_send.contains(&self.copy));
    }

    pub fn bounced(&self) -> DeliveryUpdate {
        DeliveryUpdate {
            id: self.copy.clone(),
            state: DeliveryState::Bounced,
            due_at: None,
            reply: "550 5.7.1 no".to_owned(),
            charged: true,
            lost_reply: false,
            suppress: None,
            refusal: None,
        }
    }

    pub async fn bounces(&self) {
        self.begins_to_send().await;
        let commit = GroupCommit {
            outcomes: vec![self.bounced()],
            ..GroupCommit::default()
        };
        self.one.record(&self.worker, &commit, NOW).await.unwrap();
    }

    /// One process has done this and not committed it.
    pub async fn in_the_middle_of(&self, statements: &[String]) -> WriteTx {
        let mut tx = self.one.begin_write().await.unwrap();
        for statement in statements {
            let query = sqlx::query(AssertSqlSafe(statement.clone()));
            query.execute(&mut *tx).await.unwrap();
        }
        tx
    }

    pub fn put_off(&self) -> String {
        format!(
            "UPDATE deliveries SET state = 'deferred', due_at = 1, lease = NULL WHERE id = '{}'",
            self.copy
        )
    }

    /// As by whoever ends what was not begun, when it is on a connection.
    pub fn is_touched(&self) -> String {
        format!(
            "UPDATE deliveries SET state = state WHERE id = '{}'",
            self.copy
        )
    }

    pub fn leaves(&self) -> Vec<String> {
        let left = format!(
            "UPDATE subscribers SET state = 'unsubscribed' WHERE id = '{}'",
            self.reader
        );
        vec![
            crate::store::issues::freeze::RECIPIENTS_LOCK.to_owned(),
            left,
        ]
    }

    /// The other process does `work`, as far as it gets, before `tx` is committed.
    pub async fn meanwhile<T: Send + 'static>(
        &self,
        tx: WriteTx,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> T {
        let work = tokio::spawn(work);
        while self.one.backend == crate::store::db::backend::Backend::Postgres
            && !work.is_finished()
        {
            let waiting: i64 = sqlx::query_scalar(WAITING)
                .fetch_one(&self.one.pool)
                .await
                .unwrap();
            if waiting > 0 {
                break;
            }
        }
        tx.commit().await.unwrap();
        work.await.unwrap().unwrap()
    }

    pub async fn state(&self) -> DeliveryState {
        let copy = self.one.issue_delivery(&self.issue, &self.reader).await;
        copy.unwrap().unwrap().state
    }
}

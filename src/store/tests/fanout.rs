//! What others do while the queue of an issue is being made.

use sqlx::AssertSqlSafe;

use crate::domain::email_address::EmailAddress;
use crate::domain::issue::{DeliveryCounts, IssueId, IssueState};
use crate::domain::random::Random;
use crate::domain::subscriber::SubscriberId;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{Erase, FanOutBatch, FreezeOutcome, ImportRow, IssueRow, NewIssue, Unsubscribe};

/// More than are written to at once.
const READERS: usize = 2_500;

struct House {
    pair: TwoWorkers,
    issue: NewIssue,
    made: FreezeOutcome,
}

impl House {
    /// Another issue has its first copies. When it was drafted it had so many `readers`.
    async fn new(readers: i64) -> Self {
        let pair = TwoWorkers::with_subscribers(READERS).await;
        let id = IssueId::new(NOW, &Random::seeded(2));
        let issue = NewIssue {
            estimated_recipients: readers,
            ..pair.next_issue(id, None).await
        };
        let made = pair.store.freeze(&issue, NOW).await.unwrap();
        Self { pair, issue, made }
    }

    async fn row(&self) -> IssueRow {
        let row = self.pair.store.issue_by_id(&self.issue.id).await;
        row.unwrap().unwrap()
    }

    /// In the order of the queue, by `which`.
    async fn copies(&self, which: &str) -> Vec<String> {
        let ids = format!(
            "SELECT subscriber_id FROM deliveries WHERE issue_id = '{}' AND {which} ORDER BY due_at",
            self.issue.id
        );
        let ids = sqlx::query_scalar(AssertSqlSafe(ids)).fetch_all(&self.pair.store.pool);
        ids.await.unwrap()
    }

    /// Readers who have no copy yet, or will have none.
    async fn without(&self) -> Vec<SubscriberId> {
        let ids = format!(
            "SELECT id FROM subscribers WHERE id NOT IN
                (SELECT subscriber_id FROM deliveries WHERE issue_id = '{}') ORDER BY id",
            self.issue.id
        );
        let ids = sqlx::query_scalar(AssertSqlSafe(ids)).fetch_all(&self.pair.store.pool);
        let ids: Vec<String> = ids.await.unwrap();
        ids.iter()
            .map(|id| SubscriberId::parse(id).unwrap())
            .collect()
    }

    async fn does(&self, statement: String) {
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&self.pair.store.pool);
        done.await.unwrap();
    }

    async fn all_are_delivered(&self) {
        self.does(format!(
            "UPDATE deliveries SET state = 'delivered', due_at = NULL WHERE issue_id = '{}'",
            self.issue.id
        ))
        .await;
    }

    async fn queue_is_made(&self) {
        self.pair
            .store
            .run_fan_outs(FanOutBatch::Small)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn every_reader_has_one_copy_however_many_make_the_queue() {
    let house = House::new(READERS as i64).await;
    let begun = FreezeOutcome::Frozen {
        recipients: READERS as i64,
    };
    assert_eq!(house.made, begun);
    let first = house.copies("due_at <= 1000").await;
    assert_eq!(
        (first.len(), house.copies("1 = 1").await.len()),
        (1_000, 1_000)
    );
    let (one, other) = (&house.pair.store, &house.pair.other_store);
    let (one, other) = tokio::join!(
        one.run_fan_outs(FanOutBatch::Small),
        other.run_fan_outs(FanOutBatch::Small)
    );
    one.and(other).unwrap();
    let copies = house.copies("1 = 1").await;
    assert_eq!(copies.len(), READERS);
    assert!(copies.is_sorted_by(|before, after| before < after));
    assert_eq!(house.copies("due_at > 2500").await.len(), 0);
    assert_eq!(house.row().await.recipients, READERS as i64);
    let unfinished = house.pair.store.pending_fan_out().await;
    assert_eq!(unfinished.unwrap(), None);
}

#[tokio::test]
async fn no_issue_is_sent_while_copies_of_it_are_to_be_made() {
    // Nearly all of them came after it was drafted.
    let house = House::new(1).await;
    house
        .does(format!(
            "DELETE FROM issue_fan_outs WHERE issue_id = '{}'",
            house.pair.issue
        ))
        .await;
    for made in [1_000, 2_000] {
        house.all_are_delivered().await;
        assert_eq!(house.pair.store.finish_issues(NOW).await.unwrap(), 0);
        let row = house.row().await;
        assert_eq!((row.counts.delivered, row.counts.remaining()), (made, 1));
        assert!(
            house
                .pair
                .store
                .run_fan_out_batch(&house.issue.id, FanOutBatch::Small)
                .await
                .unwrap()
                == (made == 1_000)
        );
    }
    house.all_are_delivered().await;
    assert_eq!(house.pair.store.finish_issues(NOW).await.unwrap(), 1);
    let row = house.row().await;
    let all = DeliveryCounts {
        delivered: READERS as i64,
        ..DeliveryCounts::default()
    };
    assert_eq!((row.state, row.counts), (IssueState::Sent, all));
}

#[tokio::test]
async fn who_is_no_reader_any_more_when_their_copy_is_made_gets_none() {
    let house = House::new(READERS as i64).await;
    let store = &house.pair.store;
    let without = house.without().await;
    let [leaver, erased, suppressed, pauser] = [0, 1, 2, 3].map(|nth| without[nth]);
    let leaving = Unsubscribe {
        id: leaver,
        nonce: String::new(),
    };
    store.unsubscribe(&[leaving], NOW).await.unwrap();
    let erasure = Erase {
        id: erased,
        address_mac: "mac".to_owned(),
    };
    store.erase(&[erasure], NOW).await.unwrap();
    house
        .does(format!(
            "UPDATE subscribers SET state = 'suppressed' WHERE id = '{suppressed}'"
        ))
        .await;
    store
        .pause(
            &pauser,
            Some(NOW.plus(std::time::Duration::from_secs(60))),
            NOW,
        )
        .await
        .unwrap();
    let newcomer = ImportRow {
        id: SubscriberId::new(
            NOW.plus(std::time::Duration::from_secs(1)),
            &Random::seeded(3),
        ),
        nonce: String::new(),
        address: EmailAddress::parse("newcomer@example.org").unwrap(),
        name: None,
        address_macs: Vec::new(),
    };
    let newcomers = [newcomer];
    store.import(&newcomers, "test", false, NOW).await.unwrap();
    house.queue_is_made().await;
    assert_eq!(
        house.without().await,
        [leaver, suppressed, pauser, newcomers[0].id]
    );
    assert_eq!(house.row().await.recipients, READERS as i64 - 4);
}

#[tokio::test]
async fn what_is_cancelled_gets_no_more_copies() {
    let house = House::new(READERS as i64).await;
    let store = &house.pair.other_store;
    assert!(store.cancel_issue(&house.issue.id, NOW).await.unwrap());
    house.queue_is_made().await;
    let row = house.row().await;
    let all = DeliveryCounts {
        skipped: 1_000,
        ..DeliveryCounts::default()
    };
    assert_eq!((row.recipients, row.counts), (1_000, all));
    assert!(!store.cancel_issue(&house.issue.id, NOW).await.unwrap());
}

#[tokio::test]
async fn nobody_is_reckoned_who_is_not_there() {
    for (readers, copies) in [(1, 1), (1_000, 1_000), (2_000, 1_000)] {
        let pair = TwoWorkers::with_subscribers(readers).await;
        let id = IssueId::new(NOW, &Random::seeded(2));
        let issue = NewIssue {
            estimated_recipients: readers as i64,
            ..pair.next_issue(id, None).await
        };
        let made = pair.store.freeze(&issue, NOW).await.unwrap();
        let recipients = readers as i64;
        assert_eq!(made, FreezeOutcome::Frozen { recipients });
        pair.store
            .run_fan_out_batch(&pair.issue, FanOutBatch::Large)
            .await
            .unwrap();
        let unfinished = pair.store.pending_fan_out().await.unwrap();
        assert_eq!(
            unfinished,
            (copies < readers).then_some((id, copies as i64))
        );
        pair.store.run_fan_outs(FanOutBatch::Small).await.unwrap();
        let row = pair.store.issue_by_id(&id).await.unwrap().unwrap();
        assert_eq!(
            (row.recipients, row.counts.queued),
            (recipients, recipients)
        );
    }
}

/// As by a process of the version before, which goes on beside this one.
#[tokio::test]
async fn what_was_called_sent_too_early_is_sent_to_the_others_too() {
    let house = House::new(READERS as i64).await;
    house.all_are_delivered().await;
    let id = house.issue.id;
    house
        .does(format!(
            "UPDATE issues SET state = 'sent', finished_at = 1 WHERE id = '{id}'"
        ))
        .await;
    house.queue_is_made().await;
    let row = house.row().await;
    assert_eq!((row.state, row.finished_at), (IssueState::Sending, None));
    assert_eq!(row.counts.queued, READERS as i64 - 1_000);
}

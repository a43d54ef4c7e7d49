//! What others do while the queue of an issue is being made.

use sqlx::AssertSqlSafe;

use crate::domain::email_address::EmailAddress;
use crate::domain::issue::{DeliveryCounts, IssueId, IssueState};
use crate::domain::random::Random;
use crate::domain::subscriber::SubscriberId;
use crate::store::tests::two_workers::{NOW, Pair};
use crate::store::{Erase, FanOutBatch, FreezeOutcome, ImportRow, IssueRow, NewIssue, Unsubscribe};

/// More than are written to at once.
const READERS: usize = 2_500;

struct House {
    pair: Pair,
    issue: NewIssue,
    made: FreezeOutcome,
}

impl House {
    /// Another issue has its first copies. When it was drafted it had so many `readers`.
    async fn new(readers: i64) -> Self {
        let pair = Pair::with_readers(READERS).await;
        let id = IssueId::new(NOW, &Random::seeded(2));
        let issue = NewIssue {
            readers,
            ..pair.next_issue(id, None).await
        };
        let made = pair.one.freeze(&issue, NOW).await.unwrap();
        Self { pair, issue, made }
    }

    async fn row(&self) -> IssueRow {
        let row = self.pair.one.issue_by_id(&self.issue.id).await;
        row.unwrap().unwrap()
    }

    /// In the order of the queue, by `which`.
    async fn copies(&self, which: &str) -> Vec<String> {
        let ids = format!(
            "SELECT subscriber_id FROM deliveries WHERE issue_id = '{}' AND {which} ORDER BY due_at",
            self.issue.id
        );
        let ids = sqlx::query_scalar(AssertSqlSafe(ids)).fetch_all(&self.pair.one.pool);
        ids.await.unwrap()
    }

    /// Readers who have no copy yet, or will have none.
    async fn without(&self) -> Vec<SubscriberId> {
        let ids = format!(
            "SELECT id FROM subscribers WHERE id NOT IN
                (SELECT subscriber_id FROM deliveries WHERE issue_id = '{}') ORDER BY id",
            self.issue.id
        );
        let ids = sqlx::query_scalar(AssertSqlSafe(ids)).fetch_all(&self.pair.one.pool);
        let ids: Vec<String> = ids.await.unwrap();
        ids.iter()
            .map(|id| SubscriberId::parse(id).unwrap())
            .collect()
    }

    async fn does(&self, statement: String) {
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&self.pair.one.pool);
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
            .one
            .run_fan_outs(FanOutBatch::Short)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn every_reader_has_one_copy_however_many_make_the_queue() {
    let house = House::new(READERS as i64).await;
    let begun = FreezeOutcome::Made {
        recipients: READERS as i64,
    };
    assert_eq!(house.made, begun);
    let first = house.copies("due_at <= 1000").await;
    assert_eq!(
        (first.len(), house.copies("1 = 1").await.len()),
        (1_000, 1_000)
    );
    let (one, other) = (&house.pair.one, &house.pair.other);
    let (one, other) = tokio::join!(
        one.run_fan_outs(FanOutBatch::Short),
        other.run_fan_outs(FanOutBatch::Short)
    );
    one.and(other).unwrap();
    let copies = house.copies("1 = 1").await;
    assert_eq!(copies.len(), READERS);
    assert!(copies.is_sorted_by(|before, after| before < after));
    assert_eq!(house.copies("due_at > 2500").await.len(), 0);
    assert_eq!(house.row().await.recipients, READERS as i64);
    let unfinished = house.pair.one.pending_fan_out().await;
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
        assert_eq!(house.pair.one.finish_issues(NOW).await.unwrap(), 0);
        let row = house.row().await;
        assert_eq!((row.tally.delivered, row.tally.remaining()), (made, 1));
        assert!(
            house
                .pair
                .one
                .lengthen_queue(&house.issue.id, FanOutBatch::Short)
                .await
                .unwrap()
                == (made == 1_000)
        );
    }
    house.all_are_delivered().await;
    assert_eq!(house.pair.one.finish_issues(NOW).await.unwrap(), 1);
    let row = house.row().await;
    let all = DeliveryCounts {
        delivered: READERS as i64,
        ..DeliveryCounts::default()
    };
    assert_eq!((row.state, row.tally), (IssueState::Sent, all));
}

#[tokio::test]
async fn who_is_no_reader_any_more_when_their_copy_is_made_gets_none() {
    let house = House::new(READERS as i64).await;
    let store = &house.pair.one;
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
    let store = &house.pair.other;
    assert!(store.cancel_issue(&house.issue.id, NOW).await.unwrap());
    house.queue_is_made().await;
    let row = house.row().await;
    let all = DeliveryCounts {
        skipped: 1_000,
        ..DeliveryCounts::default()
    };
    assert_eq!((row.recipients, row.tally), (1_000, all));
    assert!(!store.cancel_issue(&house.issue.id, NOW).await.unwrap());
}

#[tokio::test]
async fn nobody_is_reckoned_who_is_not_there() {
    for (readers, copies) in [(1, 1), (1_000, 1_000), (2_000, 1_000)] {
        let pair = Pair::with_readers(readers).await;
        let id = IssueId::new(NOW, &Random::seeded(2));
        let issue = NewIssue {
            readers: readers as i64,
            ..pair.next_issue(id, None).await
        };
        let made = pair.one.freeze(&issue, NOW).await.unwrap();
        let recipients = readers as i64;
        assert_eq!(made, FreezeOutcome::Made { recipients });
        pair.one
            .lengthen_queue(&pair.issue, FanOutBatch::Long)
            .await
            .unwrap();
        let unfinished = pair.one.pending_fan_out().await.unwrap();
        assert_eq!(
            unfinished,
            (copies < readers).then_some((id, copies as i64))
        );
        pair.one.run_fan_outs(FanOutBatch::Short).await.unwrap();
        let row = pair.one.issue_by_id(&id).await.unwrap().unwrap();
        assert_eq!((row.recipients, row.tally.queued), (recipients, recipients));
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
    assert_eq!(row.tally.queued, READERS as i64 - 1_000);
}

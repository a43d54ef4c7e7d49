//! The rows of a group commit: what became of some deliveries, and which are sent next.

use std::borrow::Cow;
use std::collections::HashSet;

use sqlx::AnyConnection;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::ids::WorkerId;
use crate::store::db::batch;
use crate::store::db::batch::SizedStatement;
use crate::store::queue::commit::{DeliveryUpdate, SendIntent};
use crate::store::{Store, StoreError};

const BIGINT: &str = "CAST($ AS BIGINT)";

// Outcomes and marks in one statement, which is a transaction by itself: one round trip to
// PostgreSQL, one turn of SQLite's thread. A row that becomes `sending` is a mark, and must
// still be leased: leaving and pausing skip what was not begun. In place of a reply it has
// the address that it would go to, which the reader may have left meanwhile. COALESCE keeps PostgreSQL,
// whose statistics know of no lease yet, from going through all that is leased.
fn record_sql(rows: usize) -> String {
    let (at, lease) = (6 * rows + 1, 6 * rows + 2);
    format!(
        "WITH v (id, state, due_at, reply, tries, lost) AS (VALUES {})
        UPDATE deliveries SET state = v.state, at = ${at},
            attempts = deliveries.attempts + v.tries,
            lost_replies = deliveries.lost_replies + v.lost,
            lease = CASE WHEN v.state = 'sending' THEN deliveries.lease END,
            due_at = CASE WHEN v.state = 'sending' THEN deliveries.due_at ELSE v.due_at END,
            reply = CASE WHEN v.state = 'sending' THEN deliveries.reply ELSE v.reply END,
            payload = CASE WHEN v.state = 'sending' OR v.due_at IS NOT NULL THEN deliveries.payload END
        FROM v WHERE deliveries.id = v.id AND COALESCE(deliveries.lease, '') = ${lease}
          AND deliveries.state = CASE WHEN v.state = 'sending' THEN 'leased' ELSE 'sending' END
          AND (v.state <> 'sending' OR v.reply = deliveries.address AND (deliveries.issue_id IS NULL
            OR deliveries.issue_id IN (SELECT id FROM issues WHERE state = 'sending')))",
        batch::value_rows(1, rows, &["$", "$", BIGINT, "$", BIGINT, BIGINT])
    )
}

fn begun_sql(rows: usize) -> String {
    format!(
        "SELECT id FROM deliveries WHERE id IN ({}) AND COALESCE(lease, '') = ${} AND state = 'sending'",
        batch::placeholders(1, rows),
        rows + 1
    )
}

static RECORD: SizedStatement = SizedStatement::new(record_sql);
static BEGUN: SizedStatement = SizedStatement::new(begun_sql);

/// What the statement changes in one delivery.
pub(crate) struct Row<'a> {
    id: &'a DeliveryId,
    state: DeliveryState,
    due_at: Option<Timestamp>,
    reply: Cow<'a, str>,
    tries: i64,
    lost: bool,
}

impl<'a> Row<'a> {
    pub fn of_outcome(settled: &'a DeliveryUpdate) -> Self {
        Self {
            id: &settled.id,
            state: settled.state,
            due_at: settled.due_at,
            reply: Cow::Borrowed(&settled.reply),
            tries: if settled.charged { 0 } else { -1 },
            lost: settled.lost_reply,
        }
    }

    pub fn of_mark(next: &'a SendIntent) -> Self {
        Self {
            id: &next.id,
            state: DeliveryState::Sending,
            due_at: None,
            reply: Cow::Owned(next.to.to_string()),
            tries: 1,
            lost: false,
        }
    }
}

impl Store {
    /// How many of `rows` were still in this worker's hands and are written.
    pub(crate) async fn write(
        &self,
        connection: &mut AnyConnection,
        worker: &WorkerId,
        rows: &[Row<'_>],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut written = 0;
        for run in rows.chunks(batch::MOST) {
            let (sql, padding) = RECORD.for_rows(self.backend, run.len());
            let mut query = sqlx::query(sql);
            for row in run {
                query = query
                    .bind(row.id.to_string())
                    .bind(row.state.as_str().to_owned())
                    .bind(row.due_at.map(Timestamp::as_millis))
                    .bind(row.reply.clone().into_owned())
                    .bind(row.tries)
                    .bind(i64::from(row.lost));
            }
            for _ in 0..padding {
                query = query.bind(None::<String>).bind(None::<String>);
                query = query.bind(None::<i64>).bind(None::<String>);
                query = query.bind(None::<i64>).bind(None::<i64>);
            }
            query = query.bind(now.as_millis()).bind(worker.to_string());
            written += query.execute(&mut *connection).await?.rows_affected();
        }
        Ok(written)
    }

    /// Those of `next` that this worker may send now.
    pub(crate) async fn begun(
        &self,
        connection: &mut AnyConnection,
        worker: &WorkerId,
        next: &[SendIntent],
    ) -> Result<HashSet<DeliveryId>, StoreError> {
        let mut begun = HashSet::with_capacity(next.len());
        for run in next.chunks(batch::MOST) {
            let (sql, padding) = BEGUN.for_rows(self.backend, run.len());
            let mut query = sqlx::query_scalar(sql);
            for next in run {
                query = query.bind(next.id.to_string());
            }
            for _ in 0..padding {
                query = query.bind(None::<String>);
            }
            query = query.bind(worker.to_string());
            let found: Vec<String> = query.fetch_all(&mut *connection).await?;
            begun.extend(found.into_iter().map(DeliveryId::from_stored));
        }
        Ok(begun)
    }
}

#[cfg(test)]
pub(crate) fn statements(backend: crate::store::db::backend::Backend) -> Vec<String> {
    [&RECORD, &BEGUN]
        .map(|statement| statement.for_rows(backend, 8).0.to_owned())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::DeliveryKind;
    use crate::domain::email_address::EmailAddress;
    use crate::domain::random::Random;
    use crate::store::{DatabaseUrl, GroupCommit, NewDelivery};

    const NOW: Timestamp = Timestamp::from_millis(1_795_500_000_000);

    fn delivered(id: &DeliveryId) -> DeliveryUpdate {
        DeliveryUpdate {
            id: id.clone(),
            state: DeliveryState::Delivered,
            due_at: None,
            reply: "250 ok".to_owned(),
            charged: true,
            lost_reply: false,
            suppress: None,
            soft_bounce: None,
        }
    }

    fn to_ada(ids: &[DeliveryId]) -> Vec<SendIntent> {
        let next = |id: &DeliveryId| SendIntent {
            id: id.clone(),
            to: EmailAddress::parse("ada@example.org").unwrap(),
        };
        ids.iter().map(next).collect()
    }

    async fn with_three_leased(folder: &std::path::Path) -> (Store, WorkerId, Vec<DeliveryId>) {
        let store = Store::connect(&DatabaseUrl::Sqlite(folder.join("test.db")))
            .await
            .unwrap();
        let worker = WorkerId::new(NOW, &Random::seeded(1));
        store.register_worker(&worker, NOW).await.unwrap();
        for id in ["a", "b", "c"] {
            let mail = NewDelivery {
                id: DeliveryId::from_stored(id.to_owned()),
                kind: DeliveryKind::Test,
                subscriber: None,
                address: EmailAddress::parse("ada@example.org").unwrap(),
                payload: Some("{}".to_owned()),
            };
            store.enqueue(&mail, NOW).await.unwrap();
        }
        let leased = store.claim_transactional(&worker, 10, NOW).await.unwrap();
        assert_eq!(leased.len(), 3);
        let mut ids: Vec<DeliveryId> = leased.into_iter().map(|job| job.id).collect();
        ids.sort();
        (store, worker, ids)
    }

    #[tokio::test]
    async fn a_commit_whose_answer_was_lost_answers_the_same_again() {
        let folder = tempfile::tempdir().unwrap();
        let (store, worker, ids) = with_three_leased(folder.path()).await;
        let first = GroupCommit {
            intents: to_ada(&ids[..2]),
            ..GroupCommit::default()
        };
        let second = GroupCommit {
            updates: vec![delivered(&ids[0])],
            intents: to_ada(&ids[2..]),
            ..GroupCommit::default()
        };
        for commit in [first, second] {
            let wanted: HashSet<DeliveryId> =
                commit.intents.iter().map(|next| next.id.clone()).collect();
            for _ in 0..2 {
                let recorded = store.record(&worker, &commit, NOW).await.unwrap();
                assert_eq!(recorded.may_send, wanted);
            }
        }
        let rows = store.deliveries(&Default::default(), None, 10).await;
        let states: Vec<_> = rows
            .unwrap()
            .iter()
            .map(|row| (row.state, row.attempts))
            .collect();
        let expected = [
            (DeliveryState::Delivered, 1),
            (DeliveryState::Sending, 1),
            (DeliveryState::Sending, 1),
        ];
        assert_eq!(states, expected);
        store.close().await;
    }

    #[tokio::test]
    async fn what_another_worker_holds_is_neither_marked_nor_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let (store, worker, ids) = with_three_leased(folder.path()).await;
        let other = WorkerId::new(NOW, &Random::seeded(2));
        let commit = GroupCommit {
            updates: vec![delivered(&ids[0])],
            intents: to_ada(&ids[1..]),
            ..GroupCommit::default()
        };
        let recorded = store.record(&other, &commit, NOW).await.unwrap();
        assert!(recorded.may_send.is_empty());
        store.release_lease(&worker, &ids[1]).await.unwrap();
        let recorded = store.record(&worker, &commit, NOW).await.unwrap();
        assert_eq!(recorded.may_send, HashSet::from([ids[2].clone()]));
        let rows = store
            .deliveries(&Default::default(), None, 10)
            .await
            .unwrap();
        let states: Vec<_> = rows.iter().map(|row| row.state).collect();
        use DeliveryState::{Leased, Queued, Sending};
        assert_eq!(states, [Leased, Queued, Sending]);
        store.close().await;
    }
}

//! The rows of a group commit: results of attempts and send intents in one statement.

use std::borrow::Cow;
use std::collections::HashSet;

use sqlx::AnyConnection;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::ids::WorkerId;
use crate::store::db::batch::{self, SizedStatement};
use crate::store::db::connect::Store;
use crate::store::deliveries::types::{DeliveryUpdate, SendIntent};
use crate::store::error::StoreError;

const BIGINT: &str = "CAST($ AS BIGINT)";

/// Returns the statement that writes `rows` rows.
///
/// One statement without an explicit transaction: one round trip to PostgreSQL, one request to
/// SQLite's thread. Rows set to `sending` must still be leased, so a prior unsubscribe or pause
/// wins; their `reply` parameter carries the expected address. `COALESCE` hides the lease
/// predicate from PostgreSQL's planner, which would choose the lease index, because its
/// statistics do not know of the leases yet.
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

fn sending_sql(rows: usize) -> String {
    format!(
        "SELECT id FROM deliveries WHERE id IN ({}) AND COALESCE(lease, '') = ${} AND state = 'sending'",
        batch::placeholders(1, rows),
        rows + 1
    )
}

static RECORD: SizedStatement = SizedStatement::new(record_sql);
static SENDING: SizedStatement = SizedStatement::new(sending_sql);

/// Changes of one delivery.
pub(crate) struct CommitRow<'a> {
    id: &'a DeliveryId,
    state: DeliveryState,
    due_at: Option<Timestamp>,
    /// The reply, or the expected address of a send intent.
    reply: Cow<'a, str>,
    /// Added to the number of attempts: 1 when an attempt starts, -1 when it does not count.
    attempts: i64,
    lost_reply: bool,
}

impl<'a> CommitRow<'a> {
    /// Creates the row that records the result of an attempt.
    pub fn from_update(update: &'a DeliveryUpdate) -> Self {
        Self {
            id: &update.id,
            state: update.state,
            due_at: update.due_at,
            reply: Cow::Borrowed(&update.reply),
            attempts: if update.charged { 0 } else { -1 },
            lost_reply: update.lost_reply,
        }
    }

    /// Creates the row that marks a delivery as being sent.
    pub fn from_intent(intent: &'a SendIntent) -> Self {
        Self {
            id: &intent.id,
            state: DeliveryState::Sending,
            due_at: None,
            reply: Cow::Owned(intent.to.to_string()),
            attempts: 1,
            lost_reply: false,
        }
    }
}

impl Store {
    /// Writes the rows whose deliveries `worker` still has leased, and returns their number.
    pub(crate) async fn write_rows(
        &self,
        connection: &mut AnyConnection,
        worker: &WorkerId,
        rows: &[CommitRow<'_>],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut written = 0;
        for chunk in rows.chunks(batch::MAX_ROWS) {
            let (sql, surplus) = RECORD.for_rows(self.backend, chunk.len());
            let mut query = sqlx::query(sql);
            for row in chunk {
                query = query
                    .bind(row.id)
                    .bind(row.state)
                    .bind(row.due_at)
                    .bind(row.reply.as_ref())
                    .bind(row.attempts)
                    .bind(i64::from(row.lost_reply));
            }
            for _ in 0..surplus {
                query = query.bind(None::<String>).bind(None::<String>);
                query = query.bind(None::<i64>).bind(None::<String>);
                query = query.bind(None::<i64>).bind(None::<i64>);
            }
            let query = query.bind(now).bind(worker);
            written += query.execute(&mut *connection).await?.rows_affected();
        }
        Ok(written)
    }

    /// Returns the deliveries of `intents` that `worker` may send now.
    pub(crate) async fn sending(
        &self,
        connection: &mut AnyConnection,
        worker: &WorkerId,
        intents: &[SendIntent],
    ) -> Result<HashSet<DeliveryId>, StoreError> {
        let mut sending = HashSet::with_capacity(intents.len());
        for chunk in intents.chunks(batch::MAX_ROWS) {
            let (sql, surplus) = SENDING.for_rows(self.backend, chunk.len());
            let mut query = sqlx::query_scalar(sql);
            for intent in chunk {
                query = query.bind(&intent.id);
            }
            for _ in 0..surplus {
                query = query.bind(None::<String>);
            }
            let found: Vec<DeliveryId> = query.bind(worker).fetch_all(&mut *connection).await?;
            sending.extend(found);
        }
        Ok(sending)
    }
}

#[cfg(test)]
pub(crate) fn statements(backend: crate::store::db::backend::Backend) -> Vec<String> {
    [&RECORD, &SENDING]
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

    fn intents(ids: &[DeliveryId]) -> Vec<SendIntent> {
        let intent = |id: &DeliveryId| SendIntent {
            id: id.clone(),
            to: EmailAddress::parse("ada@example.org").unwrap(),
        };
        ids.iter().map(intent).collect()
    }

    async fn store_with_three_leased(
        folder: &std::path::Path,
    ) -> (Store, WorkerId, Vec<DeliveryId>) {
        let store = Store::connect(&DatabaseUrl::Sqlite(folder.join("test.db")))
            .await
            .unwrap();
        let worker = WorkerId::new(NOW, &Random::seeded(1));
        store.register_worker(&worker, NOW).await.unwrap();
        for id in ["a", "b", "c"] {
            let delivery = NewDelivery {
                id: DeliveryId::from_stored(id.to_owned()),
                kind: DeliveryKind::Test,
                subscriber: None,
                address: EmailAddress::parse("ada@example.org").unwrap(),
                payload: Some("{}".to_owned()),
            };
            store.enqueue(&delivery, NOW).await.unwrap();
        }
        let claimed = store.claim_transactional(&worker, 10, NOW).await.unwrap();
        assert_eq!(claimed.len(), 3);
        let mut ids: Vec<DeliveryId> = claimed.into_iter().map(|it| it.id).collect();
        ids.sort();
        (store, worker, ids)
    }

    #[tokio::test]
    async fn repeated_commit_returns_same_result() {
        let folder = tempfile::tempdir().unwrap();
        let (store, worker, ids) = store_with_three_leased(folder.path()).await;
        let first = GroupCommit {
            intents: intents(&ids[..2]),
            ..GroupCommit::default()
        };
        let second = GroupCommit {
            updates: vec![delivered(&ids[0])],
            intents: intents(&ids[2..]),
            ..GroupCommit::default()
        };

        for commit in [first, second] {
            let expected: HashSet<DeliveryId> =
                commit.intents.iter().map(|it| it.id.clone()).collect();
            for _ in 0..2 {
                let result = store.record(&worker, &commit, NOW).await.unwrap();
                assert_eq!(result.may_send, expected);
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
    async fn commit_without_lease_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (store, worker, ids) = store_with_three_leased(folder.path()).await;
        let other_worker = WorkerId::new(NOW, &Random::seeded(2));
        let commit = GroupCommit {
            updates: vec![delivered(&ids[0])],
            intents: intents(&ids[1..]),
            ..GroupCommit::default()
        };

        let result = store.record(&other_worker, &commit, NOW).await.unwrap();
        assert!(result.may_send.is_empty());

        store.release_lease(&worker, &ids[1]).await.unwrap();
        let result = store.record(&worker, &commit, NOW).await.unwrap();
        assert_eq!(result.may_send, HashSet::from([ids[2].clone()]));

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

//! Enqueues transactional deliveries and moves due times.

use std::slice;

use crate::domain::clock::Timestamp;
use crate::domain::issue::IssueId;
use crate::store::db::batch::{self, SizedStatement};
use crate::store::db::connect::Store;
use crate::store::db::transaction::WriteTx;
use crate::store::deliveries::types::NewDelivery;
use crate::store::error::StoreError;

fn insert_sql(rows: usize) -> String {
    format!(
        "WITH v (id, kind, subscriber_id, address, payload) AS (VALUES {0})
        INSERT INTO deliveries
            (id, kind, subscriber_id, address, state, due_at, attempts, lost_replies, payload, queued_at, at)
        SELECT id, kind, subscriber_id, address, 'queued', ${1}, 0, 0, payload, ${2}, ${3}
        FROM v WHERE id IS NOT NULL",
        batch::value_rows(1, rows, &["$"; 5]),
        5 * rows + 1,
        5 * rows + 2,
        5 * rows + 3
    )
}

static INSERT: SizedStatement = SizedStatement::new(insert_sql);

const MAKE_DEFERRED_DUE: &str = "UPDATE deliveries SET due_at = $2
    WHERE issue_id = $1 AND settled_state = 'deferred' AND due_at > $2";
const CAP_DUE_AT: [&str; 2] = [
    "UPDATE deliveries SET due_at = $1
    WHERE issue_id IN (SELECT id FROM issues WHERE state = 'sending')
      AND due_at > $2 AND state IN ('queued', 'deferred')",
    "UPDATE deliveries SET due_at = $1
    WHERE issue_id IS NULL AND due_at > $2 AND state IN ('queued', 'deferred')",
];

// The deliveries of issues from the stored counts; those without an issue are few.
pub(crate) const COUNT_REMAINING: &str = "SELECT CAST(COALESCE((SELECT SUM(recipients) FROM issues), 0)
    - COALESCE((SELECT SUM(delivered + bounced + skipped + in_doubt) FROM issue_counts), 0)
    + (SELECT COUNT(*) FROM deliveries WHERE issue_id IS NULL AND due_at IS NOT NULL) AS BIGINT) AS n";

/// Inserts transactional deliveries, due at `now`.
pub(crate) async fn insert(
    tx: &mut WriteTx,
    deliveries: &[NewDelivery],
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in deliveries.chunks(batch::MAX_ROWS) {
        let (sql, surplus) = INSERT.for_rows(tx.backend, chunk.len());
        let mut query = sqlx::query(sql);
        for delivery in chunk {
            query = query
                .bind(&delivery.id)
                .bind(delivery.kind)
                .bind(delivery.subscriber)
                .bind(&delivery.address)
                .bind(delivery.payload.as_deref());
        }
        query = batch::bind_nulls(query, 5 * surplus);
        let query = query.bind(now).bind(now).bind(now);
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

impl Store {
    /// Enqueues one transactional delivery.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, for example because the id exists.
    pub async fn enqueue(&self, delivery: &NewDelivery, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        insert(&mut tx, slice::from_ref(delivery), now).await?;
        tx.commit().await
    }

    /// Returns the number of deliveries of all kinds that are not in a final state.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn remaining_deliveries(&self) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar(COUNT_REMAINING);
        Ok(query.fetch_one(&self.pool).await?)
    }

    /// Makes deliveries due now whose due time is after `latest`: a worker whose clock was ahead
    /// stored those times.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn cap_due_at(&self, latest: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        for statement in CAP_DUE_AT {
            let update = sqlx::query(statement).bind(now).bind(latest);
            update.execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// Makes the deferred deliveries of an issue due now and returns their number.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn retry_deferred_now(
        &self,
        issue: &IssueId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.execute_write(MAKE_DEFERRED_DUE, |update| update.bind(issue).bind(now))
            .await
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    MAKE_DEFERRED_DUE,
    CAP_DUE_AT[0],
    CAP_DUE_AT[1],
    COUNT_REMAINING,
];

#[cfg(test)]
pub(crate) fn statements(backend: crate::store::db::backend::Backend) -> Vec<String> {
    vec![INSERT.for_rows(backend, 8).0.to_owned()]
}

//! Delivery counts per issue, maintained by database triggers in the transaction that changes a
//! delivery. Recipients that are not in any count are queued, leased or being sent.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::issue::{DeliveryCounts, IssueId};
use crate::store::db::connect::Store;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::error::StoreError;

const INSERT: &str =
    "INSERT INTO issue_counts (issue_id, delivered, bounced, skipped, in_doubt, deferred)
    VALUES ($1, $2, $3, $4, $5, $6)";
const DELETE_PARTS: &str = "DELETE FROM issue_counts WHERE issue_id IN
        (SELECT issue_id FROM issue_counts GROUP BY issue_id HAVING COUNT(*) > 1)
    RETURNING issue_id, delivered, bounced, skipped, in_doubt, deferred";

impl Store {
    /// Merges the count rows of each issue into one.
    ///
    /// On PostgreSQL the triggers append rows, because concurrent workers must not wait for the
    /// lock of a shared row.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored id cannot be parsed.
    pub async fn compact_counts(&self) -> Result<(), StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let mut counts: HashMap<IssueId, DeliveryCounts> = HashMap::new();
            {
                let mut parts = sqlx::query(DELETE_PARTS).fetch(&mut *tx);
                while let Some(part) = parts.try_next().await? {
                    let sum = counts.entry(part.try_get("issue_id")?).or_default();
                    sum.add(&settled_counts(&part)?);
                }
            }
            for (issue, sum) in counts {
                insert(&mut tx, &issue, &sum).await?;
            }
            tx.commit().await
        })
        .await
    }
}

/// Inserts the counts of an issue, to which the triggers add from then on.
pub(crate) async fn insert(
    tx: &mut WriteTx,
    issue: &IssueId,
    counts: &DeliveryCounts,
) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(issue)
        .bind(counts.delivered)
        .bind(counts.bounced)
        .bind(counts.skipped)
        .bind(counts.in_doubt)
        .bind(counts.deferred)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Reads the counts of an issue; `queued` are the recipients that are not in any stored count.
pub(crate) fn from_row(row: &AnyRow, recipients: i64) -> Result<DeliveryCounts, sqlx::Error> {
    let settled = settled_counts(row)?;
    Ok(DeliveryCounts {
        queued: recipients - settled.recipients(),
        ..settled
    })
}

fn settled_counts(row: &AnyRow) -> Result<DeliveryCounts, sqlx::Error> {
    Ok(DeliveryCounts {
        queued: 0,
        deferred: row.try_get("deferred")?,
        delivered: row.try_get("delivered")?,
        bounced: row.try_get("bounced")?,
        skipped: row.try_get("skipped")?,
        in_doubt: row.try_get("in_doubt")?,
    })
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[INSERT, DELETE_PARTS];

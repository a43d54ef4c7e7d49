//! How the recipients of an issue are accounted for. Nobody counts the copies: triggers
//! of the database keep the sums whenever a copy changes its state, in the same transaction,
//! whoever changes it. What no sum holds is queued or on its way.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::clock::Timestamp;
use crate::domain::issue::{DeliveryCounts, IssueId};
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::issues::freeze::RECIPIENTS_LOCK;
use crate::store::{IssueRow, Store, StoreError};

/// One look at an issue.
#[derive(Clone, Debug)]
pub struct IssueProgress {
    pub issue: IssueRow,
    /// When the first of what is to go falls due, or fell due.
    pub first_due: Option<Timestamp>,
}

const BEGIN: &str =
    "INSERT INTO issue_counts (issue_id, delivered, bounced, skipped, in_doubt, deferred)
    VALUES ($1, $2, $3, $4, $5, $6)";
const TAKE_PARTS: &str = "DELETE FROM issue_counts WHERE issue_id IN
        (SELECT issue_id FROM issue_counts GROUP BY issue_id HAVING COUNT(*) > 1)
    RETURNING issue_id, delivered, bounced, skipped, in_doubt, deferred";
const FIRST_DUE: &str = "SELECT CAST(MIN(due_at) AS BIGINT) AS due_at FROM deliveries
    WHERE issue_id = $1 AND due_at IS NOT NULL";
const REOPEN: &str =
    "UPDATE issues SET state = CASE WHEN state = 'sent' THEN 'sending' ELSE state END,
    finished_at = NULL, last_reply_at = $2
    WHERE id = $1 AND state <> 'cancelled'";
// Two readers who became one have two copies of what both were sent; only their own goes
// out once more, and only if neither arrived.
const QUEUE_ANEW: &str = "UPDATE deliveries SET state = 'queued', due_at = 0, reply = NULL, attempts = 0, lost_replies = 0,
    queued_at = $2, at = $2,
    address = (SELECT s.address FROM subscribers s WHERE s.id = deliveries.subscriber_id)
    WHERE issue_id = $1 AND settled_state IN ('bounced', 'in_doubt')
      AND id = issue_id || ':' || subscriber_id
      AND subscriber_id IN (SELECT id FROM subscribers WHERE state = 'confirmed'
        AND (paused_until IS NULL OR paused_until <= $2))
      AND NOT EXISTS (SELECT 1 FROM deliveries other WHERE other.subscriber_id = deliveries.subscriber_id
        AND other.issue_id = $1 AND other.state = 'delivered')";

impl Store {
    /// An issue as it stands, for those who watch it being sent.
    pub async fn issue_progress(
        &self,
        issue: &IssueId,
    ) -> Result<Option<IssueProgress>, StoreError> {
        let first_due: Option<i64> = sqlx::query_scalar(FIRST_DUE)
            .bind(issue.to_string())
            .fetch_one(&self.pool)
            .await?;
        let row = self.issue_by_id(issue).await?;
        Ok(row.map(|issue| IssueProgress {
            issue,
            first_due: first_due.map(Timestamp::from_millis),
        }))
    }

    /// Queues an issue anew for those who bounced or are in doubt and still want it.
    /// Returns how many; the issue is sending again if there are any. One that was
    /// cancelled stays so.
    pub async fn requeue_failed(&self, issue: &IssueId, now: Timestamp) -> Result<u64, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            // Who leaves at this moment would not find their copy, and get it.
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            let mut changed = 0;
            for statement in [REOPEN, QUEUE_ANEW] {
                let update = sqlx::query(statement)
                    .bind(issue.to_string())
                    .bind(now.as_millis());
                changed = update.execute(&mut *tx).await?.rows_affected();
                if changed == 0 {
                    return Ok(0);
                }
            }
            tx.commit().await?;
            Ok(changed)
        })
        .await
    }

    /// Makes one row of the many that PostgreSQL writes, where writers must not wait for
    /// each other. The sums stay the same.
    pub async fn compact_counts(&self) -> Result<(), StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let mut sums: HashMap<String, DeliveryCounts> = HashMap::new();
            {
                let mut parts = sqlx::query(TAKE_PARTS).fetch(&mut *tx);
                while let Some(part) = parts.try_next().await? {
                    let sum = sums.entry(part.try_get("issue_id")?).or_default();
                    sum.add(&counted(&part)?);
                }
            }
            for (issue, sum) in sums {
                begin(&mut tx, &issue, &sum).await?;
            }
            tx.commit().await
        })
        .await
    }
}

/// From here on the issue's copies are counted, beginning with these.
pub(crate) async fn begin(
    tx: &mut WriteTx,
    issue: &str,
    sum: &DeliveryCounts,
) -> Result<(), StoreError> {
    sqlx::query(BEGIN)
        .bind(issue.to_owned())
        .bind(sum.delivered)
        .bind(sum.bounced)
        .bind(sum.skipped)
        .bind(sum.in_doubt)
        .bind(sum.deferred)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Of all `recipients`; who is in none of the sums is queued.
pub(crate) fn tally(row: &AnyRow, recipients: i64) -> Result<DeliveryCounts, StoreError> {
    let counted = counted(row)?;
    Ok(DeliveryCounts {
        queued: recipients - counted.recipients(),
        ..counted
    })
}

fn counted(row: &AnyRow) -> Result<DeliveryCounts, StoreError> {
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
pub(crate) const STATEMENTS: &[&str] = &[BEGIN, TAKE_PARTS, FIRST_DUE, REOPEN, QUEUE_ANEW];

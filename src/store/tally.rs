//! How the recipients of an issue are accounted for. While an issue is sent that is
//! counted; once nothing is to go it is written down, so that nobody counts it again.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::freeze::LINE_UP;
use super::transaction::again;
use super::{IssueRow, Store, StoreError, decode};
use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryState;
use crate::domain::issue::{IssueId, Tally};

/// One look at an issue.
#[derive(Clone, Debug)]
pub struct Sight {
    pub issue: IssueRow,
    pub tally: Tally,
    /// When the first of what is to go falls due, or fell due.
    pub first_due: Option<Timestamp>,
}

const WRITTEN: &str =
    "SELECT delivered, bounced, skipped, in_doubt, changes, finished_at FROM issues WHERE id = $1";
// What rests is counted in the index by state, and what is on its way among the leases.
const COUNT: &str = "SELECT rests AS state, CAST(COUNT(*) AS BIGINT) AS n FROM deliveries
        WHERE issue_id = $1 AND rests IS NOT NULL GROUP BY rests
    UNION ALL SELECT 'sending', CAST(COUNT(*) AS BIGINT) FROM deliveries
        WHERE issue_id = $1 AND lease IS NOT NULL AND rests IS NULL";
// What changed since it was counted is counted again by whoever looks next.
const WRITE_DOWN: &str =
    "UPDATE issues SET delivered = $3, bounced = $4, skipped = $5, in_doubt = $6
    WHERE id = $1 AND changes = $2 AND finished_at IS NOT NULL";
const FIRST_DUE: &str = "SELECT CAST(MIN(due_at) AS BIGINT) AS due_at FROM deliveries
    WHERE issue_id = $1 AND due_at IS NOT NULL";
const REOPEN: &str = "UPDATE issues SET state = CASE WHEN state = 'sent' THEN 'sending' ELSE state END,
    finished_at = NULL, delivered = NULL, bounced = NULL, skipped = NULL, in_doubt = NULL, changes = changes + 1,
    answered_at = $2
    WHERE id = $1 AND state <> 'cancelled'";
// Two readers who became one have two copies of what both were sent; only their own goes
// out once more, and only if neither arrived.
const QUEUE_ANEW: &str = "UPDATE deliveries SET state = 'queued', due_at = 0, reply = NULL, attempts = 0, lost_replies = 0,
    queued_at = $2, at = $2,
    address = (SELECT s.address FROM subscribers s WHERE s.id = deliveries.subscriber_id)
    WHERE issue_id = $1 AND rests IN ('bounced', 'in_doubt')
      AND id = issue_id || ':' || subscriber_id
      AND subscriber_id IN (SELECT id FROM subscribers WHERE state = 'confirmed'
        AND (paused_until IS NULL OR paused_until <= $2))
      AND NOT EXISTS (SELECT 1 FROM deliveries other WHERE other.subscriber_id = deliveries.subscriber_id
        AND other.issue_id = $1 AND other.state = 'delivered')";

impl Store {
    /// How the recipients of an issue are accounted for at this moment.
    pub async fn tally(&self, issue: &IssueId) -> Result<Tally, StoreError> {
        let row = sqlx::query(WRITTEN)
            .bind(issue.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else {
            return Ok(Tally::default());
        };
        if let Some(written) = written_tally(&row)? {
            return Ok(written);
        }
        let tally = self.count(issue).await?;
        let is_finished = row.try_get::<Option<i64>, _>("finished_at")?.is_some();
        if is_finished && tally.to_go() == 0 {
            self.write_down(issue, row.try_get("changes")?, &tally)
                .await?;
        }
        Ok(tally)
    }

    /// An issue as it stands, for those who watch it being sent.
    pub async fn sight(&self, issue: &IssueId) -> Result<Option<Sight>, StoreError> {
        // Counted first: a row that says "sent" then never stands beside an older count.
        let tally = self.tally(issue).await?;
        let first_due: Option<i64> = sqlx::query_scalar(FIRST_DUE)
            .bind(issue.to_string())
            .fetch_one(&self.pool)
            .await?;
        let row = self.issue_by_id(issue).await?;
        Ok(row.map(|issue| Sight {
            tally: issue.tally.unwrap_or(tally),
            issue,
            first_due: first_due.map(Timestamp::from_millis),
        }))
    }

    /// Queues an issue anew for those who bounced or are in doubt and still want it.
    /// Returns how many; the issue is sending again if there are any. One that was
    /// cancelled stays so.
    pub async fn send_again(&self, issue: &IssueId, now: Timestamp) -> Result<u64, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            // Who leaves at this moment would not find their copy, and get it.
            sqlx::query(LINE_UP).execute(&mut *tx).await?;
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

    async fn count(&self, issue: &IssueId) -> Result<Tally, StoreError> {
        use DeliveryState::{
            Bounced, Deferred, Delivered, InDoubt, Leased, Queued, Sending, Skipped,
        };
        let mut tally = Tally::default();
        for row in sqlx::query(COUNT)
            .bind(issue.to_string())
            .fetch_all(&self.pool)
            .await?
        {
            let count: i64 = row.try_get("n")?;
            let state = row.try_get("state")?;
            match decode("delivery state", state, DeliveryState::parse)? {
                Queued | Leased | Sending => tally.queued += count,
                Deferred => tally.deferred += count,
                Delivered => tally.delivered += count,
                Bounced => tally.bounced += count,
                Skipped => tally.skipped += count,
                InDoubt => tally.in_doubt += count,
            }
        }
        Ok(tally)
    }

    async fn write_down(
        &self,
        issue: &IssueId,
        changes: i64,
        tally: &Tally,
    ) -> Result<(), StoreError> {
        let update = sqlx::query(WRITE_DOWN)
            .bind(issue.to_string())
            .bind(changes)
            .bind(tally.delivered)
            .bind(tally.bounced)
            .bind(tally.skipped)
            .bind(tally.in_doubt);
        update.execute(&self.pool).await?;
        Ok(())
    }
}

/// The tally as it was written down, if it was.
pub(super) fn written_tally(row: &AnyRow) -> Result<Option<Tally>, StoreError> {
    let Some(delivered) = row.try_get("delivered")? else {
        return Ok(None);
    };
    let count = |name: &str| {
        row.try_get::<Option<i64>, _>(name)
            .map(Option::unwrap_or_default)
    };
    Ok(Some(Tally {
        delivered,
        bounced: count("bounced")?,
        skipped: count("skipped")?,
        in_doubt: count("in_doubt")?,
        queued: 0,
        deferred: 0,
    }))
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[WRITTEN, COUNT, WRITE_DOWN, FIRST_DUE, REOPEN, QUEUE_ANEW];

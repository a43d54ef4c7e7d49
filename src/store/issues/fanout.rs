//! Fan-out: inserts one delivery per subscriber of an issue.
//!
//! Runs in batches, each in its own transaction, so that sign-ups and unsubscribes do not wait
//! for a million rows.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::domain::clock::Timestamp;
use crate::domain::issue::IssueId;
use crate::store::db::connect::Store;
use crate::store::db::locks::{RECIPIENTS_LOCK, SUPPRESSION_LOCK};
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::error::StoreError;

/// Number of deliveries that one transaction of a fan-out inserts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanOutBatch {
    /// 1,000 deliveries, a few milliseconds during which other writers wait.
    Small,
    /// 50,000 deliveries, for a process without concurrent writers.
    Large,
}

impl FanOutBatch {
    const fn max_deliveries(self) -> i64 {
        match self {
            Self::Small => 1_000,
            Self::Large => 50_000,
        }
    }
}

// The recipients with ids after the cursor $3, up to $4. Ids are ordered by sign-up: subscribers
// who sign up after the freeze have ids greater than the last one.
macro_rules! from_recipients_sql {
    () => {
        "FROM subscribers WHERE state = 'confirmed' AND (paused_until IS NULL OR paused_until <= $2)
            AND id > $3 AND id <= $4"
    };
}

const LAST_RECIPIENT: &str = "SELECT MAX(id) FROM subscribers WHERE state = 'confirmed'";
const NEXT_CURSOR: &str = concat!(
    "SELECT MAX(id) AS cursor_id, CAST(COUNT(*) AS BIGINT) AS n FROM (SELECT id ",
    from_recipients_sql!(),
    " ORDER BY id LIMIT $1) AS batch"
);

// New deliveries get a due time in 1970 that encodes their queue position, so they are due
// regardless of clock skew. Ordered by id, which interleaves recipient domains and so avoids
// bursts to one server; deliveries inserted together are then adjacent in every index.
const INSERT_DELIVERIES: &str = concat!(
    "INSERT INTO deliveries
        (id, kind, issue_id, subscriber_id, address, state, due_at, attempts, lost_replies, queued_at, at)
    SELECT CAST($1 AS TEXT) || ':' || id, 'issue', $1, id, address, 'queued', $5 + ROW_NUMBER() OVER (ORDER BY id),
        0, 0, $2, $2 ",
    from_recipients_sql!()
);

// Subscribers who were suppressed while the deliveries were inserted. The time limit keeps the
// statement cheap and is wide because the clocks of the processes may differ.
const DELETE_SUPPRESSED: &str =
    "DELETE FROM deliveries WHERE id IN (SELECT CAST($1 AS TEXT) || ':' || id
    FROM subscribers WHERE state = 'suppressed' AND state_at >= $2 AND id > $3 AND id <= $4)";

/// Maximum difference assumed between the clocks of two processes.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(24 * 60 * 60);

const START: &str =
    "INSERT INTO issue_fan_outs (issue_id, cursor_id, last_id, enqueued) VALUES ($1, $2, $3, $4)";
// Takes the row lock, so that processes that run the same fan-out insert one batch at a time.
const LOCK: &str = "UPDATE issue_fan_outs SET enqueued = enqueued WHERE issue_id = $1
    RETURNING issue_id, cursor_id, last_id, enqueued, (SELECT frozen_at FROM issues WHERE id = $1) AS frozen_at";
// Reopens an issue that a worker of an older version marked as sent during fan-out. Lock order:
// issue, then suppression lock.
const REOPEN: &str =
    "UPDATE issues SET state = CASE WHEN state = 'sent' THEN 'sending' ELSE state END,
        finished_at = CASE WHEN state = 'sent' THEN NULL ELSE finished_at END
    WHERE id = $1";
const SAVE_CURSOR: &str =
    "UPDATE issue_fan_outs SET cursor_id = $2, enqueued = $3 WHERE issue_id = $1";
const FINISH: &str = "DELETE FROM issue_fan_outs WHERE issue_id = $1 RETURNING enqueued";
const PENDING: &str = "SELECT issue_id, enqueued FROM issue_fan_outs LIMIT 1";
const SET_RECIPIENTS: &str = "UPDATE issues SET recipients = $2 WHERE id = $1";
// During fan-out the stored recipient count is at least one too high, so that no completion check
// by counts can succeed early.
const RAISE_RECIPIENTS: &str =
    "UPDATE issues SET recipients = $2 WHERE id = $1 AND recipients < $2";

/// Progress of a fan-out.
#[derive(Debug)]
struct FanOut {
    issue: IssueId,
    frozen_at: Timestamp,
    /// Id of the last subscriber that was processed; empty at the start.
    cursor: String,
    /// Id of the last recipient.
    last: String,
    /// Number of deliveries that were inserted.
    enqueued: i64,
}

impl FromRow<'_, AnyRow> for FanOut {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            issue: row.try_get("issue_id")?,
            frozen_at: row.try_get("frozen_at")?,
            cursor: row.try_get("cursor_id")?,
            last: row.try_get("last_id")?,
            enqueued: row.try_get("enqueued")?,
        })
    }
}

impl FanOut {
    /// Inserts the next batch of deliveries. Returns true if it was the last one.
    async fn insert_next(
        &mut self,
        tx: &mut WriteTx,
        batch: FanOutBatch,
    ) -> Result<bool, StoreError> {
        let next = sqlx::query(NEXT_CURSOR)
            .bind(batch.max_deliveries())
            .bind(self.frozen_at)
            .bind(&self.cursor)
            .bind(&self.last)
            .fetch_one(&mut **tx)
            .await?;
        let recipients: i64 = next.try_get("n")?;
        let Some(cursor) = next.try_get::<Option<String>, _>("cursor_id")? else {
            return Ok(true);
        };
        let inserted = sqlx::query(INSERT_DELIVERIES)
            .bind(self.issue)
            .bind(self.frozen_at)
            .bind(&self.cursor)
            .bind(&cursor)
            .bind(self.enqueued)
            .execute(&mut **tx)
            .await?;
        // A suppression that takes the lock later sees these deliveries and skips them.
        sqlx::query(SUPPRESSION_LOCK).execute(&mut **tx).await?;
        let deleted = sqlx::query(DELETE_SUPPRESSED)
            .bind(self.issue)
            .bind(self.frozen_at.minus(MAX_CLOCK_SKEW))
            .bind(&self.cursor)
            .bind(&cursor)
            .execute(&mut **tx)
            .await?;
        self.enqueued +=
            inserted.rows_affected().cast_signed() - deleted.rows_affected().cast_signed();
        self.cursor = cursor;
        Ok(recipients < batch.max_deliveries() || self.cursor == self.last)
    }
}

impl Store {
    /// Inserts the next batch of an issue's deliveries. Returns false if none remain.
    pub(crate) async fn run_fan_out_batch(
        &self,
        issue: &IssueId,
        batch: FanOutBatch,
    ) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            let lock = sqlx::query_as(LOCK).bind(issue);
            let fan_out: Option<FanOut> = lock.fetch_optional(&mut *tx).await?;
            let Some(mut fan_out) = fan_out else {
                return Ok(false);
            };
            let reopen = sqlx::query(REOPEN).bind(issue);
            reopen.execute(&mut *tx).await?;
            let is_complete = fan_out.insert_next(&mut tx, batch).await?;
            if is_complete {
                let finish = sqlx::query(FINISH).bind(issue);
                finish.execute(&mut *tx).await?;
                set_recipients(&mut tx, SET_RECIPIENTS, issue, fan_out.enqueued).await?;
            } else {
                let save = sqlx::query(SAVE_CURSOR)
                    .bind(issue)
                    .bind(fan_out.cursor)
                    .bind(fan_out.enqueued);
                save.execute(&mut *tx).await?;
                set_recipients(&mut tx, RAISE_RECIPIENTS, issue, fan_out.enqueued + 1).await?;
            }
            fail_point!("fan-out-batch");
            tx.commit().await?;
            Ok(!is_complete)
        })
        .await
    }

    /// Completes all pending fan-outs. Several processes may run this concurrently.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored id cannot be parsed.
    pub async fn run_fan_outs(&self, batch: FanOutBatch) -> Result<(), StoreError> {
        while let Some((issue, _)) = self.pending_fan_out().await? {
            self.run_fan_out_batch(&issue, batch).await?;
        }
        Ok(())
    }

    /// Returns an issue whose fan-out is not complete, and the number of its deliveries.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if a
    /// stored id cannot be parsed.
    pub async fn pending_fan_out(&self) -> Result<Option<(IssueId, i64)>, StoreError> {
        let query = sqlx::query(PENDING);
        let row = query.fetch_optional(&self.pool).await?;
        row.map(|row| Ok((row.try_get("issue_id")?, row.try_get("enqueued")?)))
            .transpose()
    }
}

/// Inserts the first deliveries of an issue and returns its number of recipients: the exact number
/// if the fan-out is complete, otherwise `estimated_recipients` or one more than was inserted.
///
/// Returns 0 if there are no recipients.
pub(crate) async fn start(
    tx: &mut WriteTx,
    issue: &IssueId,
    estimated_recipients: i64,
    frozen_at: Timestamp,
) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(LAST_RECIPIENT);
    let last: Option<String> = query.fetch_one(&mut **tx).await?;
    let mut fan_out = FanOut {
        issue: *issue,
        frozen_at,
        cursor: String::new(),
        last: last.unwrap_or_default(),
        enqueued: 0,
    };
    let mut is_complete = false;
    while !is_complete && fan_out.enqueued == 0 {
        is_complete = fan_out.insert_next(tx, FanOutBatch::Small).await?;
    }
    let mut recipients = fan_out.enqueued;
    if !is_complete {
        recipients = estimated_recipients.max(recipients + 1);
        sqlx::query(START)
            .bind(issue)
            .bind(fan_out.cursor)
            .bind(fan_out.last)
            .bind(fan_out.enqueued)
            .execute(&mut **tx)
            .await?;
    }
    set_recipients(tx, SET_RECIPIENTS, issue, recipients).await?;
    Ok(recipients)
}

/// Stops the fan-out of an issue; its recipients are the deliveries that were inserted.
pub(crate) async fn stop(tx: &mut WriteTx, issue: &IssueId) -> Result<(), StoreError> {
    let finish = sqlx::query_scalar(FINISH).bind(issue);
    if let Some(enqueued) = finish.fetch_optional(&mut **tx).await? {
        set_recipients(tx, SET_RECIPIENTS, issue, enqueued).await?;
    }
    Ok(())
}

async fn set_recipients(
    tx: &mut WriteTx,
    statement: &'static str,
    issue: &IssueId,
    recipients: i64,
) -> Result<(), StoreError> {
    let update = sqlx::query(statement).bind(issue).bind(recipients);
    update.execute(&mut **tx).await?;
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    LAST_RECIPIENT,
    NEXT_CURSOR,
    INSERT_DELIVERIES,
    DELETE_SUPPRESSED,
    START,
    LOCK,
    REOPEN,
    SAVE_CURSOR,
    FINISH,
    PENDING,
    SET_RECIPIENTS,
    RAISE_RECIPIENTS,
];

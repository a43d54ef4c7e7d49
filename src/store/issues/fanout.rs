//! The queue of an issue: a copy for every reader. It is made some at a time, and between
//! two others write: who signs up or leaves does not wait for a million copies.

use std::time::Duration;

use fail::fail_point;
use sqlx::Row;

use crate::domain::clock::Timestamp;
use crate::domain::issue::IssueId;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::issues::freeze::RECIPIENTS_LOCK;
use crate::store::subscribers::suppression;
use crate::store::{Store, StoreError, decode};

/// How many copies are made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanOutBatch {
    /// A few milliseconds of writing: others write in between.
    Small,
    /// Where nobody else is at work.
    Large,
}

impl FanOutBatch {
    const fn copies(self) -> i64 {
        match self {
            Self::Small => 1_000,
            Self::Large => 50_000,
        }
    }
}

// Whoever is to have a copy, by when they became a reader. Those who come after the freeze
// stand behind the last one.
macro_rules! readers {
    () => {
        "FROM subscribers WHERE state = 'confirmed' AND (paused_until IS NULL OR paused_until <= $2)
            AND id > $3 AND id <= $4"
    };
}

const LAST_READER: &str = "SELECT MAX(id) FROM subscribers WHERE state = 'confirmed'";
const NEXT_READERS: &str = concat!(
    "SELECT MAX(id) AS cursor_id, CAST(COUNT(*) AS BIGINT) AS readers FROM (SELECT id ",
    readers!(),
    " ORDER BY id LIMIT $1) AS following"
);

// What was never tried is due whatever a clock says: at a moment of 1970 of its own, which is
// its place in the queue. That is the order of ids: it mixes the domains, whose servers do not
// like to get all of theirs at once, and the copies that are written together then stand
// together in every index.
const ENQUEUE: &str = concat!(
    "INSERT INTO deliveries
        (id, kind, issue_id, subscriber_id, address, state, due_at, attempts, lost_replies, queued_at, at)
    SELECT CAST($1 AS TEXT) || ':' || id, 'issue', $1, id, address, 'queued', $5 + ROW_NUMBER() OVER (ORDER BY id),
        0, 0, $2, $2 ",
    readers!()
);

// Whoever was suppressed while these copies were made. Their clock may be apart from ours;
// those of a whole day are few.
const LEAVE_OUT: &str = "DELETE FROM deliveries WHERE id IN (SELECT CAST($1 AS TEXT) || ':' || id
    FROM subscribers WHERE state = 'suppressed' AND state_at >= $2 AND id > $3 AND id <= $4)";
const CLOCKS_APART: Duration = Duration::from_secs(24 * 60 * 60);

const BEGIN: &str =
    "INSERT INTO issue_fan_outs (issue_id, cursor_id, last_id, enqueued) VALUES ($1, $2, $3, $4)";
// Held until the end: of two who make the same queue one waits for the other.
const HOLD: &str = "UPDATE issue_fan_outs SET enqueued = enqueued WHERE issue_id = $1
    RETURNING cursor_id, last_id, enqueued, (SELECT frozen_at FROM issues WHERE id = $1) AS frozen_at";
// A process of an older version knows nothing of this, and may have called the issue sent.
// And the issue comes before where suppressions meet, as in every commit of outcomes.
const REOPEN: &str =
    "UPDATE issues SET state = CASE WHEN state = 'sent' THEN 'sending' ELSE state END,
        finished_at = CASE WHEN state = 'sent' THEN NULL ELSE finished_at END
    WHERE id = $1";
const REACHED: &str = "UPDATE issue_fan_outs SET cursor_id = $2, enqueued = $3 WHERE issue_id = $1";
const END: &str = "DELETE FROM issue_fan_outs WHERE issue_id = $1 RETURNING enqueued";
const IN_THE_MAKING: &str = "SELECT issue_id, enqueued FROM issue_fan_outs LIMIT 1";
const ALL_RECIPIENTS: &str = "UPDATE issues SET recipients = $2 WHERE id = $1";
// One more than there are, as long as there may be one more: nothing that goes by the sums
// takes such an issue for sent.
const SOME_RECIPIENTS: &str = "UPDATE issues SET recipients = $2 WHERE id = $1 AND recipients < $2";

/// How far the queue of one issue is made.
#[derive(Debug)]
struct FanOut {
    issue: String,
    frozen_at: Timestamp,
    reached: String,
    last: String,
    copies: i64,
}

impl FanOut {
    /// Makes the copies that come next. True when these were the last.
    async fn insert_next(
        &mut self,
        tx: &mut WriteTx,
        stride: FanOutBatch,
    ) -> Result<bool, StoreError> {
        let next = sqlx::query(NEXT_READERS)
            .bind(stride.copies())
            .bind(self.frozen_at.as_millis())
            .bind(self.reached.clone())
            .bind(self.last.clone())
            .fetch_one(&mut **tx)
            .await?;
        let readers: i64 = next.try_get("readers")?;
        let Some(reached) = next.try_get::<Option<String>, _>("cursor_id")? else {
            return Ok(true);
        };
        let made = sqlx::query(ENQUEUE)
            .bind(self.issue.clone())
            .bind(self.frozen_at.as_millis())
            .bind(self.reached.clone())
            .bind(reached.clone())
            .bind(self.copies)
            .execute(&mut **tx)
            .await?;
        // Of those who are suppressed later, the copies are found and skipped.
        sqlx::query(suppression::SUPPRESSION_LOCK)
            .execute(&mut **tx)
            .await?;
        let left_out = sqlx::query(LEAVE_OUT)
            .bind(self.issue.clone())
            .bind(self.frozen_at.minus(CLOCKS_APART).as_millis())
            .bind(self.reached.clone())
            .bind(reached.clone())
            .execute(&mut **tx)
            .await?;
        self.copies += made.rows_affected().cast_signed() - left_out.rows_affected().cast_signed();
        self.reached = reached;
        Ok(readers < stride.copies() || self.reached == self.last)
    }
}

impl Store {
    /// Makes the next copies of an issue. False when it has all of them.
    pub(crate) async fn run_fan_out_batch(
        &self,
        issue: &IssueId,
        stride: FanOutBatch,
    ) -> Result<bool, StoreError> {
        Ok(!with_retry(|| self.lengthen(issue, stride)).await?)
    }

    async fn lengthen(&self, issue: &IssueId, stride: FanOutBatch) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await?;
        sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
        let Some(mut queue) = hold(&mut tx, issue).await? else {
            return Ok(true);
        };
        let reopen = sqlx::query(REOPEN).bind(queue.issue.clone());
        reopen.execute(&mut *tx).await?;
        let is_made = queue.insert_next(&mut tx, stride).await?;
        if is_made {
            let end = sqlx::query(END).bind(queue.issue.clone());
            end.execute(&mut *tx).await?;
            set_recipients(&mut tx, ALL_RECIPIENTS, queue.issue, queue.copies).await?;
        } else {
            sqlx::query(REACHED)
                .bind(queue.issue.clone())
                .bind(queue.reached)
                .bind(queue.copies)
                .execute(&mut *tx)
                .await?;
            set_recipients(&mut tx, SOME_RECIPIENTS, queue.issue, queue.copies + 1).await?;
        }
        fail_point!("lengthening");
        tx.commit().await?;
        Ok(is_made)
    }

    /// Makes what is left of every queue, however many others do so at the same time.
    pub async fn run_fan_outs(&self, stride: FanOutBatch) -> Result<(), StoreError> {
        while let Some((issue, _)) = self.pending_fan_out().await? {
            self.run_fan_out_batch(&issue, stride).await?;
        }
        Ok(())
    }

    /// An issue that has not all of its copies yet, and how many it has.
    pub async fn pending_fan_out(&self) -> Result<Option<(IssueId, i64)>, StoreError> {
        let row = sqlx::query(IN_THE_MAKING)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| {
            let issue = decode("issue id", row.try_get("issue_id")?, IssueId::parse)?;
            Ok((issue, row.try_get("enqueued")?))
        })
        .transpose()
    }
}

async fn hold(tx: &mut WriteTx, issue: &IssueId) -> Result<Option<FanOut>, StoreError> {
    let row = sqlx::query(HOLD)
        .bind(issue.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    let queue = row.map(|row| {
        Ok::<_, sqlx::Error>(FanOut {
            issue: issue.to_string(),
            frozen_at: Timestamp::from_millis(row.try_get("frozen_at")?),
            reached: row.try_get("cursor_id")?,
            last: row.try_get("last_id")?,
            copies: row.try_get("enqueued")?,
        })
    });
    Ok(queue.transpose()?)
}

/// Makes the first copies of an issue that would go to so many readers. Gives how many
/// recipients it has; none when there are no readers.
pub(crate) async fn begin(
    tx: &mut WriteTx,
    issue: &IssueId,
    readers: i64,
    frozen_at: Timestamp,
) -> Result<i64, StoreError> {
    let last: Option<String> = sqlx::query_scalar(LAST_READER).fetch_one(&mut **tx).await?;
    let mut queue = FanOut {
        issue: issue.to_string(),
        frozen_at,
        reached: String::new(),
        last: last.unwrap_or_default(),
        copies: 0,
    };
    let mut is_whole = false;
    while !is_whole && queue.copies == 0 {
        is_whole = queue.insert_next(tx, FanOutBatch::Small).await?;
    }
    let mut recipients = queue.copies;
    if !is_whole {
        recipients = readers.max(recipients + 1);
        sqlx::query(BEGIN)
            .bind(queue.issue.clone())
            .bind(queue.reached)
            .bind(queue.last)
            .bind(queue.copies)
            .execute(&mut **tx)
            .await?;
    }
    set_recipients(tx, ALL_RECIPIENTS, queue.issue, recipients).await?;
    Ok(recipients)
}

/// No more copies are made of it; those who have none are no recipients.
pub(crate) async fn end(tx: &mut WriteTx, issue: &IssueId) -> Result<(), StoreError> {
    let copies: Option<i64> = sqlx::query_scalar(END)
        .bind(issue.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    if let Some(copies) = copies {
        set_recipients(tx, ALL_RECIPIENTS, issue.to_string(), copies).await?;
    }
    Ok(())
}

async fn set_recipients(
    tx: &mut WriteTx,
    statement: &'static str,
    issue: String,
    recipients: i64,
) -> Result<(), StoreError> {
    let update = sqlx::query(statement).bind(issue).bind(recipients);
    update.execute(&mut **tx).await?;
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    LAST_READER,
    NEXT_READERS,
    ENQUEUE,
    LEAVE_OUT,
    BEGIN,
    HOLD,
    REOPEN,
    REACHED,
    END,
    IN_THE_MAKING,
    ALL_RECIPIENTS,
    SOME_RECIPIENTS,
];

//! State changes of a frozen issue: paused, resumed, requeued, cancelled, sent.

use crate::domain::clock::Timestamp;
use crate::domain::issue::IssueId;
use crate::store::db::connect::Store;
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::sql::skip_sql;
use crate::store::error::StoreError;
use crate::store::issues::fanout;
use crate::store::issues::lost_replies;
use crate::store::issues::policy_rejections;

macro_rules! update_completed_sql {
    ($set:literal, $returning:literal) => {
        concat!(
            "UPDATE issues ",
            $set,
            " WHERE state = 'sending'
            AND NOT EXISTS (SELECT 1 FROM deliveries WHERE issue_id = issues.id AND due_at IS NOT NULL)
            AND NOT EXISTS (SELECT 1 FROM issue_fan_outs WHERE issue_id = issues.id)",
            $returning
        )
    };
}

pub(crate) const PAUSE_ON_ERROR: &str =
    "UPDATE issues SET state = 'paused', pause_reason = $2, pause_count = pause_count + 1
    WHERE id = $1 AND state = 'sending'";
const PAUSE: &str =
    "UPDATE issues SET state = 'paused', paused_by = $2 WHERE id = $1 AND state = 'sending'";
const RESUME: &str =
    "UPDATE issues SET state = 'sending', pause_reason = NULL, paused_by = NULL, last_reply_at = $2
    WHERE id = $1 AND state = 'paused'";
// Retries end a fixed time after a delivery was queued; the time of the pause does not count.
const RESTART_RETRY_PERIOD: &str =
    "UPDATE deliveries SET queued_at = $2 WHERE issue_id = $1 AND due_at IS NOT NULL";

const REOPEN: &str =
    "UPDATE issues SET state = CASE WHEN state = 'sent' THEN 'sending' ELSE state END,
    finished_at = NULL, last_reply_at = $2
    WHERE id = $1 AND state <> 'cancelled'";
// A subscriber who was merged into another one leaves a second delivery of the same issue. Only
// the subscriber's own delivery is requeued, and only if neither was delivered.
const REQUEUE: &str = "UPDATE deliveries SET state = 'queued', due_at = 0, reply = NULL, attempts = 0, lost_replies = 0,
    queued_at = $2, at = $2,
    address = (SELECT s.address FROM subscribers s WHERE s.id = deliveries.subscriber_id)
    WHERE issue_id = $1 AND settled_state IN ('bounced', 'in_doubt')
      AND id = issue_id || ':' || subscriber_id
      AND subscriber_id IN (SELECT id FROM subscribers WHERE state = 'confirmed'
        AND (paused_until IS NULL OR paused_until <= $2))
      AND NOT EXISTS (SELECT 1 FROM deliveries other WHERE other.subscriber_id = deliveries.subscriber_id
        AND other.issue_id = $1 AND other.state = 'delivered')";

const CANCEL: &str =
    "UPDATE issues SET state = 'cancelled', finished_at = $2, pause_reason = NULL, paused_by = NULL
    WHERE id = $1 AND state IN ('sending', 'paused')";
const SKIP_REMAINING: &str = skip_sql!("$2", "issue_id = $1 AND due_at IS NOT NULL");

macro_rules! unreceived_sql {
    ($filter:literal) => {
        concat!(
            "SELECT id FROM issues WHERE state = 'cancelled' AND ",
            $filter,
            " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE issue_id = issues.id AND due_at IS NOT NULL)
            AND NOT EXISTS (SELECT 1 FROM deliveries WHERE issue_id = issues.id
                AND settled_state IN ('delivered', 'in_doubt'))"
        )
    };
}
// A delivery that was being sent when its issue was cancelled is settled later.
const UNRECEIVED: &str = unreceived_sql!(
    "(slot IS NOT NULL OR EXISTS (SELECT 1 FROM posts WHERE issue_id = issues.id))"
);
const IS_UNRECEIVED: &str = unreceived_sql!("id = $1");
const RELEASE_SLOT: &str = "UPDATE issues SET slot = NULL WHERE id = $1";
const RELEASE_POSTS: &str = "UPDATE posts SET issue_id = NULL, position = NULL WHERE issue_id = $1";

// Waits for the row lock of a concurrent requeue. `FINISH` then reads a new snapshot, which
// contains the deliveries that were requeued.
const LOCK_COMPLETED: &str = update_completed_sql!("SET state = state", "");
const FINISH: &str = update_completed_sql!("SET state = 'sent', finished_at = $1", " RETURNING id");

const RECORD_LAST_REPLY: &str =
    "UPDATE issues SET last_reply = $2, last_reply_at = COALESCE($3, last_reply_at) WHERE id = $1";

impl Store {
    /// Pauses an issue on request of `actor`: the address of an account, or a token by its name.
    ///
    /// Deliveries that are being sent are completed. Returns false if the issue was not sending.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn pause_issue(&self, id: &IssueId, actor: &str) -> Result<bool, StoreError> {
        let pause = self.execute_write(PAUSE, |update| update.bind(id).bind(actor));
        Ok(pause.await? > 0)
    }

    /// Resumes a paused issue. Returns false if it was not paused.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn resume_issue(&self, id: &IssueId, now: Timestamp) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let resume = sqlx::query(RESUME).bind(id).bind(now);
            let is_resumed = resume.execute(&mut *tx).await?.rows_affected() > 0;
            if is_resumed {
                let restart = sqlx::query(RESTART_RETRY_PERIOD).bind(id).bind(now);
                restart.execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(is_resumed)
        })
        .await
    }

    /// Requeues bounced and in-doubt deliveries of active subscribers, and returns their number.
    ///
    /// If there are any, the issue is sending again. A cancelled issue is not changed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn requeue_failed(&self, id: &IssueId, now: Timestamp) -> Result<u64, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            // A concurrent unsubscribe would not see the delivery that is being requeued.
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            let mut changed = 0;
            for statement in [REOPEN, REQUEUE] {
                let update = sqlx::query(statement).bind(id).bind(now);
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

    /// Cancels an issue: skips its remaining deliveries, except those that are being sent.
    ///
    /// If nobody received it, its posts and its slot are free for another issue.
    ///
    /// Returns false if the issue was neither sending nor paused.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn cancel_issue(&self, id: &IssueId, now: Timestamp) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            // Before the issue, the lock order of a fan-out.
            fanout::stop(&mut tx, id).await?;
            let cancel = sqlx::query(CANCEL).bind(id).bind(now);
            if cancel.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let skip = sqlx::query(SKIP_REMAINING).bind(id).bind(now);
            skip.execute(&mut *tx).await?;
            policy_rejections::clear(&mut tx, id).await?;
            lost_replies::clear(&mut tx, id).await?;
            release(&mut tx, id).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Frees posts and slot of cancelled issues that nobody received, because the deliveries
    /// that were being sent when they were cancelled failed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored id cannot be parsed.
    pub async fn release_unreceived(&self) -> Result<(), StoreError> {
        let query = sqlx::query_scalar(UNRECEIVED);
        let unreceived: Vec<IssueId> = query.fetch_all(&self.pool).await?;
        for id in &unreceived {
            with_retry(|| async {
                let mut tx = self.begin_write().await?;
                release(&mut tx, id).await?;
                tx.commit().await
            })
            .await?;
        }
        Ok(())
    }

    /// Marks issues without remaining deliveries as sent, and returns their number.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored id cannot be parsed.
    pub async fn finish_issues(&self, now: Timestamp) -> Result<u64, StoreError> {
        fail_point!("finishing");
        let finished = with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let locked = sqlx::query(LOCK_COMPLETED).execute(&mut *tx).await?;
            if locked.rows_affected() == 0 {
                return Ok(0);
            }
            let finish = sqlx::query_scalar(FINISH).bind(now);
            let finished: Vec<IssueId> = finish.fetch_all(&mut *tx).await?;
            for id in &finished {
                policy_rejections::clear(&mut tx, id).await?;
                lost_replies::clear(&mut tx, id).await?;
            }
            tx.commit().await?;
            Ok(finished.len() as u64)
        })
        .await?;
        fail_point!("finished");
        Ok(finished)
    }

    /// Records the last reply of the SMTP server to a delivery of an issue, or the last connection
    /// error, for which `replied_at` is `None`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn record_last_reply(
        &self,
        id: &IssueId,
        reply: &str,
        replied_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let update = sqlx::query(RECORD_LAST_REPLY)
            .bind(id)
            .bind(reply)
            .bind(replied_at);
        // Queues on the FIFO writer lock, as a heartbeat does.
        let mut tx = self.begin_write().await?;
        update.execute(&mut *tx).await?;
        tx.commit().await
    }
}

/// Frees the posts and the slot of a cancelled issue, if nobody received it.
async fn release(tx: &mut WriteTx, id: &IssueId) -> Result<(), StoreError> {
    let query = sqlx::query(IS_UNRECEIVED).bind(id);
    if query.fetch_optional(&mut **tx).await?.is_none() {
        return Ok(());
    }
    for statement in [RELEASE_SLOT, RELEASE_POSTS] {
        sqlx::query(statement).bind(id).execute(&mut **tx).await?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    PAUSE_ON_ERROR,
    PAUSE,
    RESUME,
    RESTART_RETRY_PERIOD,
    REOPEN,
    REQUEUE,
    CANCEL,
    SKIP_REMAINING,
    UNRECEIVED,
    IS_UNRECEIVED,
    RELEASE_SLOT,
    RELEASE_POSTS,
    LOCK_COMPLETED,
    FINISH,
    RECORD_LAST_REPLY,
];

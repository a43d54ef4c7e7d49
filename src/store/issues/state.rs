//! What becomes of an issue once it is frozen: paused, resumed, cancelled, sent.

use fail::fail_point;

use crate::domain::clock::Timestamp;
use crate::domain::issue::IssueId;
use crate::store::db::transaction::with_retry;
use crate::store::deliveries::skip;
use crate::store::issues::fanout;
use crate::store::issues::policy_rejections;
use crate::store::{Store, StoreError};

macro_rules! ended {
    ($set:literal, $rest:literal) => {
        concat!(
            "UPDATE issues ",
            $set,
            " WHERE state = 'sending'
            AND NOT EXISTS (SELECT 1 FROM deliveries WHERE issue_id = issues.id AND due_at IS NOT NULL)
            AND NOT EXISTS (SELECT 1 FROM issue_fan_outs WHERE issue_id = issues.id)",
            $rest
        )
    };
}
pub(crate) const PAUSE: &str =
    "UPDATE issues SET state = 'paused', pause_reason = $2, pause_count = pause_count + 1
    WHERE id = $1 AND state = 'sending'";
const PAUSE_BY: &str =
    "UPDATE issues SET state = 'paused', paused_by = $2 WHERE id = $1 AND state = 'sending'";
const RESUME: &str =
    "UPDATE issues SET state = 'sending', pause_reason = NULL, paused_by = NULL, last_reply_at = $2
    WHERE id = $1 AND state = 'paused'";
// A copy is given up so long after it was queued; the time of the pause is not its own.
const WAIT_ANEW: &str =
    "UPDATE deliveries SET queued_at = $2 WHERE issue_id = $1 AND due_at IS NOT NULL";
const CANCEL: &str =
    "UPDATE issues SET state = 'cancelled', finished_at = $2, pause_reason = NULL, paused_by = NULL
    WHERE id = $1 AND state IN ('sending', 'paused')";
const SKIP_COPIES: &str = skip!("$2", "issue_id = $1 AND due_at IS NOT NULL");
// Whoever sends an issue again holds its row: their copies are seen only by a statement
// that begins behind them.
const HOLD_ENDED: &str = ended!("SET state = state", "");
const FINISH: &str = ended!("SET state = 'sent', finished_at = $1", " RETURNING id");
const HEARD: &str =
    "UPDATE issues SET last_reply = $2, last_reply_at = COALESCE($3, last_reply_at) WHERE id = $1";

impl Store {
    /// Nothing more of it begins until it is resumed, because somebody said so: an admin by
    /// their address, or a token by its name. False when it was not sending.
    pub async fn pause_issue(&self, id: &IssueId, somebody: &str) -> Result<bool, StoreError> {
        let pause = self.execute_write(PAUSE_BY, |pause| {
            pause.bind(id.to_string()).bind(somebody.to_owned())
        });
        Ok(pause.await? > 0)
    }

    pub async fn resume_issue(&self, id: &IssueId, now: Timestamp) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let resume = sqlx::query(RESUME)
                .bind(id.to_string())
                .bind(now.as_millis());
            let is_resumed = resume.execute(&mut *tx).await?.rows_affected() > 0;
            if is_resumed {
                let wait = sqlx::query(WAIT_ANEW)
                    .bind(id.to_string())
                    .bind(now.as_millis());
                wait.execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(is_resumed)
        })
        .await
    }

    /// What was not begun is skipped; what was begun comes to its own end.
    pub async fn cancel_issue(&self, id: &IssueId, now: Timestamp) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            // First, as by whoever makes it.
            fanout::end(&mut tx, id).await?;
            let update = sqlx::query(CANCEL)
                .bind(id.to_string())
                .bind(now.as_millis());
            if update.execute(&mut *tx).await?.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(SKIP_COPIES)
                .bind(id.to_string())
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            policy_rejections::clear(&mut tx, &id.to_string()).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Calls those issues sent of which nothing is to go. Returns how many.
    pub async fn finish_issues(&self, now: Timestamp) -> Result<u64, StoreError> {
        fail_point!("finishing");
        let finished = with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let held = sqlx::query(HOLD_ENDED).execute(&mut *tx).await?;
            if held.rows_affected() == 0 {
                return Ok(0);
            }
            let finished: Vec<String> = sqlx::query_scalar(FINISH)
                .bind(now.as_millis())
                .fetch_all(&mut *tx)
                .await?;
            for id in &finished {
                policy_rejections::clear(&mut tx, id).await?;
            }
            tx.commit().await?;
            Ok(finished.len() as u64)
        })
        .await?;
        fail_point!("finished");
        Ok(finished)
    }

    /// Notes what the mail server said last about an issue's copies; `answered_at` is
    /// empty when the words are about not reaching it.
    pub async fn record_last_reply(
        &self,
        id: &IssueId,
        words: &str,
        answered_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let update = sqlx::query(HEARD)
            .bind(id.to_string())
            .bind(words.to_owned())
            .bind(answered_at.map(Timestamp::as_millis));
        // In its turn, as a heartbeat is.
        let mut tx = self.begin_write().await?;
        update.execute(&mut *tx).await?;
        tx.commit().await
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    PAUSE,
    PAUSE_BY,
    RESUME,
    WAIT_ANEW,
    CANCEL,
    SKIP_COPIES,
    HOLD_ENDED,
    FINISH,
    HEARD,
];

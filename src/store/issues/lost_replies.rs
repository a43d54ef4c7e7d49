//! Consecutive lost replies of an issue's deliveries, counted in the database for all workers
//! together.
//!
//! A server that accepts every message and loses every reply would otherwise send each
//! subscriber as many copies as `smtp.in_doubt` allows.

use crate::domain::delivery::DeliveryId;
use crate::domain::delivery::in_doubt::{LOST_REPLIES_PAUSE_REASON, MAX_CONSECUTIVE_LOST_REPLIES};
use crate::domain::issue::IssueId;
use crate::store::db::transaction::WriteTx;
use crate::store::error::StoreError;

// A repeated commit finds the same number of lost replies, or the issue paused.
const INSERT: &str = "INSERT INTO lost_replies (issue_id, delivery_id, number)
    SELECT issue_id, id, lost_replies FROM deliveries WHERE id = $1 AND lost_replies > 0
      AND state IN ('deferred', 'in_doubt') AND issue_id IN (SELECT id FROM issues WHERE state = 'sending')
    ON CONFLICT (issue_id, delivery_id, number) DO NOTHING";
const COUNT: &str = "SELECT COUNT(*) FROM lost_replies WHERE issue_id = $1";
const DELETE: &str = "DELETE FROM lost_replies WHERE issue_id = $1";
const HOLD_RUN: &str = "UPDATE deliveries SET state = 'in_doubt', due_at = NULL
    WHERE id IN (SELECT delivery_id FROM lost_replies WHERE issue_id = $1) AND state = 'deferred'";
// A message that was in transfer when its issue was paused because of lost replies.
const HOLD_LATE: &str = "UPDATE deliveries SET state = 'in_doubt', due_at = NULL
    WHERE id = $1 AND state = 'deferred' AND lost_replies > 0
      AND issue_id IN (SELECT id FROM issues WHERE state = 'paused' AND pause_reason = $2)";

/// A delivery whose final reply was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostReply {
    /// The issue of the delivery.
    pub issue: IssueId,
    /// Key of the delivery.
    pub delivery: DeliveryId,
}

/// Ends the run of an issue: a delivery was accepted, or the issue is finished.
pub(crate) async fn clear(tx: &mut WriteTx, issue: &IssueId) -> Result<(), StoreError> {
    let delete = sqlx::query(DELETE).bind(issue);
    delete.execute(&mut **tx).await?;
    Ok(())
}

/// Records lost replies, and returns the issues whose run has reached the limit.
///
/// The deliveries of such a run are in doubt afterwards; the caller pauses the issue.
pub(crate) async fn record(
    tx: &mut WriteTx,
    lost: &[LostReply],
) -> Result<Vec<IssueId>, StoreError> {
    for reply in lost {
        let insert = sqlx::query(INSERT).bind(&reply.delivery);
        insert.execute(&mut **tx).await?;
        let hold = sqlx::query(HOLD_LATE).bind(&reply.delivery);
        let hold = hold.bind(LOST_REPLIES_PAUSE_REASON);
        hold.execute(&mut **tx).await?;
    }
    let mut issues: Vec<IssueId> = lost.iter().map(|reply| reply.issue).collect();
    issues.sort();
    issues.dedup();
    let mut runs = Vec::new();
    for issue in issues {
        let count: i64 = sqlx::query_scalar(COUNT)
            .bind(issue)
            .fetch_one(&mut **tx)
            .await?;
        if count < MAX_CONSECUTIVE_LOST_REPLIES {
            continue;
        }
        let hold = sqlx::query(HOLD_RUN).bind(issue);
        hold.execute(&mut **tx).await?;
        clear(tx, &issue).await?;
        runs.push(issue);
    }
    Ok(runs)
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[INSERT, COUNT, DELETE, HOLD_RUN, HOLD_LATE];

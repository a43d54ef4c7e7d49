//! Consecutive rejections by policy of an issue's deliveries, counted in the database for all
//! workers together.

use crate::domain::delivery::DeliveryId;
use crate::domain::issue::IssueId;
use crate::store::db::connect::Store;
use crate::store::db::transaction::WriteTx;
use crate::store::error::StoreError;

/// Number of rejections without an accepted delivery in between that pause an issue.
const MAX_CONSECUTIVE_REJECTIONS: usize = 20;

// Locks the issue row before any delivery row, the same order as cancel, and serializes workers
// that count rejections of the same issue.
const LOCK_ISSUE: &str = "UPDATE issues SET state = state WHERE id = $1";
// A repeated commit finds the deliveries that it requeued no longer bounced. An accepted delivery
// could not end the run of a cancelled issue.
const INSERT: &str = "INSERT INTO policy_rejections (issue_id, delivery_id)
    SELECT issue_id, id FROM deliveries WHERE id = $1 AND issue_id IS NOT NULL AND state = 'bounced'
      AND issue_id IN (SELECT id FROM issues WHERE state <> 'cancelled')
    ON CONFLICT (issue_id, delivery_id) DO NOTHING";
const SELECT: &str = "SELECT delivery_id FROM policy_rejections WHERE issue_id = $1";
const DELETE: &str = "DELETE FROM policy_rejections WHERE issue_id = $1";
const ISSUES: &str =
    "SELECT issue_id FROM policy_rejections UNION SELECT issue_id FROM lost_replies";

/// A delivery that the server rejected by policy, that is because of the sender.
#[derive(Clone, Debug)]
pub struct PolicyRejection {
    /// The issue of the delivery.
    pub issue: IssueId,
    /// Key of the delivery.
    pub delivery: DeliveryId,
    /// Reply of the SMTP server.
    pub reply: String,
}

/// A run of rejections that pauses its issue.
pub(crate) struct RejectionRun {
    pub issue: IssueId,
    pub deliveries: Vec<DeliveryId>,
    pub last_reply: String,
}

impl Store {
    /// Returns the issues whose last results are rejections by policy or lost replies, of any worker.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if a
    /// stored id cannot be parsed.
    pub async fn issues_with_policy_rejections(&self) -> Result<Vec<IssueId>, StoreError> {
        let query = sqlx::query_scalar(ISSUES);
        Ok(query.fetch_all(&self.pool).await?)
    }
}

/// Locks the issues whose results are counted until the transaction ends.
pub(crate) async fn lock_issues(
    tx: &mut WriteTx,
    mut issues: Vec<IssueId>,
) -> Result<(), StoreError> {
    // Sorted, so that concurrent transactions lock them in the same order.
    issues.sort();
    issues.dedup();
    for issue in issues {
        let lock = sqlx::query(LOCK_ISSUE).bind(issue);
        lock.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Ends the run of an issue: a delivery was accepted, or the issue is finished.
pub(crate) async fn clear(tx: &mut WriteTx, issue: &IssueId) -> Result<(), StoreError> {
    let delete = sqlx::query(DELETE).bind(issue);
    delete.execute(&mut **tx).await?;
    Ok(())
}

/// Records rejections, and ends and returns the runs that have reached the limit.
pub(crate) async fn record(
    tx: &mut WriteTx,
    rejections: &[PolicyRejection],
) -> Result<Vec<RejectionRun>, StoreError> {
    for rejection in rejections {
        let insert = sqlx::query(INSERT).bind(&rejection.delivery);
        insert.execute(&mut **tx).await?;
    }
    let mut runs = Vec::new();
    for issue in issues_of(rejections) {
        let query = sqlx::query_scalar(SELECT).bind(issue);
        let deliveries: Vec<DeliveryId> = query.fetch_all(&mut **tx).await?;
        if deliveries.len() < MAX_CONSECUTIVE_REJECTIONS {
            continue;
        }
        clear(tx, &issue).await?;
        let last = rejections.iter().rfind(|it| it.issue == issue);
        runs.push(RejectionRun {
            issue,
            deliveries,
            last_reply: last.map(|it| it.reply.clone()).unwrap_or_default(),
        });
    }
    Ok(runs)
}

/// Returns the issues of the rejections, sorted.
fn issues_of(rejections: &[PolicyRejection]) -> Vec<IssueId> {
    let mut issues: Vec<IssueId> = rejections.iter().map(|it| it.issue).collect();
    issues.sort();
    issues.dedup();
    issues
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LOCK_ISSUE, INSERT, SELECT, DELETE, ISSUES];

//! Copies of an issue that were refused by policy, one after the other: counted here, so
//! that it is one count for all processes.

use crate::domain::delivery::DeliveryId;
use crate::domain::issue::IssueId;
use crate::store::db::transaction::WriteTx;
use crate::store::{Store, StoreError, decode};

/// So many refusals without an acceptance between pause the issue.
const ENOUGH: usize = 20;

// Whoever counts does so alone, and before it touches any copy, as whoever cancels does.
const HOLD: &str = "UPDATE issues SET state = state WHERE id = $1";
// A commit that is written twice finds those bounced no more that it has requeued. Of an issue
// that is cancelled nothing could end a streak.
const NOTE: &str = "INSERT INTO policy_rejections (issue_id, delivery_id)
    SELECT issue_id, id FROM deliveries WHERE id = $1 AND issue_id IS NOT NULL AND state = 'bounced'
      AND issue_id IN (SELECT id FROM issues WHERE state <> 'cancelled')
    ON CONFLICT (issue_id, delivery_id) DO NOTHING";
const STREAK: &str = "SELECT delivery_id FROM policy_rejections WHERE issue_id = $1";
const END: &str = "DELETE FROM policy_rejections WHERE issue_id = $1";
const OPEN: &str = "SELECT DISTINCT issue_id FROM policy_rejections";

/// A copy that was refused for what is about us.
#[derive(Clone, Debug)]
pub struct PolicyRejection {
    pub issue: IssueId,
    pub delivery: DeliveryId,
    /// In the server's words.
    pub reply: String,
}

/// A streak that is long enough.
pub(crate) struct RejectionRun {
    pub issue: IssueId,
    pub deliveries: Vec<DeliveryId>,
    pub last_reply: String,
}

impl Store {
    /// The issues that are in a streak, whoever was refused.
    pub async fn issues_with_policy_rejections(&self) -> Result<Vec<IssueId>, StoreError> {
        let issues: Vec<String> = sqlx::query_scalar(OPEN).fetch_all(&self.pool).await?;
        issues
            .into_iter()
            .map(|id| decode("issue id", id, IssueId::parse))
            .collect()
    }
}

/// Holds the issues of these refusals until the transaction ends.
pub(crate) async fn lock_issues(
    tx: &mut WriteTx,
    refusals: &[PolicyRejection],
) -> Result<(), StoreError> {
    for issue in issues_of(refusals) {
        sqlx::query(HOLD)
            .bind(issue.to_string())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Something of the issue was accepted, or nothing of it is to go, or it is cancelled.
pub(crate) async fn clear(tx: &mut WriteTx, issue: &str) -> Result<(), StoreError> {
    sqlx::query(END)
        .bind(issue.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Notes refusals, and gives back the streaks that have become long enough; those are over.
pub(crate) async fn record(
    tx: &mut WriteTx,
    refusals: &[PolicyRejection],
) -> Result<Vec<RejectionRun>, StoreError> {
    for refusal in refusals {
        sqlx::query(NOTE)
            .bind(refusal.delivery.to_string())
            .execute(&mut **tx)
            .await?;
    }
    let mut streaks = Vec::new();
    for issue in issues_of(refusals) {
        let streak = sqlx::query_scalar(STREAK).bind(issue.to_string());
        let refused: Vec<String> = streak.fetch_all(&mut **tx).await?;
        if refused.len() < ENOUGH {
            continue;
        }
        clear(tx, &issue.to_string()).await?;
        let last = refusals.iter().rfind(|refusal| refusal.issue == issue);
        streaks.push(RejectionRun {
            issue,
            deliveries: refused.into_iter().map(DeliveryId::from_stored).collect(),
            last_reply: last
                .map(|refusal| refusal.reply.clone())
                .unwrap_or_default(),
        });
    }
    Ok(streaks)
}

/// In one order for everybody, so that no two wait for each other.
fn issues_of(refusals: &[PolicyRejection]) -> Vec<IssueId> {
    let mut issues: Vec<IssueId> = refusals.iter().map(|refusal| refusal.issue).collect();
    issues.sort();
    issues.dedup();
    issues
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[HOLD, NOTE, STREAK, END, OPEN];

//! Limit of the subscribers that one issue suppresses without a person.
//!
//! A server that calls many addresses dead may be at fault itself, for example while its user
//! database is away. Deliveries above the limit bounce, and their subscribers stay confirmed.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::suppression_limit::max_suppressions;
use crate::domain::issue::IssueId;
use crate::domain::subscriber::SubscriberId;
use crate::store::db::transaction::WriteTx;
use crate::store::deliveries::types::DeliveryUpdate;
use crate::store::error::StoreError;

// Serializes the transactions that count suppressions of the same issue. The issue row is locked
// before any delivery row.
const LOCK_ISSUE: &str =
    "UPDATE issues SET state = state WHERE id = (SELECT issue_id FROM deliveries WHERE id = $1)";
const ISSUE: &str = "SELECT i.id, i.recipients,
        (SELECT CAST(COUNT(*) AS BIGINT) FROM issue_suppressions s WHERE s.issue_id = i.id) AS suppressed
    FROM issues i WHERE i.id = (SELECT issue_id FROM deliveries WHERE id = $1)";
const INSERT: &str =
    "INSERT INTO issue_suppressions (issue_id, subscriber_id, at) VALUES ($1, $2, $3)
    ON CONFLICT (issue_id, subscriber_id) DO NOTHING";
const DELETE: &str = "DELETE FROM issue_suppressions WHERE subscriber_id = $1";

/// Locks the issues of results that may suppress a subscriber, in the order of their ids.
pub(crate) async fn lock_issues(
    tx: &mut WriteTx,
    updates: &[DeliveryUpdate],
) -> Result<(), StoreError> {
    let may_suppress =
        |update: &&DeliveryUpdate| update.suppress.is_some() || update.soft_bounce.is_some();
    // The id of an issue's delivery starts with the id of the issue.
    let mut ids: Vec<_> = updates
        .iter()
        .filter(may_suppress)
        .map(|it| &it.id)
        .collect();
    ids.sort();
    for id in ids {
        sqlx::query(LOCK_ISSUE).bind(id).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Returns whether the issue of `update` may suppress one more subscriber. True for other mail.
pub(crate) async fn is_below_limit(
    tx: &mut WriteTx,
    update: &DeliveryUpdate,
) -> Result<bool, StoreError> {
    let query = sqlx::query_as(ISSUE).bind(&update.id);
    let issue: Option<(IssueId, i64, i64)> = query.fetch_optional(&mut **tx).await?;
    Ok(issue.is_none_or(|(_, recipients, suppressed)| suppressed < max_suppressions(recipients)))
}

/// Records that the issue of `update` suppressed `subscriber`.
pub(crate) async fn record(
    tx: &mut WriteTx,
    update: &DeliveryUpdate,
    subscriber: &SubscriberId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let query = sqlx::query_as(ISSUE).bind(&update.id);
    let issue: Option<(IssueId, i64, i64)> = query.fetch_optional(&mut **tx).await?;
    if let Some((issue, ..)) = issue {
        let insert = sqlx::query(INSERT).bind(issue).bind(subscriber).bind(now);
        insert.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Deletes the records of a subscriber whose suppression was lifted.
pub(crate) async fn delete(tx: &mut WriteTx, subscriber: &SubscriberId) -> Result<(), StoreError> {
    sqlx::query(DELETE)
        .bind(subscriber)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LOCK_ISSUE, ISSUE, INSERT, DELETE];

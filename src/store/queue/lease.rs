//! Leases: claiming deliveries, releasing them, and reclaiming them from dead workers.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Row};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::WorkerId;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::store::db::connect::Store;
use crate::store::db::transaction::WriteTx;
use crate::store::deliveries::sql::{expire_superseded_sql, skip_unwanted_sql, update_address_sql};
use crate::store::deliveries::types::ClaimedDelivery;
use crate::store::error::StoreError;

/// Builds the statement that claims due deliveries; a claim is this one statement.
///
/// PostgreSQL adds `FOR UPDATE SKIP LOCKED`, so that an empty result means an empty queue.
///
/// Ordered by the columns of the index. PostgreSQL keeps dead entries of finished deliveries in
/// the index until the next vacuum; the lower bound `$5` of an issue's claim skips them.
macro_rules! claim_sql {
    ($filter:literal, $locking:literal) => {
        concat!(
            "UPDATE deliveries SET state = 'leased', lease = $1, at = $2 WHERE id IN (
                SELECT id FROM deliveries WHERE ",
            $filter,
            " AND due_at <= $2 AND lease IS NULL AND address IS NOT NULL
                ORDER BY issue_id, due_at LIMIT $3",
            $locking,
            ") AND state IN ('queued', 'deferred')
               AND EXISTS (SELECT 1 FROM workers WHERE id = $1)
            RETURNING id, kind, issue_id, subscriber_id, address, attempts, lost_replies, queued_at, due_at, payload,
                (SELECT number FROM issues WHERE issues.id = deliveries.issue_id) AS number"
        )
    };
}

const CLAIM_TRANSACTIONAL: [&str; 2] = [
    claim_sql!("issue_id IS NULL", ""),
    claim_sql!("issue_id IS NULL", " FOR UPDATE SKIP LOCKED"),
];
const CLAIM_ISSUE: [&str; 2] = [
    claim_sql!("issue_id = $4 AND due_at >= $5", ""),
    claim_sql!("issue_id = $4 AND due_at >= $5", " FOR UPDATE SKIP LOCKED"),
];

const RELEASE_ALL: &str = "UPDATE deliveries
    SET state = CASE WHEN attempts > 0 THEN 'deferred' ELSE 'queued' END, lease = NULL
    WHERE lease = $1 AND state = 'leased'";
const RELEASE: &str = "UPDATE deliveries
    SET state = CASE WHEN attempts > 0 THEN 'deferred' ELSE 'queued' END, lease = NULL
    WHERE id = $2 AND lease = $1 AND state = 'leased'";
const MARK_CORRUPT: &str =
    "UPDATE deliveries SET state = 'bounced', due_at = NULL, lease = NULL, reply = $2
    WHERE id = $1 AND state = 'leased'";

// Unregisters the worker unless it still has `sending` rows; those are recovered by the failure
// detector of another worker.
const UNREGISTER: &str = "DELETE FROM workers WHERE id = $1
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE lease = $1 AND state = 'sending')";
// Matches only while the heartbeat has not changed.
const UNREGISTER_DEAD: &str = "DELETE FROM workers WHERE id = $1 AND heartbeat = $2";

// A worker registers before its first claim, and a worker id is never reused.
const ORPHANED_LEASES: &str = "SELECT DISTINCT lease FROM deliveries
    WHERE lease IS NOT NULL AND lease NOT IN (SELECT id FROM workers)";

// Requeues deliveries that a dead worker was sending, until the limit of lost replies ($3 for
// issues, $4 for other mail). Keeps the lease; the next statements re-check subscriber state with
// a fresh snapshot, because this one may wait for the row lock of a concurrent unsubscribe and
// would not see its changes.
const REQUEUE_SENDING: &str = "UPDATE deliveries SET lost_replies = lost_replies + 1, at = $2, state = 'deferred', due_at = $2
    WHERE lease = $1 AND state = 'sending' AND lost_replies + 1 < CASE WHEN kind = 'issue' THEN CAST($3 AS BIGINT) ELSE CAST($4 AS BIGINT) END";
const SKIP_UNWANTED: &str = skip_unwanted_sql!("lease = $1");
const EXPIRE_SUPERSEDED: &str = expire_superseded_sql!("lease = $1");
const UPDATE_ADDRESSES: &str = update_address_sql!("$2", "lease = $1");
const MARK_IN_DOUBT: &str = "UPDATE deliveries SET lost_replies = lost_replies + 1, lease = NULL, at = $2, state = 'in_doubt', due_at = NULL
    WHERE lease = $1 AND state = 'sending'";
const RELEASE_DEFERRED: &str =
    "UPDATE deliveries SET lease = NULL WHERE lease = $1 AND state = 'deferred'";

impl Store {
    /// Claims up to `limit` due deliveries that belong to no issue.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails; the claim may then have been
    /// committed.
    pub async fn claim_transactional(
        &self,
        worker: &WorkerId,
        limit: i64,
        now: Timestamp,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let claim = sqlx::query(self.backend.select(&CLAIM_TRANSACTIONAL))
            .bind(worker)
            .bind(now)
            .bind(limit);
        self.claim(claim).await
    }

    /// Claims up to `limit` due deliveries of an issue, in the order of their due times and
    /// starting with those that became due at `from`.
    ///
    /// # Errors
    /// As for [`claim_transactional`](Self::claim_transactional).
    pub async fn claim_issue(
        &self,
        worker: &WorkerId,
        issue: &IssueId,
        from: Timestamp,
        limit: i64,
        now: Timestamp,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let claim = sqlx::query(self.backend.select(&CLAIM_ISSUE))
            .bind(worker)
            .bind(now)
            .bind(limit)
            .bind(issue)
            .bind(from);
        self.claim(claim).await
    }

    async fn claim(
        &self,
        claim: Query<'_, Any, AnyArguments>,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let mut writer = self.claim_connection().await?;
        let rows = claim.fetch_all(writer.connection()).await?;
        writer.release();
        fail_point!("claim-ack-lost", |_| Err(StoreError::ack_lost()));
        let mut deliveries = Vec::with_capacity(rows.len());
        for row in &rows {
            match claimed_delivery(row) {
                Ok(delivery) => deliveries.push(delivery),
                Err(error) => self.mark_corrupt(row, &error).await?,
            }
        }
        Ok(deliveries)
    }

    /// Bounces a delivery that cannot be parsed, so that it does not fail every claim.
    async fn mark_corrupt(&self, row: &AnyRow, error: &StoreError) -> Result<(), StoreError> {
        let id: DeliveryId = row.try_get("id")?;
        tracing::error!(delivery.id = %id, "delivery contains an invalid value and is bounced");
        self.execute_write(MARK_CORRUPT, |update| {
            update.bind(&id).bind(error.to_string())
        })
        .await?;
        Ok(())
    }

    /// Returns a leased delivery to the queue.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn release_lease(
        &self,
        worker: &WorkerId,
        delivery: &DeliveryId,
    ) -> Result<(), StoreError> {
        self.execute_write(RELEASE, |update| update.bind(worker).bind(delivery))
            .await?;
        Ok(())
    }

    /// Releases all leases of a worker that shuts down, and unregisters it unless it still has
    /// deliveries in state `sending`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn shutdown_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        // A claim may still be running in the database. Its leases are orphaned then, and
        // `reclaim_orphans` finds them.
        for statement in [RELEASE_ALL, UNREGISTER] {
            let query = sqlx::query(statement).bind(worker);
            query.execute(&mut *tx).await?;
        }
        fail_point!("unregistering");
        tx.commit().await?;
        fail_point!("unregistered");
        Ok(())
    }

    /// Unregisters a dead worker and resolves its leases; `policy` decides about the deliveries
    /// that it was sending.
    ///
    /// Returns false and does nothing if the worker's counter is no longer `heartbeat`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn reclaim_leases(
        &self,
        dead: &WorkerId,
        heartbeat: i64,
        policy: InDoubtPolicy,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await?;
        let delete = sqlx::query(UNREGISTER_DEAD).bind(dead).bind(heartbeat);
        if delete.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        resolve_leases(&mut tx, &dead.to_string(), policy, now).await?;
        fail_point!("reclaiming");
        tx.commit().await?;
        fail_point!("reclaimed");
        Ok(true)
    }

    /// Resolves leases whose worker is not registered, as [`reclaim_leases`](Self::reclaim_leases)
    /// does. Returns the number of those workers.
    ///
    /// A claim that was still running in the database when its worker was unregistered leaves
    /// such leases.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn reclaim_orphans(
        &self,
        policy: InDoubtPolicy,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let query = sqlx::query_scalar(ORPHANED_LEASES);
        let leases: Vec<String> = query.fetch_all(&self.pool).await?;
        for lease in &leases {
            let mut tx = self.begin_write().await?;
            resolve_leases(&mut tx, lease, policy, now).await?;
            tx.commit().await?;
        }
        Ok(leases.len())
    }
}

/// Releases the deliveries under a lease; those in state `sending` are requeued or in doubt.
async fn resolve_leases(
    tx: &mut WriteTx,
    lease: &str,
    policy: InDoubtPolicy,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(REQUEUE_SENDING)
        .bind(lease)
        .bind(now)
        .bind(i64::from(policy.max_lost_replies(DeliveryKind::Issue)))
        .bind(i64::from(
            policy.max_lost_replies(DeliveryKind::Confirmation),
        ))
        .execute(&mut **tx)
        .await?;
    for statement in [
        SKIP_UNWANTED,
        EXPIRE_SUPERSEDED,
        UPDATE_ADDRESSES,
        MARK_IN_DOUBT,
    ] {
        let update = sqlx::query(statement).bind(lease).bind(now);
        update.execute(&mut **tx).await?;
    }
    for statement in [RELEASE_DEFERRED, RELEASE_ALL] {
        let update = sqlx::query(statement).bind(lease);
        update.execute(&mut **tx).await?;
    }
    Ok(())
}

fn claimed_delivery(row: &AnyRow) -> Result<ClaimedDelivery, StoreError> {
    let address: EmailAddress = row.try_get("address")?;
    // A send intent is compared with the stored text, which must therefore be canonical.
    let stored: &str = row.try_get("address")?;
    if address.to_string() != stored {
        return Err(StoreError::Corrupt {
            what: "address",
            value: stored.to_owned(),
        });
    }
    let count = |column: &str| {
        row.try_get::<i64, _>(column)
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    };
    let number: Option<i64> = row.try_get("number")?;
    Ok(ClaimedDelivery {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        issue: row.try_get("issue_id")?,
        issue_number: number.and_then(|number| IssueNumber::new(number).ok()),
        subscriber: row.try_get("subscriber_id")?,
        address,
        attempts: count("attempts")?,
        lost_replies: count("lost_replies")?,
        queued_at: row.try_get("queued_at")?,
        due_at: row.try_get("due_at")?,
        payload: row.try_get("payload")?,
    })
}

#[cfg(test)]
pub(crate) fn statements(backend: crate::store::db::backend::Backend) -> Vec<&'static str> {
    vec![
        backend.select(&CLAIM_TRANSACTIONAL),
        backend.select(&CLAIM_ISSUE),
        RELEASE_ALL,
        RELEASE,
        MARK_CORRUPT,
        UNREGISTER,
        UNREGISTER_DEAD,
        ORPHANED_LEASES,
        REQUEUE_SENDING,
        SKIP_UNWANTED,
        EXPIRE_SUPERSEDED,
        UPDATE_ADDRESSES,
        MARK_IN_DOUBT,
        RELEASE_DEFERRED,
    ]
}

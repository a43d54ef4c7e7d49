//! Taking deliveries up, and giving them back.

use fail::fail_point;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Row};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::ids::WorkerId;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::domain::subscriber::SubscriberId;
use crate::store::db::transaction::WriteTx;
use crate::store::queue::commit::{given_up, outdated, unwanted};
use crate::store::subscribers::address_change::update_address_sql;
use crate::store::{Store, StoreError, decode};

/// A delivery that a process has taken up.
#[derive(Clone, Debug)]
pub struct ClaimedDelivery {
    pub id: DeliveryId,
    pub kind: DeliveryKind,
    pub issue: Option<IssueId>,
    pub issue_number: Option<IssueNumber>,
    pub subscriber: Option<SubscriberId>,
    pub address: EmailAddress,
    /// Tries that were begun before this one.
    pub attempts: u32,
    /// How often no reply was read after the final dot.
    pub lost_replies: u32,
    pub queued_at: Timestamp,
    /// Since when it could have been taken up; a place in the queue, if it was never tried.
    pub due_at: Timestamp,
    pub payload: Option<String>,
}

/// A claim is one statement. The two databases differ in one thing: on PostgreSQL
/// claims that run side by side must pass over each other's rows, or an empty claim
/// would not mean an empty queue.
///
/// The order is the index's own. In it PostgreSQL still has what ended before `$5`, and
/// would have to pass over it each time.
macro_rules! claim {
    ($stream:literal, $locking:literal) => {
        concat!(
            "UPDATE deliveries SET state = 'leased', lease = $1, at = $2 WHERE id IN (
                SELECT id FROM deliveries WHERE ",
            $stream,
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

const CLAIM_MAIL: [&str; 2] = [
    claim!("issue_id IS NULL", ""),
    claim!("issue_id IS NULL", " FOR UPDATE SKIP LOCKED"),
];
const CLAIM_ISSUE: [&str; 2] = [
    claim!("issue_id = $4 AND due_at >= $5", ""),
    claim!("issue_id = $4 AND due_at >= $5", " FOR UPDATE SKIP LOCKED"),
];

const GIVE_BACK: &str = "UPDATE deliveries
    SET state = CASE WHEN attempts > 0 THEN 'deferred' ELSE 'queued' END, lease = NULL
    WHERE lease = $1 AND state = 'leased'";
const GIVE_BACK_ONE: &str = "UPDATE deliveries
    SET state = CASE WHEN attempts > 0 THEN 'deferred' ELSE 'queued' END, lease = NULL
    WHERE id = $2 AND lease = $1 AND state = 'leased'";
const SET_ASIDE: &str =
    "UPDATE deliveries SET state = 'bounced', due_at = NULL, lease = NULL, reply = $2
    WHERE id = $1 AND state = 'leased'";
// Whoever leaves outcomes behind that could not be written is taken for dead by the others,
// who know what to do with them.
const RESIGN: &str = "DELETE FROM workers WHERE id = $1
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE lease = $1 AND state = 'sending')";
const IS_STILL: &str = "DELETE FROM workers WHERE id = $1 AND heartbeat = $2";
// What the dead one had on a connection may have arrived. `$3` is how many lost replies
// are too many to send a copy of an issue once more, `$4` any other mail. The lease stays until
// the statements behind this one have looked whether it is still wanted, and where: this
// one may wait for whoever leaves, and would not see that they have.
const DOUBT: &str = "UPDATE deliveries SET lost_replies = lost_replies + 1, at = $2, state = 'deferred', due_at = $2
    WHERE lease = $1 AND state = 'sending' AND lost_replies + 1 < CASE WHEN kind = 'issue' THEN CAST($3 AS BIGINT) ELSE CAST($4 AS BIGINT) END";
const DOUBT_UNWANTED: &str = unwanted!("lease = $1");
const DOUBT_OUTDATED: &str = outdated!("lease = $1");
const DOUBT_FOLLOWS: &str = update_address_sql!("$2", "lease = $1");
const LET_GO: &str = "UPDATE deliveries SET lease = NULL WHERE lease = $1 AND state = 'deferred'";
const HOLD: &str = "UPDATE deliveries SET lost_replies = lost_replies + 1, lease = NULL, at = $2, state = 'in_doubt', due_at = NULL
    WHERE lease = $1 AND state = 'sending'";

impl Store {
    /// Takes up to `limit` due mails that belong to no issue.
    pub async fn claim_transactional(
        &self,
        worker: &WorkerId,
        limit: i64,
        now: Timestamp,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let claim = sqlx::query(self.backend.select(&CLAIM_MAIL))
            .bind(worker.to_string())
            .bind(now.as_millis())
            .bind(limit);
        self.claim(claim).await
    }

    /// Takes up to `limit` copies of one issue that are due, the first of those that fell
    /// due at `from` or later.
    pub async fn claim_issue(
        &self,
        worker: &WorkerId,
        issue: &IssueId,
        from: Timestamp,
        limit: i64,
        now: Timestamp,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let claim = sqlx::query(self.backend.select(&CLAIM_ISSUE))
            .bind(worker.to_string())
            .bind(now.as_millis())
            .bind(limit)
            .bind(issue.to_string())
            .bind(from.as_millis());
        self.claim(claim).await
    }

    async fn claim(
        &self,
        claim: Query<'_, Any, AnyArguments>,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let mut pen = self.claim_connection().await?;
        let rows = claim.fetch_all(pen.connection()).await?;
        pen.release();
        fail_point!("claim-unanswered", |_| Err(StoreError::ack_lost()));
        let mut jobs = Vec::with_capacity(rows.len());
        for row in &rows {
            match leased(row) {
                Ok(job) => jobs.push(job),
                Err(error) => self.mark_corrupt(row, &error).await?,
            }
        }
        Ok(jobs)
    }

    /// A damaged row must not stand in the way of all others.
    async fn mark_corrupt(&self, row: &AnyRow, error: &StoreError) -> Result<(), StoreError> {
        let id: String = row.try_get("id")?;
        tracing::error!(delivery = %id, "a delivery is damaged and cannot be sent");
        self.execute_write(SET_ASIDE, |update| {
            update.bind(id.clone()).bind(error.to_string())
        })
        .await?;
        Ok(())
    }

    /// Puts one delivery back that was taken up and not begun.
    pub async fn release_lease(
        &self,
        worker: &WorkerId,
        delivery: &DeliveryId,
    ) -> Result<(), StoreError> {
        self.execute_write(GIVE_BACK_ONE, |update| {
            update.bind(worker.to_string()).bind(delivery.to_string())
        })
        .await?;
        Ok(())
    }

    /// The orderly end of a process: all it had not begun goes back.
    pub async fn shutdown_worker(&self, worker: &WorkerId) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        // A claim may still be at work in the database; what it takes up then is taken up
        // again as what nobody owns.
        sqlx::query(GIVE_BACK)
            .bind(worker.to_string())
            .execute(&mut *tx)
            .await?;
        sqlx::query(RESIGN)
            .bind(worker.to_string())
            .execute(&mut *tx)
            .await?;
        fail_point!("resigning");
        tx.commit().await?;
        fail_point!("resigned");
        Ok(())
    }

    /// Takes up what a dead process had leased, unless its heart beat meanwhile: `beat`
    /// is the count at which it was seen standing still. What it was sending is in
    /// doubt, and `policy` says what becomes of it.
    pub async fn reclaim_leases(
        &self,
        dead: &WorkerId,
        beat: i64,
        policy: InDoubtPolicy,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await?;
        let ended = sqlx::query(IS_STILL)
            .bind(dead.to_string())
            .bind(beat)
            .execute(&mut *tx)
            .await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        resolve_leases(&mut tx, &dead.to_string(), policy, now).await?;
        fail_point!("taking-up");
        tx.commit().await?;
        fail_point!("taken-up");
        Ok(true)
    }
}

/// What nobody works on any more is in doubt, or goes back.
pub(crate) async fn resolve_leases(
    tx: &mut WriteTx,
    lease: &str,
    policy: InDoubtPolicy,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(DOUBT)
        .bind(lease.to_owned())
        .bind(now.as_millis())
        .bind(i64::from(policy.max_lost_replies(DeliveryKind::Issue)))
        .bind(i64::from(
            policy.max_lost_replies(DeliveryKind::Confirmation),
        ))
        .execute(&mut **tx)
        .await?;
    for statement in [DOUBT_UNWANTED, DOUBT_OUTDATED, DOUBT_FOLLOWS, HOLD] {
        sqlx::query(statement)
            .bind(lease.to_owned())
            .bind(now.as_millis())
            .execute(&mut **tx)
            .await?;
    }
    for statement in [LET_GO, GIVE_BACK] {
        sqlx::query(statement)
            .bind(lease.to_owned())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Marked is only what is stored as it would be sent.
fn as_stored(text: &str) -> Result<EmailAddress, EmailAddressError> {
    let address = EmailAddress::parse(text)?;
    if address.to_string() == text {
        Ok(address)
    } else {
        Err(EmailAddressError::Malformed)
    }
}

fn leased(row: &AnyRow) -> Result<ClaimedDelivery, StoreError> {
    let count = |name: &str| {
        row.try_get::<i64, _>(name)
            .map(|n| u32::try_from(n).unwrap_or(u32::MAX))
    };
    let parsed = |name: &str| row.try_get::<Option<String>, _>(name);
    Ok(ClaimedDelivery {
        id: DeliveryId::from_stored(row.try_get("id")?),
        kind: decode(
            "kind of delivery",
            row.try_get("kind")?,
            DeliveryKind::parse,
        )?,
        issue: parsed("issue_id")?
            .map(|id| decode("issue id", id, IssueId::parse))
            .transpose()?,
        issue_number: row
            .try_get::<Option<i64>, _>("number")?
            .and_then(|number| IssueNumber::new(number).ok()),
        subscriber: parsed("subscriber_id")?
            .map(|id| decode("subscriber id", id, SubscriberId::parse))
            .transpose()?,
        address: decode("address", row.try_get("address")?, as_stored)?,
        attempts: count("attempts")?,
        lost_replies: count("lost_replies")?,
        queued_at: Timestamp::from_millis(row.try_get("queued_at")?),
        due_at: Timestamp::from_millis(row.try_get("due_at")?),
        payload: row.try_get("payload")?,
    })
}

#[cfg(test)]
pub(crate) fn statements(backend: crate::store::db::backend::Backend) -> Vec<&'static str> {
    let index = usize::from(backend == crate::store::db::backend::Backend::Postgres);
    vec![
        CLAIM_MAIL[index],
        CLAIM_ISSUE[index],
        GIVE_BACK,
        GIVE_BACK_ONE,
        SET_ASIDE,
        RESIGN,
        IS_STILL,
        DOUBT,
        DOUBT_UNWANTED,
        DOUBT_OUTDATED,
        DOUBT_FOLLOWS,
        LET_GO,
        HOLD,
    ]
}

//! Mails to be sent, before anyone takes them up.

use sqlx::{Any, Row, Transaction};

use super::{Store, StoreError, decode};
use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::{IssueId, Tally};
use crate::domain::subscriber::SubscriberId;

/// A mail that is no issue's copy: those are made by the issue itself, all at once.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    pub id: DeliveryId,
    pub kind: DeliveryKind,
    pub subscriber: Option<SubscriberId>,
    pub address: EmailAddress,
    /// What the mail is made from, where the kind alone does not say it.
    pub payload: Option<String>,
}

const INSERT: &str = "INSERT INTO deliveries
    (id, kind, subscriber_id, address, state, due_at, attempts, lost_replies, payload, queued_at, at)
    VALUES ($1, $2, $3, $4, 'queued', $5, 0, 0, $6, $5, $5)";
// Each count reads an index and nothing else. What is deferred is among what is to go.
const TALLY: &str = "SELECT state, CAST(COUNT(*) AS BIGINT) AS n FROM deliveries
        WHERE issue_id = $1 AND due_at IS NULL GROUP BY state
    UNION ALL SELECT 'deferred', CAST(COUNT(*) AS BIGINT) FROM deliveries
        WHERE issue_id = $1 AND state = 'deferred'
    UNION ALL SELECT 'queued', CAST(COUNT(*) AS BIGINT) FROM deliveries
        WHERE issue_id = $1 AND due_at IS NOT NULL";
const DUE_AGAIN: &str = "UPDATE deliveries SET due_at = $2
    WHERE issue_id = $1 AND state = 'deferred' AND due_at > $2";
const TO_GO: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM deliveries WHERE due_at IS NOT NULL";
const QUEUE_ANEW: &str = "UPDATE deliveries SET state = 'queued', due_at = 0, reply = NULL, attempts = 0, lost_replies = 0,
    queued_at = $2, at = $2
    WHERE issue_id = $1 AND due_at IS NULL AND state IN ('bounced', 'in_doubt') AND address IS NOT NULL
      AND subscriber_id IN (SELECT id FROM subscribers WHERE state = 'confirmed')";

pub(super) async fn insert(
    tx: &mut Transaction<'static, Any>,
    mail: &NewDelivery,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(mail.id.to_string())
        .bind(mail.kind.as_str().to_owned())
        .bind(mail.subscriber.map(|id| id.to_string()))
        .bind(mail.address.to_string())
        .bind(now.as_millis())
        .bind(mail.payload.clone())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Store {
    pub async fn enqueue(&self, mail: &NewDelivery, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        insert(&mut tx, mail, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How the recipients of an issue are accounted for at this moment.
    pub async fn tally(&self, issue: &IssueId) -> Result<Tally, StoreError> {
        use crate::domain::delivery::DeliveryState::{self, *};
        let mut tally = Tally::default();
        for row in sqlx::query(TALLY)
            .bind(issue.to_string())
            .fetch_all(&self.pool)
            .await?
        {
            let count: i64 = row.try_get("n")?;
            match decode(
                "delivery state",
                row.try_get("state")?,
                DeliveryState::parse,
            )? {
                Queued | Leased | Sending => tally.queued += count,
                Deferred => tally.deferred += count,
                Delivered => tally.delivered += count,
                Bounced => tally.bounced += count,
                Skipped => tally.skipped += count,
                InDoubt => tally.in_doubt += count,
            }
        }
        tally.queued -= tally.deferred;
        Ok(tally)
    }

    /// How many mails of all kinds have not come to their end.
    pub async fn deliveries_to_go(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(TO_GO).fetch_one(&self.pool).await?)
    }

    /// Makes what waits for a later try of this issue fall due now. Returns how many.
    pub async fn try_now(&self, issue: &IssueId, now: Timestamp) -> Result<u64, StoreError> {
        let update = sqlx::query(DUE_AGAIN)
            .bind(issue.to_string())
            .bind(now.as_millis());
        Ok(update.execute(&self.pool).await?.rows_affected())
    }

    /// Queues an issue anew for those who bounced or are in doubt and still want it.
    /// Returns how many; the issue is sending again if there are any.
    pub async fn send_again(&self, issue: &IssueId, now: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.begin_write().await?;
        let update = sqlx::query(QUEUE_ANEW)
            .bind(issue.to_string())
            .bind(now.as_millis());
        let count = update.execute(&mut *tx).await?.rows_affected();
        if count > 0 {
            sqlx::query(super::issues::REOPEN)
                .bind(issue.to_string())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(count)
    }
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[INSERT, TALLY, DUE_AGAIN, TO_GO, QUEUE_ANEW];

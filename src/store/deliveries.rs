//! Mails to be sent, before anyone takes them up.

use super::transaction::Writing;
use super::{Store, StoreError};
use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::IssueId;
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
const DUE_AGAIN: &str = "UPDATE deliveries SET due_at = $2
    WHERE issue_id = $1 AND rests = 'deferred' AND due_at > $2";
const TO_GO: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM deliveries WHERE due_at IS NOT NULL";

pub(super) async fn insert(
    tx: &mut Writing,
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
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[INSERT, DUE_AGAIN, TO_GO];

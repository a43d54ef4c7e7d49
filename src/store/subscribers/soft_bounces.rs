//! Refusals that say something of a mailbox only when they come again, issue after issue.

use sqlx::Row;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryId;
use crate::domain::delivery::soft_bounce::SoftBounce;
use crate::domain::subscriber::SubscriberId;
use crate::store::StoreError;
use crate::store::db::transaction::WriteTx;

// The tries of one copy count once.
const NOTE: &str =
    "INSERT INTO soft_bounces (subscriber_id, kind, delivery_id, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (subscriber_id, kind, delivery_id) DO NOTHING";
// What arrived since says that the mailbox works.
const DISPROVED: &str = "DELETE FROM soft_bounces WHERE subscriber_id = $1 AND EXISTS (
    SELECT 1 FROM deliveries d WHERE d.subscriber_id = $1 AND d.state = 'delivered' AND d.at >= soft_bounces.at)";
const SO_FAR: &str =
    "SELECT CAST(COUNT(*) AS BIGINT) AS issues, CAST(MIN(at) AS BIGINT) AS first_at
    FROM soft_bounces WHERE subscriber_id = $1 AND kind = $2";
const FORGET: &str = "DELETE FROM soft_bounces WHERE subscriber_id = $1";

/// Notes one; true when with those before it settles that the address is dead.
pub(crate) async fn note(
    tx: &mut WriteTx,
    reader: &SubscriberId,
    refusal: SoftBounce,
    delivery: &DeliveryId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    sqlx::query(DISPROVED)
        .bind(reader.to_string())
        .execute(&mut **tx)
        .await?;
    sqlx::query(NOTE)
        .bind(reader.to_string())
        .bind(refusal.as_str())
        .bind(delivery.to_string())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
    let row = sqlx::query(SO_FAR)
        .bind(reader.to_string())
        .bind(refusal.as_str())
        .fetch_one(&mut **tx)
        .await?;
    let first = Timestamp::from_millis(row.try_get("first_at")?);
    Ok(refusal.is_conclusive(row.try_get("issues")?, first, now))
}

pub(crate) async fn forget(tx: &mut WriteTx, reader: &SubscriberId) -> Result<(), StoreError> {
    sqlx::query(FORGET)
        .bind(reader.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[NOTE, DISPROVED, SO_FAR, FORGET];

//! Readers whose address is dead: never written to again.

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::StoreError;
use crate::store::db::locks::SUPPRESSION_LOCK;
use crate::store::db::transaction::WriteTx;
use crate::store::deliveries::types::DeliveryUpdate;
use crate::store::subscribers::soft_bounces;
use crate::store::subscribers::state_log::StateChanges;
use crate::store::subscribers::{self, SKIP_ALL};

// The reader may have moved to another address meanwhile, which is not the dead one.
const SUPPRESS: &str = "UPDATE subscribers
    SET former_state = state, state = 'suppressed', state_at = $2, suppression_reason = $3
    WHERE id = $1 AND state IN ('pending', 'confirmed')
      AND address = COALESCE((SELECT address FROM deliveries WHERE id = $4), address) RETURNING former_state";
const BOUNCE: &str = "UPDATE deliveries SET state = 'bounced', due_at = NULL, at = $2
    WHERE id = $1 AND state = 'deferred'";

/// Ends whatever waits for this reader. False when they have moved or are suppressed already:
/// then nothing of theirs ends for it.
pub(crate) async fn suppress(
    tx: &mut WriteTx,
    reader: &SubscriberId,
    settled: &DeliveryUpdate,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let former: Vec<String> = sqlx::query_scalar(SUPPRESS)
        .bind(reader.to_string())
        .bind(now.as_millis())
        .bind(settled.reply.clone())
        .bind(settled.id.to_string())
        .fetch_all(&mut **tx)
        .await?;
    if former.is_empty() {
        return Ok(false);
    }
    let mut moves = StateChanges::default();
    moves.add_all(former, Some(SubscriberState::Suppressed))?;
    moves.write(tx, now).await?;
    sqlx::query(BOUNCE)
        .bind(settled.id.to_string())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
    subscribers::skip(tx, SKIP_ALL, reader, now).await?;
    soft_bounces::forget(tx, reader).await?;
    Ok(true)
}

/// Their copies of an issue that was frozen meanwhile. Behind all else that the transaction
/// waits for, since a freeze may wait for it.
pub(crate) async fn skip_concurrent_issue(
    tx: &mut WriteTx,
    suppressed: &[SubscriberId],
    now: Timestamp,
) -> Result<(), StoreError> {
    if suppressed.is_empty() {
        return Ok(());
    }
    sqlx::query(SUPPRESSION_LOCK).execute(&mut **tx).await?;
    for reader in suppressed {
        subscribers::skip(tx, SKIP_ALL, reader, now).await?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[SUPPRESS, BOUNCE];

//! Subscribers without a row, whose unsubscribe links keep working.

use crate::domain::subscriber::SubscriberId;
use crate::store::db::connect::Store;
use crate::store::db::transaction::WriteTx;
use crate::store::error::StoreError;
use crate::store::subscribers::types::Subscriber;

const SUCCESSOR: &str =
    "SELECT successor_id FROM former_subscribers WHERE id = $1 AND successor_id IS NOT NULL";
const INSERT_MERGED: &str = "INSERT INTO former_subscribers (id, successor_id) VALUES ($1, $2)
    ON CONFLICT (id) DO UPDATE SET successor_id = excluded.successor_id, address_mac = NULL";
const FOLLOW_MERGED: &str =
    "UPDATE former_subscribers SET successor_id = $2 WHERE successor_id = $1";
const INSERT_ERASED: &str = "INSERT INTO former_subscribers (id, address_mac) VALUES ($1, $2)
    ON CONFLICT (id) DO UPDATE SET successor_id = NULL, address_mac = excluded.address_mac";
const FOLLOW_ERASED: &str = "UPDATE former_subscribers SET successor_id = NULL, address_mac = $2
    WHERE successor_id = $1";
const LINK_RETURNED: &str = "UPDATE former_subscribers SET successor_id = $2, address_mac = NULL
    WHERE address_mac = $1";

impl Store {
    /// Returns the subscriber with this id, or the one that took its place.
    ///
    /// A subscriber takes the place of one that was merged into it, and of an erased one whose
    /// address it has confirmed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn subscriber_or_successor(
        &self,
        id: &SubscriberId,
    ) -> Result<Option<Subscriber>, StoreError> {
        if let Some(subscriber) = self.subscriber(id).await? {
            return Ok(Some(subscriber));
        }
        let successor: Option<SubscriberId> = sqlx::query_scalar(SUCCESSOR)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        match successor {
            Some(successor) => self.subscriber(&successor).await,
            None => Ok(None),
        }
    }
}

/// Records that `id` was merged into `successor`.
pub(crate) async fn record_merged(
    tx: &mut WriteTx,
    id: &SubscriberId,
    successor: &SubscriberId,
) -> Result<(), StoreError> {
    for statement in [FOLLOW_MERGED, INSERT_MERGED] {
        sqlx::query(statement)
            .bind(id)
            .bind(successor)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Records that `id` was erased, under the HMAC of its address.
pub(crate) async fn record_erased(
    tx: &mut WriteTx,
    id: &SubscriberId,
    address_mac: &str,
) -> Result<(), StoreError> {
    for statement in [FOLLOW_ERASED, INSERT_ERASED] {
        sqlx::query(statement)
            .bind(id)
            .bind(address_mac)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Lets the links of erased subscribers with the address of `address_macs` (one HMAC per secret
/// key) belong to `subscriber`, who has confirmed that address.
pub(crate) async fn link_returned(
    tx: &mut WriteTx,
    address_macs: &[String],
    subscriber: &SubscriberId,
) -> Result<(), StoreError> {
    for mac in address_macs {
        sqlx::query(LINK_RETURNED)
            .bind(mac)
            .bind(subscriber)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    SUCCESSOR,
    INSERT_MERGED,
    FOLLOW_MERGED,
    INSERT_ERASED,
    FOLLOW_ERASED,
    LINK_RETURNED,
];

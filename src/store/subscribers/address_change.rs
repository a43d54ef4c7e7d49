//! Change of a subscriber's address.

use std::slice;

use sqlx::AssertSqlSafe;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryId;
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::SubscriberState;
use crate::store::db::batch;
use crate::store::db::connect::Store;
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::enqueue::insert;
use crate::store::deliveries::sql::update_address_sql;
use crate::store::deliveries::types::NewDelivery;
use crate::store::error::StoreError;
use crate::store::subscribers::former;
use crate::store::subscribers::state_log;
use crate::store::subscribers::status::CLEAR_ERASED;
use crate::store::subscribers::suppression::{delete_soft_bounces, skip_all_deliveries};
use crate::store::subscribers::types::SUBSCRIBER_BY_KEY;
use crate::store::subscribers::types::Subscriber;

/// A change to a new address that the subscriber has confirmed.
#[derive(Clone, Debug)]
pub struct AddressChange<'a> {
    /// The new address.
    pub new_address: &'a EmailAddress,
    /// The IP address that confirmed the change, for the consent record.
    pub ip: Option<String>,
    /// The subscriber's new nonce, which invalidates links sent to the old address.
    pub nonce: String,
    /// HMACs of the new address under each secret key; a record that the address was erased
    /// is deleted.
    pub address_macs: Vec<String>,
    /// The HMAC of the old address, which keeps it out of later imports.
    pub previous_address_mac: String,
    /// The message that informs the old address.
    pub notice: NewDelivery,
}

const CHANGE_ADDRESS: &str = "UPDATE subscribers
    SET address = $3, address_key = $4, nonce = $5, confirmed_at = $6, confirmed_ip = $7
    WHERE id = $1 AND nonce = $2 AND state = 'confirmed'";
/// Redirects the open issue deliveries to the new address.
///
/// A leased delivery can no longer be started, because its worker expects the old address;
/// it is claimed again when the worker releases the lease. A delivery that is being sent is
/// written unchanged, so that the update waits for the row lock of a concurrent commit of its
/// result.
const REDIRECT: &str = "UPDATE deliveries SET address = CASE WHEN state = 'sending' THEN address ELSE $2 END
    WHERE subscriber_id = $1 AND kind = 'issue' AND state IN ('queued', 'leased', 'deferred', 'sending')";

/// Keeps the address that a subscriber has left out of later imports, like an erased one.
const INSERT_LEFT_ADDRESS: &str = "INSERT INTO erased_addresses (address_mac, erased_at)
    VALUES ($1, $2) ON CONFLICT (address_mac) DO NOTHING";

fn update_addresses_sql(count: usize) -> String {
    format!(
        update_address_sql!("$1", "id IN ({})"),
        batch::placeholders(2, count)
    )
}

const REASSIGN_DELIVERIES: &str =
    "UPDATE deliveries SET subscriber_id = $2 WHERE subscriber_id = $1";
const DELETE_INACTIVE: &str =
    "DELETE FROM subscribers WHERE id = $1 AND state <> 'confirmed' RETURNING state";

impl Store {
    /// Changes a subscriber's address.
    ///
    /// An inactive subscriber that holds the new address is merged into this one. Returns
    /// false if a confirmed subscriber holds it, or if `subscriber` has changed concurrently.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// the subscriber that holds the new address cannot be parsed.
    pub async fn change_address(
        &self,
        subscriber: &Subscriber,
        change: &AddressChange<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            if !release_address(&mut tx, subscriber, change.new_address, now).await? {
                return Ok(false);
            }
            let changed = sqlx::query(CHANGE_ADDRESS)
                .bind(subscriber.id)
                .bind(&subscriber.nonce)
                .bind(change.new_address)
                .bind(change.new_address.key())
                .bind(&change.nonce)
                .bind(now)
                .bind(&change.ip)
                .execute(&mut *tx)
                .await?;
            if changed.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(REDIRECT)
                .bind(subscriber.id)
                .bind(change.new_address)
                .execute(&mut *tx)
                .await?;
            // They concern the old mailbox.
            delete_soft_bounces(&mut tx, &subscriber.id).await?;
            sqlx::query(INSERT_LEFT_ADDRESS)
                .bind(&change.previous_address_mac)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            former::link_returned(&mut tx, &change.address_macs, &subscriber.id).await?;
            for mac in &change.address_macs {
                sqlx::query(CLEAR_ERASED)
                    .bind(mac)
                    .execute(&mut *tx)
                    .await?;
            }
            insert(&mut tx, slice::from_ref(&change.notice), now).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }
}

/// Sets those of `deliveries` that will be attempted again to their subscriber's address.
pub(crate) async fn update_pending_addresses(
    tx: &mut WriteTx,
    deliveries: &[&DeliveryId],
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in batch::chunks(deliveries) {
        let update = sqlx::query(AssertSqlSafe(update_addresses_sql(chunk.len()))).bind(now);
        chunk
            .iter()
            .fold(update, |query, id| query.bind(*id))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Merges an inactive subscriber that holds `address` into `subscriber`.
///
/// Returns false if a confirmed subscriber holds the address.
async fn release_address(
    tx: &mut WriteTx,
    subscriber: &Subscriber,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let holder: Option<Subscriber> = sqlx::query_as(SUBSCRIBER_BY_KEY)
        .bind(address.key())
        .fetch_optional(&mut **tx)
        .await?;
    let Some(holder) = holder.filter(|holder| holder.id != subscriber.id) else {
        return Ok(true);
    };
    if holder.state == SubscriberState::Confirmed {
        return Ok(false);
    }
    skip_all_deliveries(tx, &holder.id, now).await?;
    delete_soft_bounces(tx, &holder.id).await?;
    sqlx::query(REASSIGN_DELIVERIES)
        .bind(holder.id)
        .bind(subscriber.id)
        .execute(&mut **tx)
        .await?;
    let deleted: Vec<SubscriberState> = sqlx::query_scalar(DELETE_INACTIVE)
        .bind(holder.id)
        .fetch_all(&mut **tx)
        .await?;
    former::record_merged(tx, &holder.id, &subscriber.id).await?;
    state_log::record_all(tx, &deleted, None, now).await?;
    Ok(!deleted.is_empty())
}

#[cfg(test)]
pub(crate) fn statements() -> Vec<String> {
    let constants = [
        CHANGE_ADDRESS,
        REDIRECT,
        INSERT_LEFT_ADDRESS,
        REASSIGN_DELIVERIES,
        DELETE_INACTIVE,
    ];
    let constants = constants.map(str::to_owned);
    constants
        .into_iter()
        .chain([update_addresses_sql(10)])
        .collect()
}

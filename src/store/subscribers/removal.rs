//! Unsubscribe, erasure, and the purge of sign-ups that were never confirmed.

use sqlx::AssertSqlSafe;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryId;
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::db::batch;
use crate::store::db::connect::Store;
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::reports;
use crate::store::deliveries::sql::skip_sql;
use crate::store::error::StoreError;
use crate::store::subscribers::state_log::StateChanges;
use crate::store::subscribers::suppression::delete_soft_bounces;
use crate::store::subscribers::suppression_limit;
use crate::store::subscribers::{erased_text, former};

/// A subscriber to unsubscribe.
#[derive(Clone, Debug)]
pub struct Unsubscribe {
    /// The subscriber.
    pub id: SubscriberId,
    /// The new nonce, which invalidates the confirmation links sent before.
    pub nonce: String,
}

/// What [`Store::erase`] deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Number of subscribers.
    pub subscribers: u64,
    /// Their deliveries, whose messages the outbox may have kept.
    pub deliveries: Vec<DeliveryId>,
}

/// A subscriber to erase.
#[derive(Clone, Debug)]
pub struct Erase {
    /// The subscriber.
    pub id: SubscriberId,
    /// The HMAC of the address, which keeps the address out of later imports.
    pub address_mac: String,
}

fn unsubscribe_sql(count: usize) -> String {
    format!(
        "WITH v (id, nonce) AS (VALUES {})
        UPDATE subscribers SET former_state = state, state = 'unsubscribed', state_at = $1,
            nonce = v.nonce, paused_until = NULL
        FROM v WHERE subscribers.id = v.id AND state IN ('pending', 'confirmed', 'suppressed')
        RETURNING subscribers.id, former_state",
        batch::value_rows(2, count, &["$", "$"])
    )
}

/// Attributes an unsubscribe to the newest delivered issue.
const ATTRIBUTE_UNSUBSCRIBE: &str = "UPDATE deliveries SET unsubscribed_at = $2 WHERE id = (SELECT id FROM deliveries
    WHERE subscriber_id = $1 AND kind = 'issue' AND state = 'delivered' ORDER BY queued_at DESC LIMIT 1)";

const SKIP: &str = skip_sql!("$1", "subscriber_id IN ($ids)");

fn skip_deliveries_sql(count: usize) -> String {
    SKIP.replace("$ids", &batch::placeholders(2, count))
}

fn anonymize_deliveries_sql(count: usize) -> String {
    format!(
        "UPDATE deliveries SET address = NULL, subscriber_id = NULL, payload = NULL,
            reply = NULL
        WHERE subscriber_id IN ({}) RETURNING id",
        batch::placeholders(1, count)
    )
}

fn addresses_sql(count: usize) -> String {
    format!(
        "SELECT address FROM subscribers WHERE id IN ({})",
        batch::placeholders(1, count)
    )
}

fn insert_erased_sql(count: usize) -> String {
    format!(
        "INSERT INTO erased_addresses (address_mac, erased_at) VALUES {}
        ON CONFLICT (address_mac) DO NOTHING",
        batch::value_rows(1, count, &["$", "CAST($ AS BIGINT)"])
    )
}

fn delete_sql(count: usize) -> String {
    format!(
        "DELETE FROM subscribers WHERE id IN ({}) RETURNING state",
        batch::placeholders(1, count)
    )
}

/// Skips the open deliveries of expired sign-ups, and anonymizes all of them as an erasure
/// does.
const ANONYMIZE_EXPIRED: &str = "UPDATE deliveries SET address = NULL, subscriber_id = NULL, payload = NULL, reply = NULL,
    state = CASE WHEN due_at IS NULL THEN state ELSE 'skipped' END, due_at = NULL, lease = NULL, at = $2
    WHERE subscriber_id IN (SELECT id FROM subscribers
        WHERE state = 'pending' AND COALESCE(asked_at, created_at) <= $1 AND state_at <= $1)";
const DELETE_EXPIRED: &str = "DELETE FROM subscribers WHERE state = 'pending' AND COALESCE(asked_at, created_at) <= $1 AND state_at <= $1";

impl Store {
    /// Unsubscribes subscribers and skips their deliveries that are not being sent.
    ///
    /// The reason of a suppression is kept. Returns how many were not unsubscribed before.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn unsubscribe(
        &self,
        requests: &[Unsubscribe],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            let mut changes = StateChanges::default();
            for chunk in batch::chunks(requests) {
                let sql = AssertSqlSafe(unsubscribe_sql(chunk.len()));
                let mut update = sqlx::query_as(sql).bind(now);
                for request in chunk {
                    update = update.bind(request.id).bind(&request.nonce);
                }
                let updated: Vec<(SubscriberId, SubscriberState)> =
                    update.fetch_all(&mut *tx).await?;
                for (id, former) in updated {
                    changes.add(Some(former), Some(SubscriberState::Unsubscribed), 1);
                    sqlx::query(ATTRIBUTE_UNSUBSCRIBE)
                        .bind(id)
                        .bind(now)
                        .execute(&mut *tx)
                        .await?;
                }
                let ids: Vec<SubscriberId> = chunk.iter().map(|request| request.id).collect();
                skip_deliveries(&mut tx, &ids, now).await?;
            }
            let unsubscribed = changes.total();
            changes.write(&mut tx, now).await?;
            tx.commit().await?;
            Ok(unsubscribed)
        })
        .await
    }

    /// Deletes subscribers and records the HMACs of their addresses.
    ///
    /// Their deliveries remain without address, name and content, so that the counts of every
    /// issue stay correct. On SQLite the freed space is overwritten and the write-ahead log emptied.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored state cannot be parsed.
    pub async fn erase(&self, requests: &[Erase], now: Timestamp) -> Result<Erased, StoreError> {
        let erased = with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            let mut changes = StateChanges::default();
            let mut deliveries = Vec::new();
            for chunk in batch::chunks(requests) {
                let ids: Vec<SubscriberId> = chunk.iter().map(|request| request.id).collect();
                let addresses = stored_addresses(&mut tx, &ids).await?;
                for address in &addresses {
                    erased_text::cut_from_issues(&mut tx, address).await?;
                }
                skip_deliveries(&mut tx, &ids, now).await?;
                for id in &ids {
                    delete_soft_bounces(&mut tx, id).await?;
                    suppression_limit::delete(&mut tx, id).await?;
                    reports::delete(&mut tx, id).await?;
                }
                deliveries.extend(anonymize_deliveries(&mut tx, &ids).await?);
                for address in &addresses {
                    deliveries.extend(erased_text::cut_from_deliveries(&mut tx, address).await?);
                }
                record_erased(&mut tx, chunk, now).await?;
                changes.add_all(&delete_subscribers(&mut tx, &ids).await?, None);
            }
            let subscribers = changes.total();
            changes.write(&mut tx, now).await?;
            tx.commit().await?;
            Ok(Erased {
                subscribers,
                deliveries,
            })
        })
        .await?;
        self.empty_write_ahead_log().await;
        Ok(erased)
    }

    /// Deletes pending subscribers that last signed up at or before `before`.
    ///
    /// Returns how many were deleted.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn purge_pending(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let purged = with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(ANONYMIZE_EXPIRED)
                .bind(before)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            let purged = sqlx::query(DELETE_EXPIRED)
                .bind(before)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            let mut changes = StateChanges::default();
            changes.add(Some(SubscriberState::Pending), None, purged);
            changes.write(&mut tx, now).await?;
            tx.commit().await?;
            Ok(purged)
        })
        .await?;
        if purged > 0 {
            self.empty_write_ahead_log().await;
        }
        Ok(purged)
    }
}

async fn stored_addresses(
    tx: &mut WriteTx,
    subscribers: &[SubscriberId],
) -> Result<Vec<EmailAddress>, StoreError> {
    let select = sqlx::query_scalar(AssertSqlSafe(addresses_sql(subscribers.len())));
    let addresses: Vec<String> = subscribers
        .iter()
        .fold(select, |query, id| query.bind(id))
        .fetch_all(&mut **tx)
        .await?;
    // One that is no longer valid was never sent mail.
    Ok(addresses
        .iter()
        .filter_map(|address| EmailAddress::parse(address).ok())
        .collect())
}

async fn anonymize_deliveries(
    tx: &mut WriteTx,
    subscribers: &[SubscriberId],
) -> Result<Vec<DeliveryId>, StoreError> {
    for id in subscribers {
        delete_soft_bounces(tx, id).await?;
    }
    let update = AssertSqlSafe(anonymize_deliveries_sql(subscribers.len()));
    let ids: Vec<String> = subscribers
        .iter()
        .fold(sqlx::query_scalar(update), |query, id| query.bind(id))
        .fetch_all(&mut **tx)
        .await?;
    Ok(ids.into_iter().map(DeliveryId::from_stored).collect())
}

/// Records the HMACs of the addresses, and the ids for the links in their mails.
async fn record_erased(
    tx: &mut WriteTx,
    requests: &[Erase],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut insert = sqlx::query(AssertSqlSafe(insert_erased_sql(requests.len())));
    for request in requests {
        insert = insert.bind(&request.address_mac).bind(now);
    }
    insert.execute(&mut **tx).await?;
    for request in requests {
        former::record_erased(tx, &request.id, &request.address_mac).await?;
    }
    Ok(())
}

async fn delete_subscribers(
    tx: &mut WriteTx,
    subscribers: &[SubscriberId],
) -> Result<Vec<SubscriberState>, StoreError> {
    let delete = sqlx::query_scalar(AssertSqlSafe(delete_sql(subscribers.len())));
    let deleted = subscribers
        .iter()
        .fold(delete, |query, id| query.bind(id))
        .fetch_all(&mut **tx)
        .await?;
    Ok(deleted)
}

async fn skip_deliveries(
    tx: &mut WriteTx,
    subscribers: &[SubscriberId],
    now: Timestamp,
) -> Result<(), StoreError> {
    let update = sqlx::query(AssertSqlSafe(skip_deliveries_sql(subscribers.len()))).bind(now);
    subscribers
        .iter()
        .fold(update, |query, id| query.bind(id))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) fn statements() -> Vec<String> {
    vec![
        unsubscribe_sql(10),
        ATTRIBUTE_UNSUBSCRIBE.to_owned(),
        skip_deliveries_sql(10),
        anonymize_deliveries_sql(10),
        addresses_sql(10),
        insert_erased_sql(10),
        delete_sql(10),
        ANONYMIZE_EXPIRED.to_owned(),
        DELETE_EXPIRED.to_owned(),
    ]
}

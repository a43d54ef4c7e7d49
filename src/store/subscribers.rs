//! Readers, one at a time: signing up, confirming, leaving, pausing, erasing.

use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::transaction::again;
use super::{Store, StoreError, decode, refusals};
use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberState};

#[derive(Clone, Debug)]
pub struct Subscriber {
    pub id: SubscriberId,
    pub address: EmailAddress,
    pub name: Option<String>,
    pub state: SubscriberState,
    /// See `SecretKeys::confirmation_token`.
    pub nonce: String,
    pub paused_until: Option<Timestamp>,
    pub source: String,
    pub created_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
}

const COLUMNS: &str = "SELECT id, address, name, state, nonce, paused_until, source, created_at, confirmed_at FROM subscribers WHERE id = $1";
pub(super) const BY_KEY: &str = "SELECT id, address, name, state, nonce, paused_until, source, created_at, confirmed_at FROM subscribers WHERE address_key = $1";
const CONFIRM: &str = "UPDATE subscribers SET state = 'confirmed', state_at = $3, confirmed_at = $3, confirmed_ip = $4,
    suppressed_why = NULL, paused_until = NULL
    WHERE id = $1 AND nonce = $2 AND state <> 'confirmed'";
const UNSUBSCRIBE: &str =
    "UPDATE subscribers SET state = 'unsubscribed', state_at = $2, nonce = $3, paused_until = NULL
    WHERE id = $1 AND state IN ('pending', 'confirmed')";
const RETURN: &str = "UPDATE subscribers SET state = 'confirmed', state_at = $2
    WHERE id = $1 AND state = 'unsubscribed' AND confirmed_at IS NOT NULL";
// With which issue in hand they left: the newest that reached them.
const NOTE_LEAVING: &str = "UPDATE deliveries SET left_at = $2 WHERE id = (SELECT id FROM deliveries
    WHERE subscriber_id = $1 AND kind = 'issue' AND state = 'delivered' ORDER BY queued_at DESC LIMIT 1)";
const FORGET_LEAVING: &str = "UPDATE deliveries SET left_at = NULL WHERE subscriber_id = $1
    AND left_at = (SELECT state_at FROM subscribers WHERE id = $1 AND state = 'unsubscribed')";
const PAUSE: &str =
    "UPDATE subscribers SET paused_until = $2 WHERE id = $1 AND state = 'confirmed'";
const SKIP_ISSUES: &str =
    "UPDATE deliveries SET state = 'skipped', due_at = NULL, lease = NULL, at = $2
    WHERE subscriber_id = $1 AND kind = 'issue' AND state IN ('queued', 'leased', 'deferred')";
pub(super) const SKIP_ALL: &str =
    "UPDATE deliveries SET state = 'skipped', due_at = NULL, lease = NULL, at = $2
    WHERE subscriber_id = $1 AND state IN ('queued', 'leased', 'deferred')";
const CUT_TIES: &str = "UPDATE deliveries SET address = NULL, subscriber_id = NULL, payload = NULL WHERE subscriber_id = $1";
const NOTE_ERASED: &str = "INSERT INTO erased (address_mac, erased_at) VALUES ($1, $2) ON CONFLICT (address_mac) DO NOTHING";
pub(super) const WELCOME_BACK: &str = "DELETE FROM erased WHERE address_mac = $1";
const DELETE: &str = "DELETE FROM subscribers WHERE id = $1";
const PURGE_PENDING: &str =
    "DELETE FROM subscribers WHERE state = 'pending' AND COALESCE(asked_at, created_at) <= $1";

impl Store {
    pub async fn subscriber(&self, id: &SubscriberId) -> Result<Option<Subscriber>, StoreError> {
        let row = sqlx::query(COLUMNS)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(subscriber).transpose()
    }

    pub async fn subscriber_by_address(
        &self,
        address: &EmailAddress,
    ) -> Result<Option<Subscriber>, StoreError> {
        let row = sqlx::query(BY_KEY)
            .bind(address.key())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(subscriber).transpose()
    }

    /// Confirms a reader whose link was proven. False when there was nothing to change.
    pub async fn confirm(
        &self,
        subscriber: &Subscriber,
        ip: Option<&str>,
        address_macs: &[String],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let done = sqlx::query(CONFIRM)
                .bind(subscriber.id.to_string())
                .bind(subscriber.nonce.clone())
                .bind(now.as_millis())
                .bind(ip.map(str::to_owned))
                .execute(&mut *tx)
                .await?;
            for mac in address_macs {
                sqlx::query(WELCOME_BACK)
                    .bind(mac.clone())
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            Ok(done.rows_affected() > 0)
        })
        .await
    }

    /// Ends a subscription, and with it every copy that was not begun. The new nonce
    /// makes older confirmation links void: nobody is brought back by one.
    pub async fn unsubscribe(
        &self,
        id: &SubscriberId,
        nonce: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let done = sqlx::query(UNSUBSCRIBE)
                .bind(id.to_string())
                .bind(now.as_millis())
                .bind(nonce.to_owned())
                .execute(&mut *tx)
                .await?;
            let has_left = done.rows_affected() > 0;
            if has_left {
                sqlx::query(NOTE_LEAVING)
                    .bind(id.to_string())
                    .bind(now.as_millis())
                    .execute(&mut *tx)
                    .await?;
            }
            skip(&mut tx, SKIP_ALL, id, now).await?;
            tx.commit().await?;
            Ok(has_left)
        })
        .await
    }

    /// Takes an unsubscribing back, for one who had been confirmed.
    pub async fn return_to_list(
        &self,
        id: &SubscriberId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(FORGET_LEAVING)
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
            let done = sqlx::query(RETURN)
                .bind(id.to_string())
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(done.rows_affected() > 0)
        })
        .await
    }

    /// Leaves a reader out until then; `None` ends the pause.
    pub async fn pause(
        &self,
        id: &SubscriberId,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let done = sqlx::query(PAUSE)
                .bind(id.to_string())
                .bind(until.map(Timestamp::as_millis))
                .execute(&mut *tx)
                .await?;
            if until.is_some() {
                skip(&mut tx, SKIP_ISSUES, id, now).await?;
            }
            tx.commit().await?;
            Ok(done.rows_affected() > 0)
        })
        .await
    }

    /// Removes a reader. Their deliveries stay, without address or name, so that every
    /// issue's sums stay true. `address_mac` keeps them out of later imports.
    pub async fn erase(
        &self,
        id: &SubscriberId,
        address_mac: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            skip(&mut tx, SKIP_ALL, id, now).await?;
            refusals::forget(&mut tx, id).await?;
            sqlx::query(CUT_TIES)
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
            sqlx::query(NOTE_ERASED)
                .bind(address_mac.to_owned())
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            sqlx::query(DELETE)
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    /// Forgets sign-ups that nobody confirmed since `before`. Returns how many.
    pub async fn purge_pending(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(sqlx::query(PURGE_PENDING)
            .bind(before.as_millis())
            .execute(&self.pool)
            .await?
            .rows_affected())
    }
}

pub(super) async fn skip(
    tx: &mut Transaction<'static, Any>,
    statement: &'static str,
    id: &SubscriberId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(statement)
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) fn subscriber(row: &AnyRow) -> Result<Subscriber, StoreError> {
    Ok(Subscriber {
        id: decode("subscriber id", row.try_get("id")?, SubscriberId::parse)?,
        address: decode("address", row.try_get("address")?, EmailAddress::parse)?,
        name: row.try_get("name")?,
        state: decode(
            "subscriber state",
            row.try_get("state")?,
            SubscriberState::parse,
        )?,
        nonce: row.try_get("nonce")?,
        paused_until: row
            .try_get::<Option<i64>, _>("paused_until")?
            .map(Timestamp::from_millis),
        source: row.try_get("source")?,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        confirmed_at: row
            .try_get::<Option<i64>, _>("confirmed_at")?
            .map(Timestamp::from_millis),
    })
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    COLUMNS,
    BY_KEY,
    CONFIRM,
    UNSUBSCRIBE,
    RETURN,
    NOTE_LEAVING,
    FORGET_LEAVING,
    PAUSE,
    SKIP_ISSUES,
    SKIP_ALL,
    CUT_TIES,
    NOTE_ERASED,
    WELCOME_BACK,
    DELETE,
    PURGE_PENDING,
];

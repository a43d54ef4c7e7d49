//! Readers, one at a time: confirming, pausing, coming back.

pub(crate) mod address_change;
pub(crate) mod filter;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod record;
pub(crate) mod removal;
pub(crate) mod signup;
pub(crate) mod signup_rows;
pub(crate) mod soft_bounces;
pub(crate) mod state_log;
pub(crate) mod suppression;

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::sql::skip_sql;
use crate::store::subscribers::state_log::StateChanges;
use crate::store::{Store, StoreError, decode};

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

macro_rules! subscriber_rows {
    ($which:literal) => {
        concat!(
            "SELECT id, address, name, state, nonce, paused_until, source, created_at, confirmed_at
            FROM subscribers WHERE ",
            $which
        )
    };
}
pub(crate) use subscriber_rows;
const BY_ID: &str = subscriber_rows!("id = $1");
pub(crate) const BY_KEY: &str = subscriber_rows!("address_key = $1");
const CONFIRM: &str =
    "UPDATE subscribers SET former_state = state, state = 'confirmed', state_at = $3,
    confirmed_at = $3, confirmed_ip = $4, suppression_reason = NULL, paused_until = NULL
    WHERE id = $1 AND nonce = $2 AND state <> 'confirmed' RETURNING former_state";
const RETURN: &str =
    "UPDATE subscribers SET former_state = state, state = 'confirmed', state_at = $2
    WHERE id = $1 AND state = 'unsubscribed' AND confirmed_at IS NOT NULL RETURNING former_state";
// To where they stood, and never further: who had not confirmed is asked to, again.
const LIFT: &str =
    "UPDATE subscribers SET former_state = state, suppression_reason = NULL, state_at = $2,
    state = CASE WHEN confirmed_at IS NOT NULL AND COALESCE(former_state, 'confirmed') = 'confirmed'
        THEN 'confirmed' ELSE 'pending' END
    WHERE id = $1 AND state = 'suppressed' RETURNING state";
// With which issue in hand they left: the newest that reached them.
pub(crate) const NOTE_LEAVING: &str = "UPDATE deliveries SET unsubscribed_at = $2 WHERE id = (SELECT id FROM deliveries
    WHERE subscriber_id = $1 AND kind = 'issue' AND state = 'delivered' ORDER BY queued_at DESC LIMIT 1)";
const FORGET_LEAVING: &str = "UPDATE deliveries SET unsubscribed_at = NULL WHERE subscriber_id = $1
    AND unsubscribed_at = (SELECT state_at FROM subscribers WHERE id = $1 AND state = 'unsubscribed')";
const PAUSE: &str =
    "UPDATE subscribers SET paused_until = $2 WHERE id = $1 AND state = 'confirmed'";
const SKIP_ISSUES: &str = skip_sql!("$2", "subscriber_id = $1 AND kind = 'issue'");
pub(crate) const SKIP_ALL: &str = skip_sql!("$2", "subscriber_id = $1");
pub(crate) const CLEAR_ERASED: &str = "DELETE FROM erased_addresses WHERE address_mac = $1";
// Of their mails only the rows stay, as of one who is erased.
const FORGET_PENDING: &str = "UPDATE deliveries SET address = NULL, subscriber_id = NULL, payload = NULL, reply = NULL,
    state = CASE WHEN due_at IS NULL THEN state ELSE 'skipped' END, due_at = NULL, lease = NULL, at = $2
    WHERE subscriber_id IN (SELECT id FROM subscribers
        WHERE state = 'pending' AND COALESCE(asked_at, created_at) <= $1)";
const PURGE_PENDING: &str =
    "DELETE FROM subscribers WHERE state = 'pending' AND COALESCE(asked_at, created_at) <= $1";

impl Store {
    pub async fn subscriber(&self, id: &SubscriberId) -> Result<Option<Subscriber>, StoreError> {
        let row = sqlx::query(BY_ID)
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
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let former = sqlx::query_scalar(CONFIRM)
                .bind(subscriber.id.to_string())
                .bind(subscriber.nonce.clone())
                .bind(now.as_millis())
                .bind(ip.map(str::to_owned))
                .fetch_all(&mut *tx)
                .await?;
            let done = !former.is_empty();
            let mut moves = StateChanges::default();
            moves.add_all(former, Some(SubscriberState::Confirmed))?;
            moves.write(&mut tx, now).await?;
            for mac in address_macs {
                sqlx::query(CLEAR_ERASED)
                    .bind(mac.clone())
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            Ok(done)
        })
        .await
    }

    /// Takes an unsubscribing back, for one who had been confirmed.
    pub async fn resubscribe(&self, id: &SubscriberId, now: Timestamp) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(FORGET_LEAVING)
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
            let former = sqlx::query_scalar(RETURN)
                .bind(id.to_string())
                .bind(now.as_millis())
                .fetch_all(&mut *tx)
                .await?;
            let done = !former.is_empty();
            let mut moves = StateChanges::default();
            moves.add_all(former, Some(SubscriberState::Confirmed))?;
            moves.write(&mut tx, now).await?;
            tx.commit().await?;
            Ok(done)
        })
        .await
    }

    /// Ends a suppression: the reader is again what they were. `None` when there was
    /// nothing to lift.
    pub async fn lift_suppression(
        &self,
        id: &SubscriberId,
        now: Timestamp,
    ) -> Result<Option<SubscriberState>, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let state: Option<String> = sqlx::query_scalar(LIFT)
                .bind(id.to_string())
                .bind(now.as_millis())
                .fetch_optional(&mut *tx)
                .await?;
            let Some(state) = state else {
                return Ok(None);
            };
            let state = decode("subscriber state", state, SubscriberState::parse)?;
            let moves = StateChanges::one(Some(SubscriberState::Suppressed), Some(state));
            moves.write(&mut tx, now).await?;
            tx.commit().await?;
            Ok(Some(state))
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
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
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

    /// Forgets sign-ups that nobody confirmed since `before`. Returns how many.
    pub async fn purge_pending(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(FORGET_PENDING)
                .bind(before.as_millis())
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            let purged = sqlx::query(PURGE_PENDING)
                .bind(before.as_millis())
                .execute(&mut *tx)
                .await?
                .rows_affected();
            let mut moves = StateChanges::default();
            moves.add(Some(SubscriberState::Pending), None, purged);
            moves.write(&mut tx, now).await?;
            tx.commit().await?;
            Ok(purged)
        })
        .await
    }
}

pub(crate) async fn skip(
    tx: &mut WriteTx,
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

pub(crate) fn subscriber(row: &AnyRow) -> Result<Subscriber, StoreError> {
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
pub(crate) const STATEMENTS: &[&str] = &[
    BY_ID,
    BY_KEY,
    CONFIRM,
    RETURN,
    LIFT,
    NOTE_LEAVING,
    FORGET_LEAVING,
    PAUSE,
    SKIP_ISSUES,
    SKIP_ALL,
    CLEAR_ERASED,
    FORGET_PENDING,
    PURGE_PENDING,
];

//! Changes that a subscriber makes to the subscription: confirm, resubscribe, pause.

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::db::connect::Store;
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::db::transaction::with_retry;
use crate::store::deliveries::sql::skip_sql;
use crate::store::error::StoreError;
use crate::store::subscribers::former::link_returned;
use crate::store::subscribers::state_log;
use crate::store::subscribers::types::Subscriber;

const CONFIRM: &str =
    "UPDATE subscribers SET former_state = state, state = 'confirmed', state_at = $3,
    confirmed_at = $3, confirmed_ip = $4, suppression_reason = NULL, suppression_cause = NULL, paused_until = NULL
    WHERE id = $1 AND nonce = $2 AND state <> 'confirmed' RETURNING former_state";
const RESUBSCRIBE: &str =
    "UPDATE subscribers SET former_state = state, state = 'confirmed', state_at = $2,
        suppression_reason = NULL, suppression_cause = NULL
    WHERE id = $1 AND state = 'unsubscribed'
        AND (confirmed_at IS NOT NULL OR former_state = 'confirmed') RETURNING former_state";
/// Removes the unsubscribe from the issue that it was attributed to.
const CLEAR_UNSUBSCRIBE: &str = "UPDATE deliveries SET unsubscribed_at = NULL WHERE subscriber_id = $1
    AND unsubscribed_at = (SELECT state_at FROM subscribers WHERE id = $1 AND state = 'unsubscribed')";
const PAUSE: &str =
    "UPDATE subscribers SET paused_until = $2 WHERE id = $1 AND state = 'confirmed'";
const SKIP_ISSUES: &str = skip_sql!("$2", "subscriber_id = $1 AND kind = 'issue'");
/// Allows imports to add an address again that was erased.
pub(crate) const CLEAR_ERASED: &str = "DELETE FROM erased_addresses WHERE address_mac = $1";

impl Store {
    /// Confirms a subscriber after the confirmation token was verified.
    ///
    /// Ends a suppression and a pause. `address_macs` are the HMACs of the address under each
    /// secret key; a record that the address was erased is deleted. Returns false if the
    /// subscriber is confirmed already or the nonce has changed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// the stored state cannot be parsed.
    pub async fn confirm(
        &self,
        subscriber: &Subscriber,
        ip: Option<&str>,
        address_macs: &[String],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let former: Vec<SubscriberState> = sqlx::query_scalar(CONFIRM)
                .bind(subscriber.id)
                .bind(&subscriber.nonce)
                .bind(now)
                .bind(ip)
                .fetch_all(&mut *tx)
                .await?;
            state_log::record_all(&mut tx, &former, Some(SubscriberState::Confirmed), now).await?;
            for mac in address_macs {
                sqlx::query(CLEAR_ERASED)
                    .bind(mac)
                    .execute(&mut *tx)
                    .await?;
            }
            if !former.is_empty() {
                link_returned(&mut tx, address_macs, &subscriber.id).await?;
            }
            tx.commit().await?;
            Ok(!former.is_empty())
        })
        .await
    }

    /// Reverts the unsubscribe of a subscriber that had been confirmed.
    ///
    /// Returns false if the subscriber is not unsubscribed or was never confirmed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// the stored state cannot be parsed.
    pub async fn resubscribe(&self, id: &SubscriberId, now: Timestamp) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(CLEAR_UNSUBSCRIBE)
                .bind(id)
                .execute(&mut *tx)
                .await?;
            let former: Vec<SubscriberState> = sqlx::query_scalar(RESUBSCRIBE)
                .bind(id)
                .bind(now)
                .fetch_all(&mut *tx)
                .await?;
            state_log::record_all(&mut tx, &former, Some(SubscriberState::Confirmed), now).await?;
            tx.commit().await?;
            Ok(!former.is_empty())
        })
        .await
    }

    /// Pauses issues to a confirmed subscriber until `until`, or ends the pause (`None`).
    ///
    /// A pause skips the deliveries of issues that are not being sent yet. Returns false if
    /// the subscriber is not confirmed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn pause(
        &self,
        id: &SubscriberId,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            let paused = sqlx::query(PAUSE)
                .bind(id)
                .bind(until)
                .execute(&mut *tx)
                .await?;
            if until.is_some() {
                sqlx::query(SKIP_ISSUES)
                    .bind(id)
                    .bind(now)
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            Ok(paused.rows_affected() > 0)
        })
        .await
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    CONFIRM,
    RESUBSCRIBE,
    CLEAR_UNSUBSCRIBE,
    PAUSE,
    SKIP_ISSUES,
    CLEAR_ERASED,
];

//! Raised alerts, so that each event raises one alert however many processes see it.

use crate::domain::clock::Timestamp;
use crate::store::db::connect::Store;
use crate::store::db::transaction::with_retry;
use crate::store::deliveries::enqueue::insert;
use crate::store::deliveries::types::NewDelivery;
use crate::store::error::StoreError;

const RAISE: &str =
    "INSERT INTO alerts (event, raised_at) VALUES ($1, $2) ON CONFLICT (event) DO NOTHING";
const FIND: &str = "SELECT event FROM alerts WHERE event = $1";
const DUE: &str =
    "SELECT id FROM deliveries WHERE issue_id IS NULL AND kind = 'alert' AND due_at <= $1 LIMIT 1";

impl Store {
    /// Enqueues `messages`, all or none, unless an alert was raised for `event` before.
    ///
    /// Returns whether they were enqueued.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn enqueue_alert_once(
        &self,
        event: &str,
        messages: &[NewDelivery],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let raised = sqlx::query(RAISE)
                .bind(event)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            if raised.rows_affected() == 0 {
                return Ok(false);
            }
            insert(&mut tx, messages, now).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Returns whether an alert was raised for `event`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn alert_exists(&self, event: &str) -> Result<bool, StoreError> {
        let query = sqlx::query(FIND).bind(event);
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// Returns whether an alert is due or being sent.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn is_alert_due(&self, now: Timestamp) -> Result<bool, StoreError> {
        let query = sqlx::query(DUE).bind(now);
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[RAISE, FIND, DUE];

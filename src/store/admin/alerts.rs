//! What the owner is told: each event once, whoever sees it first.

use crate::domain::clock::Timestamp;
use crate::store::db::transaction::with_retry;
use crate::store::deliveries::enqueue::insert;
use crate::store::{NewDelivery, Store, StoreError};

const TELL: &str =
    "INSERT INTO alerts (event, raised_at) VALUES ($1, $2) ON CONFLICT (event) DO NOTHING";
const IS_TOLD: &str = "SELECT event FROM alerts WHERE event = $1";

impl Store {
    /// Queues `mails` for an event that nobody told of before; all or nothing. False when
    /// it was told already.
    pub async fn enqueue_alert_once(
        &self,
        event: &str,
        mails: &[NewDelivery],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let told = sqlx::query(TELL)
                .bind(event.to_owned())
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            if told.rows_affected() == 0 {
                return Ok(false);
            }
            insert(&mut tx, mails, now).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    pub async fn alert_exists(&self, event: &str) -> Result<bool, StoreError> {
        let query = sqlx::query(IS_TOLD).bind(event.to_owned());
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[TELL, IS_TOLD];

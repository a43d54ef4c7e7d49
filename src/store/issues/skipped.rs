//! Weeks that the editor wants no issue in.

use crate::domain::clock::Timestamp;
use crate::domain::issue::slot::Slot;
use crate::store::{Store, StoreError, decode};

const SKIP: &str =
    "INSERT INTO skipped_slots (slot, skipped_at) VALUES ($1, $2) ON CONFLICT (slot) DO NOTHING";
pub(crate) const UNSKIP: &str = "DELETE FROM skipped_slots WHERE slot = $1";
pub(crate) const IS_SKIPPED: &str = "SELECT slot FROM skipped_slots WHERE slot = $1";
const LATEST: &str = "SELECT slot FROM skipped_slots ORDER BY slot DESC LIMIT $1";

impl Store {
    /// From now on the week makes no issue by itself.
    pub async fn skip_slot(&self, slot: &Slot, now: Timestamp) -> Result<(), StoreError> {
        let insert = sqlx::query(SKIP)
            .bind(slot.to_string())
            .bind(now.as_millis());
        insert.execute(&self.pool).await?;
        Ok(())
    }

    pub async fn unskip_slot(&self, slot: &Slot) -> Result<(), StoreError> {
        let delete = sqlx::query(UNSKIP).bind(slot.to_string());
        delete.execute(&self.pool).await?;
        Ok(())
    }

    pub async fn is_slot_skipped(&self, slot: &Slot) -> Result<bool, StoreError> {
        let query = sqlx::query(IS_SKIPPED).bind(slot.to_string());
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// The latest first.
    pub async fn skipped_slots(&self, limit: i64) -> Result<Vec<Slot>, StoreError> {
        let slots: Vec<String> = sqlx::query_scalar(LATEST)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        slots
            .into_iter()
            .map(|slot| decode("slot", slot, Slot::parse))
            .collect()
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[SKIP, UNSKIP, IS_SKIPPED, LATEST];

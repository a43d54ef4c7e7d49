//! Slots that the editor skips.

use crate::domain::clock::Timestamp;
use crate::domain::issue::slot::Slot;
use crate::store::db::connect::Store;
use crate::store::error::StoreError;

const SKIP: &str =
    "INSERT INTO skipped_slots (slot, skipped_at) VALUES ($1, $2) ON CONFLICT (slot) DO NOTHING";
pub(crate) const UNSKIP: &str = "DELETE FROM skipped_slots WHERE slot = $1";
pub(crate) const IS_SKIPPED: &str = "SELECT slot FROM skipped_slots WHERE slot = $1";
const LATEST: &str = "SELECT slot FROM skipped_slots ORDER BY slot DESC LIMIT $1";

impl Store {
    /// Skips a slot: no issue is created for it automatically.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn skip_slot(&self, slot: &Slot, now: Timestamp) -> Result<(), StoreError> {
        let insert = sqlx::query(SKIP).bind(slot).bind(now);
        insert.execute(&self.pool).await?;
        Ok(())
    }

    /// Reverts [`skip_slot`](Self::skip_slot).
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn unskip_slot(&self, slot: &Slot) -> Result<(), StoreError> {
        let delete = sqlx::query(UNSKIP).bind(slot);
        delete.execute(&self.pool).await?;
        Ok(())
    }

    /// Returns whether a slot is skipped.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn is_slot_skipped(&self, slot: &Slot) -> Result<bool, StoreError> {
        let query = sqlx::query(IS_SKIPPED).bind(slot);
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// Returns up to `limit` skipped slots, latest first.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if a
    /// stored slot cannot be parsed.
    pub async fn skipped_slots(&self, limit: i64) -> Result<Vec<Slot>, StoreError> {
        let query = sqlx::query_scalar(LATEST).bind(limit);
        Ok(query.fetch_all(&self.pool).await?)
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[SKIP, UNSKIP, IS_SKIPPED, LATEST];

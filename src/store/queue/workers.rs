//! Registered workers and their heartbeats.

use sqlx::Row;

use crate::domain::clock::Timestamp;
use crate::domain::ids::WorkerId;
use crate::store::db::connect::Store;
use crate::store::error::StoreError;

const INSERT: &str = "INSERT INTO workers (id, heartbeat, started_at) VALUES ($1, 0, $2)";
const HEARTBEAT: &str = "UPDATE workers SET heartbeat = heartbeat + 1 WHERE id = $1";
const LIST: &str = "SELECT id, heartbeat FROM workers";

impl Store {
    /// Registers a worker, which may then claim deliveries.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn register_worker(
        &self,
        worker: &WorkerId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let insert = sqlx::query(INSERT).bind(worker).bind(now);
        insert.execute(&self.pool).await?;
        Ok(())
    }

    /// Increments a worker's heartbeat. Returns false if another worker has declared it dead and
    /// reclaimed its leases.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn heartbeat(&self, worker: &WorkerId) -> Result<bool, StoreError> {
        // Queues on the FIFO writer lock: a statement outside of it could wait in SQLite's busy
        // handler until other workers declare this one dead.
        let mut tx = self.begin_write().await?;
        let update = sqlx::query(HEARTBEAT).bind(worker);
        let updated = update.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(updated.rows_affected() > 0)
    }

    /// Returns every registered worker with its heartbeat counter.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if a
    /// stored id cannot be parsed.
    pub async fn workers(&self) -> Result<Vec<(WorkerId, i64)>, StoreError> {
        let rows = sqlx::query(LIST).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| Ok((row.try_get("id")?, row.try_get("heartbeat")?)))
            .collect()
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[INSERT, HEARTBEAT, LIST];

//! The processes that deliver, each with a heart that is counted.

use sqlx::Row;

use crate::domain::clock::Timestamp;
use crate::domain::ids::WorkerId;
use crate::store::{Store, StoreError, decode};

const JOIN: &str = "INSERT INTO workers (id, heartbeat, started_at) VALUES ($1, 0, $2)";
const BEAT: &str = "UPDATE workers SET heartbeat = heartbeat + 1 WHERE id = $1";
const ALL: &str = "SELECT id, heartbeat FROM workers";

impl Store {
    pub async fn register_worker(
        &self,
        worker: &WorkerId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(JOIN)
            .bind(worker.to_string())
            .bind(now.as_millis())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// False when others have declared this worker dead and taken its leases up.
    pub async fn heartbeat(&self, worker: &WorkerId) -> Result<bool, StoreError> {
        // In its turn: an engine at work could keep a lone statement waiting on SQLite until
        // others take this process for dead.
        let mut tx = self.begin_write().await?;
        let beaten = sqlx::query(BEAT)
            .bind(worker.to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(beaten.rows_affected() > 0)
    }

    /// Every worker with its count of beats.
    pub async fn workers(&self) -> Result<Vec<(WorkerId, i64)>, StoreError> {
        let rows = sqlx::query(ALL).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok((
                    decode("worker id", row.try_get("id")?, WorkerId::parse)?,
                    row.try_get("heartbeat")?,
                ))
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[JOIN, BEAT, ALL];

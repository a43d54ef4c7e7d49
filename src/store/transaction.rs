//! Write transactions: how they begin, and when they are tried again.

use std::time::Duration;

use sqlx::{Any, Transaction};

use super::connect::Backend;
use super::{Store, StoreError};

/// Tries before contention is reported as an error.
const TRIES: u32 = 6;

impl Store {
    /// Begins a transaction that will write. On SQLite the write lock is taken at once:
    /// a transaction that reads first and writes later would fail where it now waits.
    pub(super) async fn begin_write(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let begun = match self.backend {
            Backend::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Backend::Postgres => self.pool.begin().await?,
        };
        Ok(begun)
    }
}

/// Does `work` (a whole transaction) again when another transaction stood in its way.
pub(super) async fn again<T, F>(mut work: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut tries = 1;
    loop {
        match work().await {
            Err(error) if error.is_contention() && tries < TRIES => {
                tokio::time::sleep(Duration::from_millis(10 << tries)).await;
                tries += 1;
            }
            done => return done,
        }
    }
}

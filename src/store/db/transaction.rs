//! Write transactions and their retry after contention.

use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, Transaction};

use crate::store::db::backend::Backend;
use crate::store::db::connect::Store;
use crate::store::db::writer::WriterLock;
use crate::store::error::StoreError;

/// Maximum number of attempts before contention is returned as an error. The delays between them
/// double from 20 ms and add up to 620 ms.
const MAX_ATTEMPTS: u32 = 6;

/// A statement with bound parameters.
type Statement = Query<'static, Any, AnyArguments>;

/// A write transaction. Rolled back on drop unless committed.
pub(crate) struct WriteTx {
    // Declared before the lock, because fields are dropped in this order.
    transaction: Transaction<'static, Any>,
    pub backend: Backend,
    _lock: Option<WriterLock>,
}

impl WriteTx {
    /// Commits the transaction.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

impl Deref for WriteTx {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for WriteTx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

impl Store {
    /// Begins a write transaction.
    ///
    /// SQLite: `BEGIN IMMEDIATE`, because a transaction that reads first and then upgrades to a
    /// writer fails where this one waits. Queues on an in-process FIFO lock first, because
    /// SQLite's busy handler is not fair: a delivery worker that commits continuously would keep
    /// other writers waiting for seconds.
    pub(crate) async fn begin_write(&self) -> Result<WriteTx, StoreError> {
        let (lock, transaction) = match self.backend {
            Backend::Sqlite => {
                let lock = self.writer_slot.lock().await;
                (Some(lock), self.pool.begin_with("BEGIN IMMEDIATE").await?)
            }
            Backend::Postgres => (None, self.begin_uncancellable().await?),
        };
        Ok(WriteTx {
            transaction,
            backend: self.backend,
            _lock: lock,
        })
    }

    /// Executes one statement in its own write transaction and returns the number of rows that it
    /// changed.
    pub(crate) async fn execute_write(
        &self,
        statement: &'static str,
        bind: impl Fn(Statement) -> Statement,
    ) -> Result<u64, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let result = bind(sqlx::query(statement)).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(result.rows_affected())
        })
        .await
    }

    /// Runs `BEGIN` in a spawned task, so that cancelling the caller cannot leave an open
    /// transaction on a pooled connection.
    ///
    /// sqlx does not track a `BEGIN` whose response was not read: the next user of the connection
    /// would write into a transaction that never ends. The SQLite driver rolls it back.
    async fn begin_uncancellable(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin().await }).await;
        Ok(begun.map_err(|error| sqlx::Error::Io(io::Error::other(error)))??)
    }
}

/// Runs `work`, a whole transaction, and repeats it after contention with another transaction.
pub(crate) async fn with_retry<T, F>(mut work: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut attempt = 1;
    loop {
        match work().await {
            Err(error) if error.is_contention() && attempt < MAX_ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}

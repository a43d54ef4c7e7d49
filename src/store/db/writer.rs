//! Dedicated connections for the writes of the delivery worker.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::store::db::backend::Backend;
use crate::store::error::StoreError;

/// Session settings of a writer connection.
///
/// SQLite: 8 MiB page cache, enough for the hot index pages of a send. PostgreSQL: no sorts and
/// no sequential scans, because planner statistics lag behind a growing queue and each claim
/// would read and sort all of it instead of following the index.
const SESSION_SETUP: [&str; 2] = [
    "PRAGMA cache_size = -8192",
    "SET enable_sort = off; SET enable_seqscan = off",
];

/// A dedicated writer connection, opened on first use. Clones share the connection.
///
/// Avoids the pool's ping on checkout and check-in. On SQLite all worker writes share one slot:
/// two connections would sleep in the busy handler and drop their page cache after each other's
/// commits.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriterSlot(Arc<Mutex<Option<PoolConnection<Any>>>>);

/// Exclusive access to a [`WriterSlot`].
pub(crate) type WriterLock = OwnedMutexGuard<Option<PoolConnection<Any>>>;

impl WriterSlot {
    /// Waits for exclusive access. Waiters are served in FIFO order.
    pub async fn lock(&self) -> WriterLock {
        Arc::clone(&self.0).lock_owned().await
    }

    /// Waits for exclusive access and returns the connection, opening it if necessary.
    pub async fn acquire(
        &self,
        pool: &AnyPool,
        backend: Backend,
    ) -> Result<WriterGuard, StoreError> {
        let mut slot = self.lock().await;
        let connection = match slot.take() {
            Some(connection) => connection,
            None => {
                let mut connection = pool.acquire().await?;
                connection.close_on_drop();
                connection.execute(backend.select(&SESSION_SETUP)).await?;
                connection
            }
        };
        Ok(WriterGuard { slot, connection })
    }
}

/// Exclusive access to the writer connection.
///
/// Closes the connection on drop unless [`release`](Self::release) was called, because an aborted
/// statement may leave it in an unknown state, and its session settings must not return to the
/// pool.
pub(crate) struct WriterGuard {
    slot: WriterLock,
    connection: PoolConnection<Any>,
}

impl WriterGuard {
    /// Returns the connection.
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }

    /// Puts the connection back into its slot for the next write.
    pub fn release(mut self) {
        *self.slot = Some(self.connection);
    }
}

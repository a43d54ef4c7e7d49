//! The connection with which the engine writes.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::store::db::backend::Backend;
use crate::store::{Store, StoreError};

/// Kept from one write to the next, since the pool asks a connection for a sign of life
/// each time it is taken and each time it is brought back. On SQLite all that the engine
/// writes goes through it: two connections would wait for each other's lock in their
/// sleep, and forget what they know of the file whenever the other has written.
pub(crate) type WriterSlot = Arc<Mutex<Option<PoolConnection<Any>>>>;

/// What a kept connection is told at its beginning. SQLite: 8 MB of pages, so that the
/// ends of the indices that a send writes to stay at hand. PostgreSQL: never to sort, since
/// it learns too late how long a queue has become, and would rather read and sort all of it
/// for each claim than follow the index.
const SESSION_SETUP: [&str; 2] = [
    "PRAGMA cache_size = -8192",
    "SET enable_sort = off; SET enable_seqscan = off",
];

/// The right to write, in the order in which it was asked for.
pub(crate) type WriterLock = OwnedMutexGuard<Option<PoolConnection<Any>>>;

/// The pen in someone's hand. Unless it is [laid down](Self::lay_down) it is thrown away: who
/// knows whether it still writes, and what it was told at its beginning is for no other.
pub(crate) struct WriterGuard {
    place: WriterLock,
    connection: PoolConnection<Any>,
}

impl WriterGuard {
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }

    /// For the next one who writes.
    pub fn release(mut self) {
        *self.place = Some(self.connection);
    }
}

impl Store {
    pub(crate) async fn writer(&self) -> Result<WriterGuard, StoreError> {
        self.take(&self.writer_slot).await
    }

    /// To claim with. On PostgreSQL what is sent meanwhile need not wait for that.
    pub(crate) async fn claim_connection(&self) -> Result<WriterGuard, StoreError> {
        match self.backend {
            Backend::Sqlite => self.take(&self.writer_slot).await,
            Backend::Postgres => self.take(&self.claim_slot).await,
        }
    }

    async fn take(&self, pen: &WriterSlot) -> Result<WriterGuard, StoreError> {
        let mut place = Arc::clone(pen).lock_owned().await;
        let connection = match place.take() {
            Some(connection) => connection,
            None => {
                let mut connection = self.pool.acquire().await?;
                connection.close_on_drop();
                connection
                    .execute(self.backend.select(&SESSION_SETUP))
                    .await?;
                connection
            }
        };
        Ok(WriterGuard { place, connection })
    }
}

//! The connection with which the engine writes.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Store, StoreError};

/// Kept from one write to the next, since the pool asks a connection for a sign of life
/// each time it is taken and each time it is brought back. On SQLite all that the engine
/// writes goes through it: two connections would wait for each other's lock in their
/// sleep, and forget what they know of the file whenever the other has written.
pub(super) type Pen = Arc<Mutex<Option<PoolConnection<Any>>>>;

/// The right to write, in the order in which it was asked for.
pub(super) type Turn = OwnedMutexGuard<Option<PoolConnection<Any>>>;

/// The pen in someone's hand. Unless it is [laid down](Self::lay_down) it goes back to
/// the pool, which finds out whether it still writes.
pub(super) struct PenInHand {
    place: Turn,
    connection: PoolConnection<Any>,
}

impl PenInHand {
    pub fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }

    /// For the next one who writes.
    pub fn lay_down(mut self) {
        *self.place = Some(self.connection);
    }
}

impl Store {
    pub(super) async fn pen(&self) -> Result<PenInHand, StoreError> {
        let mut place = Arc::clone(&self.pen).lock_owned().await;
        let connection = match place.take() {
            Some(connection) => connection,
            None => self.pool.acquire().await?,
        };
        Ok(PenInHand { place, connection })
    }
}

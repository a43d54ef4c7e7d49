//! Write transactions: how they begin, and when they are tried again.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, Transaction};

use crate::store::db::backend::Backend;
use crate::store::db::writer::WriterLock;
use crate::store::{Store, StoreError};

/// Tries before contention is reported as an error.
const TRIES: u32 = 6;

/// A statement and what is bound to it.
type Statement = Query<'static, Any, AnyArguments>;

/// A transaction that writes. Dropped before its commit, it has written nothing.
pub(crate) struct WriteTx {
    // Ended before the turn is.
    transaction: Transaction<'static, Any>,
    pub backend: Backend,
    _turn: Option<WriterLock>,
}

impl WriteTx {
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
    /// Begins a transaction that will write. On SQLite the write lock is taken at once:
    /// a transaction that reads first and writes later would fail where it now waits. And
    /// it waits for its turn in this process first: SQLite lets whoever asks again at the
    /// right moment go before, and an engine at work would be that one for seconds.
    pub(crate) async fn begin_write(&self) -> Result<WriteTx, StoreError> {
        let (turn, transaction) = match self.backend {
            Backend::Sqlite => {
                let turn = Arc::clone(&self.writer_slot).lock_owned().await;
                (Some(turn), self.pool.begin_with("BEGIN IMMEDIATE").await?)
            }
            Backend::Postgres => (None, self.begin_uncancellable().await?),
        };
        Ok(WriteTx {
            transaction,
            backend: self.backend,
            _turn: turn,
        })
    }

    /// A transaction of one statement. Returns how many rows it changed.
    pub(crate) async fn execute_write(
        &self,
        statement: &'static str,
        bind: impl Fn(Statement) -> Statement,
    ) -> Result<u64, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let done = bind(sqlx::query(statement)).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(done.rows_affected())
        })
        .await
    }

    /// In a task of its own, which goes on when whoever asked is gone: of a BEGIN whose
    /// answer was not read sqlx knows nothing, and the next one on that connection would
    /// write into a transaction that never ends. SQLite's connections take it back.
    async fn begin_uncancellable(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin().await }).await;
        Ok(begun.map_err(|error| sqlx::Error::Io(io::Error::other(error)))??)
    }
}

/// Does `work` (a whole transaction) again when another transaction stood in its way.
pub(crate) async fn with_retry<T, F>(mut work: impl FnMut() -> F) -> Result<T, StoreError>
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

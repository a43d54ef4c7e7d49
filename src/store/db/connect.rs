//! Opens the database and applies migrations.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Once;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{AnyPool, AssertSqlSafe, Connection, Executor};

use crate::domain::database_url::DatabaseUrl;
use crate::store::db::backend::Backend;
use crate::store::db::writer::{WriterGuard, WriterSlot};
use crate::store::error::StoreError;

/// Handle to the database. Cheap to clone; clones share one connection pool.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: AnyPool,
    pub(crate) backend: Backend,
    pub(crate) writer_slot: WriterSlot,
    /// Used on PostgreSQL only.
    pub(crate) claim_slot: WriterSlot,
}

/// How long SQLite's busy handler waits for the write lock of another process.
///
/// Longer than the largest transaction takes, an import or a fan-out batch of 50,000 rows.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long emptying the write-ahead log waits for readers. Other writers wait meanwhile.
const CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a request waits for a connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum number of connections in the pool.
const MAX_CONNECTIONS: u32 = 16;

static DRIVERS: Once = Once::new();

impl Store {
    /// Opens the database, creating the SQLite file if necessary, and applies migrations.
    ///
    /// # Errors
    /// Returns [`StoreError::Folder`] or [`StoreError::Open`] if the database cannot be opened,
    /// [`StoreError::Newer`], [`StoreError::Edited`] or [`StoreError::Prerelease`] if its schema
    /// is not one that this version can upgrade, and [`StoreError::Migration`] if the upgrade
    /// fails.
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, StoreError> {
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        // Hold the lock while opening the first connection: switching to WAL needs exclusive
        // access.
        let (backend, lock) = match url {
            DatabaseUrl::Sqlite(path) => (Backend::Sqlite, Some(lock_file(path).await?)),
            DatabaseUrl::Postgres(_) => (Backend::Postgres, None),
        };
        let store = Self {
            pool: open_pool(url).await?,
            backend,
            writer_slot: WriterSlot::default(),
            claim_slot: WriterSlot::default(),
        };
        store.migrate().await?;
        drop(lock);
        Ok(store)
    }

    /// Checks that the database responds.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.pool.execute("SELECT 1").await?;
        Ok(())
    }

    /// Acquires the writer connection.
    pub(crate) async fn writer(&self) -> Result<WriterGuard, StoreError> {
        self.writer_slot.acquire(&self.pool, self.backend).await
    }

    /// Acquires the connection for claims. PostgreSQL has a separate one, so that claims and
    /// commits run concurrently.
    pub(crate) async fn claim_connection(&self) -> Result<WriterGuard, StoreError> {
        let slot = match self.backend {
            Backend::Sqlite => &self.writer_slot,
            Backend::Postgres => &self.claim_slot,
        };
        slot.acquire(&self.pool, self.backend).await
    }

    /// Moves everything from SQLite's write-ahead log into the database file and empties the log,
    /// so that it no longer holds pages from before an erasure.
    ///
    /// A reader that is busy for longer than [`CHECKPOINT_TIMEOUT`] prevents it; the log is then
    /// emptied by the next erasure or at the end of the process.
    pub(crate) async fn empty_write_ahead_log(&self) {
        if self.backend != Backend::Sqlite {
            return;
        }
        let _lock = self.writer_slot.lock().await;
        if let Err(error) = self.checkpoint().await {
            tracing::warn!(%error, "cannot empty the write-ahead log after an erasure");
        }
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        let timeout =
            |limit: Duration| AssertSqlSafe(format!("PRAGMA busy_timeout = {}", limit.as_millis()));
        let mut connection = self.pool.acquire().await?;
        connection.execute(timeout(CHECKPOINT_TIMEOUT)).await?;
        let checkpoint = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
        connection.execute(timeout(BUSY_TIMEOUT)).await?;
        checkpoint?;
        Ok(())
    }

    /// Closes every connection. SQLite then checkpoints the WAL into the file.
    pub async fn close(&self) {
        for slot in [&self.writer_slot, &self.claim_slot] {
            slot.lock().await.take();
        }
        // SQLite checkpoints the WAL when the last connection closes. Keep one open until the
        // others are closed, since connections closing concurrently both skip the checkpoint.
        let last = match self.backend {
            Backend::Sqlite => self.pool.acquire().await.ok(),
            Backend::Postgres => None,
        };
        let last = last.map(PoolConnection::detach);
        self.pool.close().await;
        if let Some(last) = last {
            let _ = last.close().await;
        }
    }
}

async fn open_pool(url: &DatabaseUrl) -> Result<AnyPool, StoreError> {
    let (driver_url, place) = match url {
        DatabaseUrl::Sqlite(path) => (sqlite_url(path), path.display().to_string()),
        DatabaseUrl::Postgres(url) => (
            url.expose_secret().to_owned(),
            "the PostgreSQL database".to_owned(),
        ),
    };
    let open_error = |source| StoreError::Open {
        place: place.clone(),
        source,
    };
    let options = AnyConnectOptions::from_str(&driver_url).map_err(open_error)?;
    let is_sqlite = matches!(url, DatabaseUrl::Sqlite(_));
    AnyPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if is_sqlite {
                    let pragmas = format!(
                        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 4000",
                        BUSY_TIMEOUT.as_millis()
                    );
                    connection.execute(AssertSqlSafe(pragmas)).await?;
                }
                Ok(())
            })
        })
        // After a COMMIT that failed because the disk was full, sqlx still counts a transaction
        // as open, and the connection could never begin another one.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await
        .map_err(open_error)
}

/// Returns the driver's URL for `path`, with the characters escaped that have a meaning in URLs.
fn sqlite_url(path: &Path) -> String {
    let path = path.to_string_lossy();
    let escaped = path
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    format!("sqlite:{escaped}?mode=rwc")
}

/// Creates the folder of the database and locks the file `DATABASE.lock` next to it until the
/// returned file is dropped.
///
/// Serializes processes that create or upgrade the same file at the same time: sqlx's migration
/// lock does nothing on SQLite.
async fn lock_file(database: &Path) -> Result<File, StoreError> {
    let folder = match database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut lock_path = database.as_os_str().to_owned();
    lock_path.push(".lock");
    let folder_name = folder.display().to_string();
    let locked = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock_path)?;
        file.lock()?;
        Ok(file)
    });
    let result = match locked.await {
        Ok(result) => result,
        Err(error) => Err(std::io::Error::other(error)),
    };
    result.map_err(|source| StoreError::Folder {
        folder: folder_name,
        source,
    })
}

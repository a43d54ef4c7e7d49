//! Opening the database and bringing it up to date.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Once;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{AnyPool, AssertSqlSafe, Connection, Executor};

use crate::store::StoreError;
use crate::store::db::backend::Backend;
use crate::store::db::writer::WriterSlot;

/// Where the database is.
#[derive(Clone)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    /// A `postgres://` URL, which may hold a password.
    Postgres(String),
}

/// The handle to all that is kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: AnyPool,
    pub(crate) backend: Backend,
    pub(crate) writer_slot: WriterSlot,
    pub(crate) claim_slot: WriterSlot,
}

/// How long a writer waits for another process's transaction on the same SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
const MAX_CONNECTIONS: u32 = 16;

static DRIVERS: Once = Once::new();

impl Store {
    /// Opens the database, makes it if need be, and brings it up to date.
    ///
    /// # Errors
    /// When it cannot be opened or written, or a newer version made it.
    pub async fn connect(place: &DatabaseUrl) -> Result<Self, StoreError> {
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let backend = match place {
            DatabaseUrl::Sqlite(_) => Backend::Sqlite,
            DatabaseUrl::Postgres(_) => Backend::Postgres,
        };
        // Held over the first connection too: turning on WAL needs the file alone.
        let guard = match place {
            DatabaseUrl::Sqlite(path) => Some(lock_file(path).await?),
            DatabaseUrl::Postgres(_) => None,
        };
        let pool = open(place).await?;
        let store = Self {
            pool,
            backend,
            writer_slot: WriterSlot::default(),
            claim_slot: WriterSlot::default(),
        };
        store.migrate().await?;
        drop(guard);
        Ok(store)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.pool.execute("SELECT 1").await?;
        Ok(())
    }

    /// Ends every connection; SQLite folds its log into the file.
    pub async fn close(&self) {
        for pen in [&self.writer_slot, &self.claim_slot] {
            pen.lock().await.take();
        }
        // SQLite folds when the last one ends, and two that end at one moment both take the
        // other for a reader.
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

async fn open(place: &DatabaseUrl) -> Result<AnyPool, StoreError> {
    let (url, name) = match place {
        DatabaseUrl::Sqlite(path) => (sqlite_url(path), path.display().to_string()),
        DatabaseUrl::Postgres(url) => (url.clone(), "the PostgreSQL database".to_owned()),
    };
    let failed = |source| StoreError::Open {
        place: name.clone(),
        source,
    };
    let options = AnyConnectOptions::from_str(&url).map_err(failed)?;
    let sqlite = matches!(place, DatabaseUrl::Sqlite(_));
    AnyPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(Duration::from_secs(30))
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if sqlite {
                    let pragmas = format!(
                        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000",
                        BUSY_TIMEOUT.as_millis()
                    );
                    connection.execute(AssertSqlSafe(pragmas)).await?;
                }
                Ok(())
            })
        })
        // After a commit that found no room on the disk sqlx counts a transaction that is none,
        // and such a connection would never begin one again.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await
        .map_err(failed)
}

/// A path may hold characters that mean something in a URL.
fn sqlite_url(path: &Path) -> String {
    let path = path.to_string_lossy();
    let escaped = path
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    format!("sqlite:{escaped}?mode=rwc")
}

/// Two first starts on one file must not race, and sqlx's own lock does nothing on
/// SQLite: a lock on a file beside the database, let go when dropped.
async fn lock_file(database: &Path) -> Result<File, StoreError> {
    let folder = match database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut lock = database.as_os_str().to_owned();
    lock.push(".lock");
    let name = folder.display().to_string();
    let locked = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock)?;
        file.lock()?;
        Ok(file)
    });
    let failed = |source| StoreError::Folder {
        folder: name,
        source,
    };
    match locked.await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(source)) => Err(failed(source)),
        Err(error) => Err(failed(std::io::Error::other(error))),
    }
}

//! Opening the database and bringing it up to date.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Once;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::{AnyPool, AssertSqlSafe, Connection, Executor, SqlSafeStr};

use crate::domain::database_url::DatabaseUrl;
use crate::store::StoreError;
use crate::store::db::writer::WriterSlot;
use crate::store::intake::SignupBatcher;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// The handle to all that is kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: AnyPool,
    pub(crate) backend: Backend,
    pub(crate) pen: WriterSlot,
    pub(crate) claiming_pen: WriterSlot,
    pub(in crate::store) intake: SignupBatcher,
}

/// In the order of their numbers; append only.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "the line",
        include_str!("../../../migrations/0001_the_line.sql"),
    ),
    (
        2,
        "more kinds of mail",
        include_str!("../../../migrations/0002_more_kinds_of_mail.sql"),
    ),
    (
        3,
        "editing",
        include_str!("../../../migrations/0003_editing.sql"),
    ),
    (
        4,
        "subscriber moves",
        include_str!("../../../migrations/0004_subscriber_moves.sql"),
    ),
    (
        5,
        "what the desk sees of a send",
        include_str!("../../../migrations/0005_what_the_desk_sees_of_a_send.sql"),
    ),
    (
        6,
        "audit",
        include_str!("../../../migrations/0006_audit.sql"),
    ),
    (
        7,
        "settings",
        include_str!("../../../migrations/0007_settings.sql"),
    ),
    (
        8,
        "refusals",
        include_str!("../../../migrations/0008_refusals.sql"),
    ),
    (
        9,
        "copies at rest",
        include_str!("../../../migrations/0009_copies_at_rest.sql"),
    ),
    (
        10,
        "who is paused",
        include_str!("../../../migrations/0010_who_is_paused.sql"),
    ),
    (
        11,
        "pauses",
        include_str!("../../../migrations/0011_pauses.sql"),
    ),
    (
        12,
        "where copies rest",
        include_str!("../../../migrations/0012_where_copies_rest.sql"),
    ),
    (
        13,
        "policy streaks",
        include_str!("../../../migrations/0013_policy_streaks.sql"),
    ),
    (
        14,
        "room to write in place",
        include_str!("../../../migrations/0014_room_to_write_in_place.sql"),
    ),
    (
        15,
        "issue tallies",
        include_str!("../../../migrations/0015_issue_tallies.sql"),
    ),
    (
        16,
        "api tokens",
        include_str!("../../../migrations/0016_api_tokens.sql"),
    ),
    (
        17,
        "queues in the making",
        include_str!("../../../migrations/0017_queues_in_the_making.sql"),
    ),
];

/// What one database alone needs before the migration of that number: how text compares,
/// how full a page becomes and how triggers are written is different in each.
const BACKEND_MIGRATIONS: &[(i64, Backend, &str)] = &[
    (
        4,
        Backend::Postgres,
        include_str!("../../../migrations/0004_on_postgres_first.sql"),
    ),
    (
        14,
        Backend::Postgres,
        include_str!("../../../migrations/0014_on_postgres_first.sql"),
    ),
    (
        15,
        Backend::Postgres,
        include_str!("../../../migrations/0015_on_postgres_first.sql"),
    ),
    (
        15,
        Backend::Sqlite,
        include_str!("../../../migrations/0015_on_sqlite_first.sql"),
    ),
];

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
            pen: WriterSlot::default(),
            claiming_pen: WriterSlot::default(),
            intake: SignupBatcher::default(),
        };
        store.migrate().await?;
        drop(guard);
        Ok(store)
    }

    /// How many migrations this version knows.
    pub fn schema_version() -> i64 {
        MIGRATIONS.last().map_or(0, |(version, _, _)| *version)
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let known = MIGRATIONS.iter().map(|(version, name, sql)| {
            let sql = format!("{}{sql}", self.first(*version));
            Migration::new(
                *version,
                (*name).into(),
                MigrationType::Simple,
                AssertSqlSafe(sql).into_sql_str(),
                false,
            )
        });
        // On PostgreSQL sqlx holds an advisory lock meanwhile.
        let migrator = Migrator::with_migrations(known.collect());
        migrator.run(&self.pool).await.map_err(|error| match error {
            MigrateError::VersionMissing(version) => StoreError::Newer(version),
            MigrateError::VersionMismatch(version) => StoreError::Edited(version),
            error => StoreError::Migration(error),
        })
    }

    fn first(&self, version: i64) -> &'static str {
        let only = BACKEND_MIGRATIONS
            .iter()
            .find(|(of, backend, _)| (*of, *backend) == (version, self.backend));
        only.map_or("", |(_, _, sql)| sql)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.pool.execute("SELECT 1").await?;
        Ok(())
    }

    /// Ends every connection; SQLite folds its log into the file.
    pub async fn close(&self) {
        for pen in [&self.pen, &self.claiming_pen] {
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
        DatabaseUrl::Postgres(url) => (
            url.expose_secret().to_owned(),
            "the PostgreSQL database".to_owned(),
        ),
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

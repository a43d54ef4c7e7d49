//! Schema migrations, and the upgrade of databases made before the first release.
//!
//! Migrations are the files `migrations/VERSION_description.sql`, embedded at compile time and run
//! in the order of their versions. `VERSION_description.sqlite.sql` and `….postgres.sql` hold
//! statements that only one database understands; they are appended to the shared text.

use rust_embed::RustEmbed;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AssertSqlSafe, Row, SqlSafeStr};

use crate::store::db::backend::Backend;
use crate::store::db::connect::Store;
use crate::store::error::StoreError;

#[derive(RustEmbed)]
#[folder = "migrations"]
struct Files;

/// Last of the numbered migrations that existed before the first release.
const PRERELEASE_VERSION: i64 = 17;

/// Key of the PostgreSQL advisory lock that serializes concurrent upgrades; any constant that no
/// other program on the same database uses.
const UPGRADE_LOCK: &str = "SELECT pg_advisory_xact_lock(5738206471)";

const UPGRADE: &str = include_str!("upgrade_from_prerelease.sql");

/// The counting triggers are recreated by the schema's backend-specific file.
const DROP_TRIGGER: [&str; 2] = [
    "DROP TRIGGER deliveries_counted;",
    "DROP TRIGGER deliveries_counted ON deliveries; DROP FUNCTION count_copies();",
];

const HAS_HISTORY: [&str; 2] = [
    "SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'",
    "SELECT 1 FROM pg_class WHERE oid = to_regclass('_sqlx_migrations')",
];
const NEWEST_PRERELEASE: &str = "SELECT MAX(version) FROM _sqlx_migrations WHERE version < $1";
const CLEAR_HISTORY: &str = "DELETE FROM _sqlx_migrations";
const RECORD_BASELINE: &str = "INSERT INTO _sqlx_migrations \
    (version, description, success, checksum, execution_time) VALUES ($1, $2, TRUE, $3, 0)";

/// Versions from here on are time stamps (`YYYYMMDDhhmmss`); lower ones are pre-release numbers.
const FIRST_TIMESTAMP: i64 = 20_000_000_000_000;

impl Store {
    /// Returns the version of the newest migration that this program contains.
    pub fn schema_version() -> i64 {
        Files::iter()
            .filter_map(|file| version_of(&file))
            .max()
            .unwrap_or(0)
    }

    /// Brings the schema up to date. On PostgreSQL sqlx holds an advisory lock; on SQLite the
    /// caller holds the lock file.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let migrations = migrations(self.backend);
        if let Some(baseline) = migrations.first() {
            self.upgrade_prerelease(baseline).await?;
        }
        let migrator = Migrator::with_migrations(migrations);
        migrator.run(&self.pool).await.map_err(|error| match error {
            MigrateError::VersionMissing(version) => StoreError::Newer(version),
            MigrateError::VersionMismatch(version) => StoreError::Edited(version),
            error => StoreError::Migration(error),
        })
    }

    /// Renames tables and columns of a pre-release database and records the first migration as
    /// applied. Does nothing on other databases.
    async fn upgrade_prerelease(&self, baseline: &Migration) -> Result<(), StoreError> {
        let has_history = self.backend.select(&HAS_HISTORY);
        let history = sqlx::query(has_history).fetch_optional(&self.pool).await?;
        if history.is_none() {
            return Ok(());
        }
        let mut tx = self.pool.begin().await?;
        if self.backend == Backend::Postgres {
            sqlx::query(UPGRADE_LOCK).execute(&mut *tx).await?;
        }
        match newest_prerelease(&mut tx).await? {
            None => return Ok(()),
            Some(PRERELEASE_VERSION) => {}
            Some(version) => return Err(StoreError::Prerelease(version)),
        }
        let drop_trigger = self.backend.select(&DROP_TRIGGER);
        let backend_file = backend_file(baseline.version, self.backend);
        for sql in [drop_trigger, UPGRADE, backend_file.as_str()] {
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query(CLEAR_HISTORY).execute(&mut *tx).await?;
        sqlx::query(RECORD_BASELINE)
            .bind(baseline.version)
            .bind(baseline.description.to_string())
            .bind(baseline.checksum.to_vec())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        tracing::info!("database upgraded from the pre-release schema");
        Ok(())
    }
}

async fn newest_prerelease(connection: &mut AnyConnection) -> Result<Option<i64>, sqlx::Error> {
    let row = sqlx::query(NEWEST_PRERELEASE)
        .bind(FIRST_TIMESTAMP)
        .fetch_one(connection)
        .await?;
    row.try_get(0)
}

/// Returns the migrations for `backend` in the order of their versions.
fn migrations(backend: Backend) -> Vec<Migration> {
    let mut migrations: Vec<Migration> = Files::iter()
        .filter(|file| backend_of(file).is_none())
        .filter_map(|file| {
            let version = version_of(&file)?;
            let sql = format!("{}\n{}", read(&file), backend_file(version, backend));
            Some(Migration::new(
                version,
                description_of(&file).into(),
                MigrationType::Simple,
                AssertSqlSafe(sql).into_sql_str(),
                false,
            ))
        })
        .collect();
    migrations.sort_by_key(|migration| migration.version);
    migrations
}

/// Returns the statements for `backend` that belong to the migration `version`, or nothing.
fn backend_file(version: i64, backend: Backend) -> String {
    Files::iter()
        .find(|file| version_of(file) == Some(version) && backend_of(file) == Some(backend))
        .map(|file| read(&file))
        .unwrap_or_default()
}

fn read(file: &str) -> String {
    let file = Files::get(file).map(|file| file.data).unwrap_or_default();
    String::from_utf8_lossy(&file).into_owned()
}

fn version_of(file: &str) -> Option<i64> {
    file.split('_').next()?.parse().ok()
}

fn backend_of(file: &str) -> Option<Backend> {
    if file.ends_with(".sqlite.sql") {
        Some(Backend::Sqlite)
    } else if file.ends_with(".postgres.sql") {
        Some(Backend::Postgres)
    } else {
        None
    }
}

fn description_of(file: &str) -> String {
    let name = file.split_once('_').map_or(file, |(_, name)| name);
    name.trim_end_matches(".sql").replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_name_version_is_a_timestamp_and_unique() {
        for backend in [Backend::Sqlite, Backend::Postgres] {
            let versions: Vec<i64> = migrations(backend).iter().map(|it| it.version).collect();

            assert!(versions.iter().all(|version| *version > FIRST_TIMESTAMP));
            assert!(versions.windows(2).all(|pair| pair[0] < pair[1]));
            assert_eq!(versions.last(), Some(&Store::schema_version()));
        }
    }

    #[test]
    fn backend_file_is_appended_to_its_migration_only() {
        let sql = |backend| migrations(backend)[0].sql.as_str().to_owned();

        assert!(sql(Backend::Postgres).contains("LANGUAGE plpgsql"));
        assert!(!sql(Backend::Sqlite).contains("LANGUAGE plpgsql"));
        assert!(Files::iter().all(|file| version_of(&file).is_some()));
    }
}

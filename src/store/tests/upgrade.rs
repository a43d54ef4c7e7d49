//! A database with the last schema before the first release is upgraded to the current one.

use std::collections::BTreeSet;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions, Row};

use crate::domain::database_url::DatabaseUrl;
use crate::store::db::backend::Backend;
use crate::store::db::connect::Store;
use crate::store::error::StoreError;
use crate::test_database::Database;

const PRERELEASE_SCHEMA: &str = include_str!("prerelease/schema.sql");
const PRERELEASE_SQLITE: &str = include_str!("prerelease/sqlite.sql");
const PRERELEASE_POSTGRES: &str = include_str!("prerelease/postgres.sql");

/// The table as sqlx creates it; PostgreSQL calls a BLOB BYTEA.
const HISTORY: &str = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, \
    execution_time BIGINT NOT NULL);";

const ROWS: &str = "INSERT INTO facts (name, value) VALUES ('key', 'a'); \
    INSERT INTO issues (id, number, state, subject, preheader, mail, content_hash, recipients, frozen_at, last_words, pauses) \
        VALUES ('i', 1, 'sending', 's', 'p', '{}', 'h', 2, 1, '250 ok', 3); \
    INSERT INTO issue_tallies (issue_id, delivered, bounced, skipped, in_doubt, deferred) VALUES ('i', 1, 0, 0, 0, 0); \
    INSERT INTO deliveries (id, kind, issue_id, subscriber_id, state, attempts, lost_replies, queued_at, at) \
        VALUES ('i:a', 'issue', 'i', 'a', 'delivered', 1, 0, 1, 1); \
    INSERT INTO deliveries (id, kind, issue_id, subscriber_id, state, due_at, attempts, lost_replies, queued_at, at) \
        VALUES ('i:b', 'issue', 'i', 'b', 'queued', 0, 0, 0, 1, 1); \
    INSERT INTO subscriber_days (day, was, became, people) VALUES (20000, 'absent', 'confirmed', 7);";

struct Prerelease {
    database: Database,
    connection: AnyConnection,
}

impl Prerelease {
    async fn create(version: i64) -> Self {
        sqlx::any::install_default_drivers();
        let database = Database::fresh().await;
        let is_postgres = database.url().starts_with("postgres");
        let mut url = database.url().to_owned();
        if !is_postgres {
            url.push_str("?mode=rwc");
        }
        let options: AnyConnectOptions = url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        let (triggers, history) = if is_postgres {
            (PRERELEASE_POSTGRES, HISTORY.replace("BLOB", "BYTEA"))
        } else {
            (PRERELEASE_SQLITE, HISTORY.to_owned())
        };
        for sql in [PRERELEASE_SCHEMA, triggers, &history, ROWS] {
            execute(&mut connection, sql).await;
        }
        for number in 1..=version {
            let row = format!(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES ({number}, 'x', TRUE, '', 0)"
            );
            execute(&mut connection, &row).await;
        }
        Self {
            database,
            connection,
        }
    }

    fn url(&self) -> DatabaseUrl {
        database_url(&self.database)
    }
}

fn database_url(database: &Database) -> DatabaseUrl {
    match database.url().strip_prefix("sqlite:") {
        Some(path) => DatabaseUrl::Sqlite(path.into()),
        None => DatabaseUrl::Postgres(database.url().into()),
    }
}

async fn execute(connection: &mut AnyConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

/// Returns `table.column` of every column and the name of every index.
async fn schema(store: &Store) -> BTreeSet<String> {
    let sql = match store.backend {
        Backend::Sqlite => {
            "SELECT m.name || '.' || c.name AS name FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table' \
             UNION SELECT name FROM sqlite_master WHERE type <> 'table' AND name NOT LIKE 'sqlite_autoindex%'"
        }
        Backend::Postgres => {
            "SELECT CAST(table_name || '.' || column_name AS TEXT) AS name FROM information_schema.columns WHERE table_schema = 'public' \
             UNION SELECT CAST(indexname AS TEXT) FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%key' \
             UNION SELECT CAST(tgname AS TEXT) FROM pg_trigger WHERE NOT tgisinternal \
             UNION SELECT CAST(proname AS TEXT) FROM pg_proc WHERE pronamespace = CAST('public' AS regnamespace)"
        }
    };
    let rows = sqlx::query(sql).fetch_all(&store.pool).await.unwrap();
    rows.iter().map(|row| row.get("name")).collect()
}

#[tokio::test]
async fn prerelease_database_gets_current_schema() {
    let fresh_database = Database::fresh().await;
    let fresh = Store::connect(&database_url(&fresh_database))
        .await
        .unwrap();
    let prerelease = Prerelease::create(17).await;

    let upgraded = Store::connect(&prerelease.url()).await.unwrap();

    // PostgreSQL keeps the names of primary keys when a table is renamed.
    let without_keys = |names: BTreeSet<String>| -> BTreeSet<String> {
        names
            .into_iter()
            .filter(|it| !it.ends_with("_pkey"))
            .collect()
    };
    assert_eq!(
        without_keys(schema(&upgraded).await),
        without_keys(schema(&fresh).await)
    );
}

#[tokio::test]
async fn prerelease_rows_survive_upgrade_and_are_counted() {
    let prerelease = Prerelease::create(17).await;
    let store = Store::connect(&prerelease.url()).await.unwrap();
    store.close().await;

    let store = Store::connect(&prerelease.url()).await.unwrap();
    sqlx::raw_sql("UPDATE deliveries SET state = 'bounced', due_at = NULL WHERE id = 'i:b'")
        .execute(&store.pool)
        .await
        .unwrap();

    let counts = "SELECT CAST(SUM(delivered) * 10 + SUM(bounced) AS BIGINT) AS n FROM issue_counts";
    let issue = "SELECT CAST(pause_count AS BIGINT) AS n FROM issues WHERE last_reply = '250 ok'";
    let days = "SELECT CAST(SUM(count) AS BIGINT) AS n FROM subscriber_daily_changes WHERE to_state = 'confirmed'";
    for (sql, expected) in [(counts, 11_i64), (issue, 3), (days, 7)] {
        let row = sqlx::query(sql).fetch_one(&store.pool).await.unwrap();
        assert_eq!(row.get::<i64, _>("n"), expected, "{sql}");
    }
}

#[tokio::test]
async fn older_prerelease_database_is_rejected_unchanged() {
    let mut prerelease = Prerelease::create(16).await;

    let error = Store::connect(&prerelease.url()).await.unwrap_err();

    assert!(matches!(error, StoreError::Prerelease(16)), "{error}");
    execute(&mut prerelease.connection, "SELECT value FROM facts").await;
}

//! The writer lock and the writer connection.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::store::db::backend::Backend;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{DatabaseUrl, Store};

/// Longer than a write takes that does not wait.
const WRITE_TIMEOUT: Duration = Duration::from_millis(300);

const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

async fn is_blocked<T>(write: impl Future<Output = T>) -> bool {
    tokio::time::timeout(WRITE_TIMEOUT, write).await.is_err()
}

/// Without the lock SQLite's busy handler would let the delivery worker starve other writers.
#[tokio::test]
async fn sqlite_writes_queue_behind_writer_connection() {
    let workers = TwoWorkers::new().await;
    let store = workers.store.clone();
    if store.backend != Backend::Sqlite {
        return; // PostgreSQL has no writer lock.
    }

    let writer = store.writer().await.unwrap();

    assert!(is_blocked(store.pause_issue(&workers.issue, "ada@example.org")).await);
    assert!(is_blocked(store.retry_deferred_now(&workers.issue, NOW)).await);
    assert!(is_blocked(store.release_lease(&workers.worker, &workers.delivery)).await);

    writer.release();
    let retried = store.retry_deferred_now(&workers.issue, NOW).await;
    assert_eq!(retried.unwrap(), 0);
}

/// The session settings of the writer connection must not reach other statements.
#[tokio::test]
async fn dropped_writer_connection_is_closed() {
    let workers = TwoWorkers::new().await;
    let store = &workers.store;
    let (query, writer_setting) = match store.backend {
        Backend::Sqlite => (
            "SELECT CAST(cache_size AS TEXT) FROM pragma_cache_size",
            "-8192",
        ),
        Backend::Postgres => ("SELECT current_setting('enable_sort')", "off"),
    };

    drop(store.writer().await.unwrap());
    drop(store.claim_connection().await.unwrap());
    tokio::time::sleep(WRITE_TIMEOUT).await;

    let mut connections = Vec::new();
    for _ in 0..=store.pool.size() {
        let mut connection = store.pool.acquire().await.unwrap();
        let setting: String = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_ne!(setting, writer_setting);
        connections.push(connection);
    }
}

#[tokio::test]
async fn close_checkpoints_wal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");

    for is_released in [true, false] {
        let store = Store::connect(&DatabaseUrl::Sqlite(path.clone()))
            .await
            .unwrap();
        let writer = store.writer().await.unwrap();
        store.pool.acquire().await.unwrap();
        if is_released {
            writer.release();
        } else {
            drop(writer);
        }

        let closed = tokio::time::timeout(CLOSE_TIMEOUT, store.close()).await;

        closed.expect("all connections were returned");
        assert!(!path.with_extension("db-wal").exists());
    }
}

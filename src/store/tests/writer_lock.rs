//! Who may write when, and with which connection.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::store::db::backend::Backend;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{DatabaseUrl, Store};

/// Longer than any write takes that need not wait.
const A_WHILE: Duration = Duration::from_millis(300);

const A_LONG_WHILE: Duration = Duration::from_secs(20);

async fn waits<T>(write: impl Future<Output = T>) -> bool {
    tokio::time::timeout(A_WHILE, write).await.is_err()
}

/// SQLite lets whoever asks again at the right moment go before, which is the engine.
#[tokio::test]
async fn what_the_desk_does_to_an_issue_takes_its_turn_on_sqlite() {
    let pair = TwoWorkers::new().await;
    if pair.store.backend != Backend::Sqlite {
        return; // there nobody waits for a turn
    }
    let store = pair.store.clone();
    let in_use = store.writer().await.unwrap();
    assert!(waits(store.pause_issue(&pair.issue, "ada@example.org")).await);
    assert!(waits(store.retry_deferred_now(&pair.issue, NOW)).await);
    assert!(waits(store.release_lease(&pair.worker, &pair.delivery)).await);
    in_use.release();
    assert_eq!(store.retry_deferred_now(&pair.issue, NOW).await.unwrap(), 0);
}

/// What a pen was told at its beginning is for the engine's statements alone.
#[tokio::test]
async fn a_pen_that_is_dropped_is_thrown_away() {
    let pair = TwoWorkers::new().await;
    let store = &pair.store;
    drop(store.writer().await.unwrap());
    drop(store.claim_connection().await.unwrap());
    tokio::time::sleep(A_WHILE).await;
    let (setting, told) = match store.backend {
        Backend::Sqlite => (
            "SELECT CAST(cache_size AS TEXT) FROM pragma_cache_size",
            "-8192",
        ),
        Backend::Postgres => ("SELECT current_setting('enable_sort')", "off"),
    };
    let mut held = Vec::new();
    for _ in 0..=store.pool.size() {
        let mut connection = store.pool.acquire().await.unwrap();
        let is: String = sqlx::query_scalar(AssertSqlSafe(setting))
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_ne!(is, told);
        held.push(connection);
    }
}

#[tokio::test]
async fn closing_folds_the_log_whatever_became_of_the_pens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    for laid_down in [true, false] {
        let store = Store::connect(&DatabaseUrl::Sqlite(path.clone()))
            .await
            .unwrap();
        let pen = store.writer().await.unwrap();
        store.pool.acquire().await.unwrap();
        if laid_down {
            pen.release();
        } else {
            drop(pen);
        }
        let closed = tokio::time::timeout(A_LONG_WHILE, store.close()).await;
        closed.expect("nobody holds a connection any more");
        assert!(!path.with_extension("db-wal").exists());
    }
}

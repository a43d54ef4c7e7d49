//! Every statement is prepared on both databases: a column that is not there, or a type
//! that only one of them guesses, fails here.

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use super::connect::{Backend, Place, Store};

fn statements(backend: Backend) -> Vec<String> {
    let fixed = [
        super::admins::STATEMENTS,
        super::deliveries::STATEMENTS,
        super::delivery_list::STATEMENTS,
        super::desk::STATEMENTS,
        super::facts::STATEMENTS,
        super::feeds::STATEMENTS,
        super::freeze::STATEMENTS,
        super::issues::STATEMENTS,
        super::posts::STATEMENTS,
        super::refusals::STATEMENTS,
        super::sign_up::STATEMENTS,
        super::subscriber_list::STATEMENTS,
        super::subscribers::STATEMENTS,
        super::workers::STATEMENTS,
        &super::leases::statements(backend),
    ];
    let made = [
        super::commit_rows::statements(backend),
        super::outcomes::statements(),
        super::subscriber_import::statements(),
    ];
    fixed
        .concat()
        .into_iter()
        .map(str::to_owned)
        .chain(made.concat())
        .collect()
}

async fn prepare_all(place: Place, backend: Backend) {
    let store = Store::connect(&place).await.unwrap();
    let mut connection = store.pool.acquire().await.unwrap();
    for statement in statements(backend) {
        let prepared = (&mut *connection)
            .prepare(AssertSqlSafe(statement.clone()).into_sql_str())
            .await;
        assert!(prepared.is_ok(), "{statement}\n{:?}", prepared.err());
    }
}

#[tokio::test]
async fn sqlite_takes_every_statement() {
    let folder = tempfile::tempdir().unwrap();
    prepare_all(
        Place::Sqlite(folder.path().join("test.db")),
        Backend::Sqlite,
    )
    .await;
}

#[tokio::test]
async fn postgres_takes_every_statement() {
    let Ok(url) = std::env::var("BROADSHEET_TEST_DATABASE") else {
        return; // tests/main.rs says so
    };
    prepare_all(Place::Postgres(url), Backend::Postgres).await;
}

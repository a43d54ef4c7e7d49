//! Every statement is prepared on both databases: a column that is not there, or a type
//! that only one of them guesses, fails here.

use sqlx::{AssertSqlSafe, Executor, Row, SqlSafeStr};

use crate::store::connect::{Backend, DatabaseUrl, Store};
use crate::test_database::Database;

pub(super) fn statements(backend: Backend) -> Vec<String> {
    let fixed = [
        crate::store::accounts::STATEMENTS,
        crate::store::admins::STATEMENTS,
        crate::store::alerts::STATEMENTS,
        crate::store::api_tokens::STATEMENTS,
        crate::store::audit::STATEMENTS,
        crate::store::clicks::STATEMENTS,
        crate::store::deliveries::STATEMENTS,
        crate::store::delivery_list::STATEMENTS,
        crate::store::desk::STATEMENTS,
        crate::store::draft_edits::STATEMENTS,
        crate::store::facts::STATEMENTS,
        crate::store::feeds::STATEMENTS,
        crate::store::freeze::STATEMENTS,
        crate::store::ownerless::STATEMENTS,
        crate::store::issue_states::STATEMENTS,
        crate::store::issues::STATEMENTS,
        crate::store::policy_streaks::STATEMENTS,
        crate::store::posts::STATEMENTS,
        crate::store::queue::STATEMENTS,
        crate::store::settings::STATEMENTS,
        crate::store::refusals::STATEMENTS,
        crate::store::sign_up::STATEMENTS,
        crate::store::sign_up_rows::STATEMENTS,
        crate::store::skipped::STATEMENTS,
        crate::store::subscriber_list::STATEMENTS,
        crate::store::subscriber_moves::STATEMENTS,
        crate::store::subscriber_record::STATEMENTS,
        crate::store::subscribers::STATEMENTS,
        crate::store::suppressing::STATEMENTS,
        crate::store::tally::STATEMENTS,
        crate::store::copies::STATEMENTS,
        crate::store::workers::STATEMENTS,
        &crate::store::leases::statements(backend),
    ];
    let made = [
        crate::store::commit_rows::statements(backend),
        crate::store::deliveries::statements(backend),
        crate::store::sign_up_rows::statements(backend),
        crate::store::outcomes::statements(),
        crate::store::reader_mails::statements(),
        crate::store::subscriber_import::statements(),
        crate::store::subscriber_leaving::statements(),
        crate::store::subscriber_record::statements(),
        crate::store::subscriber_filter::statements()
            .into_iter()
            .map(|(sql, _)| sql)
            .collect(),
    ];
    fixed
        .concat()
        .into_iter()
        .map(str::to_owned)
        .chain(made.concat())
        .collect()
}

async fn prepare_all(place: DatabaseUrl, backend: Backend) {
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
    let database = Database::sqlite();
    let path = database.url().trim_start_matches("sqlite:");
    prepare_all(DatabaseUrl::Sqlite(path.into()), Backend::Sqlite).await;
}

#[tokio::test]
async fn postgres_takes_every_statement() {
    let database = Database::fresh().await;
    // tests/main.rs says what is left out without one.
    if database.url().starts_with("postgres") {
        prepare_all(
            DatabaseUrl::Postgres(database.url().to_owned()),
            Backend::Postgres,
        )
        .await;
    }
}

/// What the desk asks of an issue must cost the same with ten readers and with a million.
#[tokio::test]
async fn the_desk_looks_issues_up_in_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let place = DatabaseUrl::Sqlite(folder.path().join("test.db"));
    let store = Store::connect(&place).await.unwrap();
    for statement in crate::store::copies::STATEMENTS
        .iter()
        .chain(crate::store::tally::STATEMENTS)
        .chain(crate::store::desk::STATEMENTS)
        .chain(&[crate::store::deliveries::REMAINING_COUNT])
        .filter(|statement| statement.contains("deliveries") || statement.contains("issues"))
    {
        let plan = format!("EXPLAIN QUERY PLAN {statement}");
        let rows = sqlx::query(AssertSqlSafe(plan).into_sql_str())
            .fetch_all(&store.pool)
            .await
            .unwrap();
        for row in rows {
            let step: String = row.get("detail");
            // The few mails that are no issue's have an index of their own.
            let is_small = step.contains("deliveries_of_single_mails");
            let scans =
                !is_small && (step.starts_with("SCAN deliveries") || step.starts_with("SCAN d"));
            assert!(!scans, "{step}: {statement}");
            let sorts = step.contains("TEMP B-TREE") && !statement.contains("GROUP BY SUBSTR");
            assert!(!sorts, "{step}: {statement}");
        }
    }
}

//! Every statement is prepared on both databases: a column that is not there, or a type
//! that only one of them guesses, fails here.

use sqlx::{AssertSqlSafe, Executor, Row, SqlSafeStr};

use super::connect::{Backend, Place, Store};
use crate::test_database::Database;

pub(super) fn statements(backend: Backend) -> Vec<String> {
    let fixed = [
        super::accounts::STATEMENTS,
        super::admins::STATEMENTS,
        super::alerts::STATEMENTS,
        super::api_tokens::STATEMENTS,
        super::audit::STATEMENTS,
        super::clicks::STATEMENTS,
        super::deliveries::STATEMENTS,
        super::delivery_list::STATEMENTS,
        super::desk::STATEMENTS,
        super::draft_edits::STATEMENTS,
        super::facts::STATEMENTS,
        super::feeds::STATEMENTS,
        super::freeze::STATEMENTS,
        super::ownerless::STATEMENTS,
        super::issue_states::STATEMENTS,
        super::issues::STATEMENTS,
        super::policy_streaks::STATEMENTS,
        super::posts::STATEMENTS,
        super::queue::STATEMENTS,
        super::settings::STATEMENTS,
        super::refusals::STATEMENTS,
        super::sign_up::STATEMENTS,
        super::sign_up_rows::STATEMENTS,
        super::skipped::STATEMENTS,
        super::subscriber_list::STATEMENTS,
        super::subscriber_moves::STATEMENTS,
        super::subscriber_record::STATEMENTS,
        super::subscribers::STATEMENTS,
        super::suppressing::STATEMENTS,
        super::tally::STATEMENTS,
        super::copies::STATEMENTS,
        super::workers::STATEMENTS,
        &super::leases::statements(backend),
    ];
    let made = [
        super::commit_rows::statements(backend),
        super::deliveries::statements(backend),
        super::sign_up_rows::statements(backend),
        super::outcomes::statements(),
        super::reader_mails::statements(),
        super::subscriber_import::statements(),
        super::subscriber_leaving::statements(),
        super::subscriber_record::statements(),
        super::subscriber_filter::statements()
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
    let database = Database::sqlite();
    let path = database.url().trim_start_matches("sqlite:");
    prepare_all(Place::Sqlite(path.into()), Backend::Sqlite).await;
}

#[tokio::test]
async fn postgres_takes_every_statement() {
    let database = Database::fresh().await;
    // tests/main.rs says what is left out without one.
    if database.url().starts_with("postgres") {
        prepare_all(
            Place::Postgres(database.url().to_owned()),
            Backend::Postgres,
        )
        .await;
    }
}

/// What the desk asks of an issue must cost the same with ten readers and with a million.
#[tokio::test]
async fn the_desk_looks_issues_up_in_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Sqlite(folder.path().join("test.db"));
    let store = Store::connect(&place).await.unwrap();
    for statement in super::copies::STATEMENTS
        .iter()
        .chain(super::tally::STATEMENTS)
        .chain(super::desk::STATEMENTS)
        .chain(&[super::deliveries::TO_GO])
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

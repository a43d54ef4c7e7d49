//! Every statement is prepared on both databases: a column that is not there, or a type
//! that only one of them guesses, fails here.

pub(crate) mod counts;
pub(crate) mod fanout;
pub(crate) mod lease;
pub(crate) mod lease_recovery;
pub(crate) mod policy_rejections;
pub(crate) mod query_plans;
pub(crate) mod races;
pub(crate) mod state_log;
pub(crate) mod two_workers;
pub(crate) mod upgrade;
pub(crate) mod writer_lock;

use sqlx::{AssertSqlSafe, Executor, Row, SqlSafeStr};

use crate::store::db::backend::Backend;
use crate::store::db::connect::{DatabaseUrl, Store};
use crate::test_database::Database;

impl Store {
    /// Replaces every subscriber's address with text that cannot be parsed.
    pub(crate) async fn corrupt_subscriber_addresses(&self) {
        sqlx::query("UPDATE subscribers SET address = 'no address'")
            .execute(&self.pool)
            .await
            .unwrap();
    }
}

pub(crate) fn statements(backend: Backend) -> Vec<String> {
    let fixed = [
        crate::store::admin::sessions::STATEMENTS,
        crate::store::admin::accounts::STATEMENTS,
        crate::store::admin::alerts::STATEMENTS,
        crate::store::admin::api_tokens::STATEMENTS,
        crate::store::admin::audit::STATEMENTS,
        crate::store::admin::credentials::STATEMENTS,
        crate::store::content::clicks::STATEMENTS,
        crate::store::db::locks::STATEMENTS,
        crate::store::deliveries::enqueue::STATEMENTS,
        crate::store::deliveries::list::FILTERED_STATEMENTS,
        crate::store::admin::setup_status::STATEMENTS,
        crate::store::issues::drafts::STATEMENTS,
        crate::store::admin::metadata::STATEMENTS,
        crate::store::content::feeds::STATEMENTS,
        crate::store::issues::freeze::STATEMENTS,
        crate::store::issues::state::STATEMENTS,
        crate::store::issues::list::STATEMENTS,
        &[crate::store::issues::list::FIRST_DUE],
        crate::store::issues::policy_rejections::STATEMENTS,
        crate::store::content::posts::STATEMENTS,
        crate::store::issues::fanout::STATEMENTS,
        crate::store::admin::settings::STATEMENTS,
        crate::store::subscribers::signup::STATEMENTS,
        crate::store::subscribers::signup_limits::STATEMENTS,
        crate::store::issues::skipped::STATEMENTS,
        crate::store::subscribers::list::STATEMENTS,
        crate::store::subscribers::state_log::STATEMENTS,
        crate::store::subscribers::record::STATEMENTS,
        crate::store::subscribers::status::STATEMENTS,
        crate::store::subscribers::types::STATEMENTS,
        crate::store::subscribers::suppression::STATEMENTS,
        crate::store::issues::counts::STATEMENTS,
        crate::store::deliveries::list::STATEMENTS,
        crate::store::queue::workers::STATEMENTS,
        &crate::store::queue::lease::statements(backend),
    ];
    let made = [
        crate::store::queue::commit_rows::statements(backend),
        crate::store::deliveries::enqueue::statements(backend),
        crate::store::subscribers::signup::statements(backend),
        crate::store::subscribers::signup_limits::statements(backend),
        crate::store::queue::commit::statements(),
        crate::store::subscribers::address_change::statements(),
        crate::store::subscribers::import::statements(),
        crate::store::subscribers::removal::statements(),
        crate::store::subscribers::record::statements(),
        crate::store::subscribers::filter::statements()
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
    for statement in crate::store::deliveries::list::STATEMENTS
        .iter()
        .chain(crate::store::issues::counts::STATEMENTS)
        .chain(crate::store::admin::setup_status::STATEMENTS)
        .chain(&[crate::store::deliveries::enqueue::COUNT_REMAINING])
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
            let is_small = step.contains("deliveries_without_issue");
            let scans =
                !is_small && (step.starts_with("SCAN deliveries") || step.starts_with("SCAN d"));
            assert!(!scans, "{step}: {statement}");
            let sorts = step.contains("TEMP B-TREE") && !statement.contains("GROUP BY SUBSTR");
            assert!(!sorts, "{step}: {statement}");
        }
    }
}

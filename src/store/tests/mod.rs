//! Tests of the store on both databases.
//!
//! Every statement is prepared on both: a missing column, or a type that only one of them infers,
//! fails here.

mod address_change;
mod cancel;
mod counts;
mod erasure;
mod fanout;
mod lease;
mod lease_recovery;
mod lost_replies;
mod policy_rejections;
mod query_plans;
mod races;
mod two_workers;
mod upgrade;
mod writer_lock;

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use crate::domain::database_url::DatabaseUrl;
use crate::store::db::backend::Backend;
use crate::store::db::connect::Store;
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

/// Returns every statement of the store.
pub(crate) fn statements(backend: Backend) -> Vec<String> {
    let fixed = [
        crate::store::admin::sessions::STATEMENTS,
        crate::store::subscribers::erased_text::STATEMENTS,
        crate::store::subscribers::former::STATEMENTS,
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
        crate::store::issues::lost_replies::STATEMENTS,
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
        crate::store::deliveries::reports::STATEMENTS,
        crate::store::subscribers::suppression::STATEMENTS,
        crate::store::subscribers::suppression_limit::STATEMENTS,
        crate::store::issues::counts::STATEMENTS,
        crate::store::deliveries::list::STATEMENTS,
        crate::store::queue::workers::STATEMENTS,
        &crate::store::queue::lease::statements(backend),
    ];
    let generated = [
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
        .chain(generated.concat())
        .collect()
}

async fn prepare_all(url: DatabaseUrl, backend: Backend) {
    let store = Store::connect(&url).await.unwrap();
    let mut connection = store.pool.acquire().await.unwrap();
    for statement in statements(backend) {
        let prepared = (&mut *connection)
            .prepare(AssertSqlSafe(statement.clone()).into_sql_str())
            .await;
        assert!(prepared.is_ok(), "{statement}\n{:?}", prepared.err());
    }
}

#[tokio::test]
async fn sqlite_prepares_every_statement() {
    let database = Database::sqlite();
    let path = database.url().trim_start_matches("sqlite:");
    prepare_all(DatabaseUrl::Sqlite(path.into()), Backend::Sqlite).await;
}

#[tokio::test]
async fn postgres_prepares_every_statement() {
    let database = Database::fresh().await;
    if database.url().starts_with("postgres") {
        let url = DatabaseUrl::Postgres(database.url().into());
        prepare_all(url, Backend::Postgres).await;
    } // tests/main.rs reports that the test was skipped.
}

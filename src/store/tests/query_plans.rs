//! No statement reads the whole table of subscribers or deliveries, according to the query plans
//! of both databases.

use std::path::Path;

use sqlx::{AssertSqlSafe, Row};

use crate::domain::clock::Timestamp;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::email_address::EmailAddress;
use crate::domain::random::Random;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::db::backend::Backend;
use crate::store::db::connect::Store;
use crate::store::subscribers::filter;
use crate::store::tests::statements;
use crate::store::{ImportRecord, ImportRow, ImportState};
use crate::store::{admin, deliveries, issues};
use crate::test_database::Database;

/// Beginnings of statements that read all subscribers of a state, by its index.
const READS_WHOLE_STATE: &[&str] = &["INSERT INTO deliveries"];

async fn sqlite_store(folder: &Path) -> Store {
    let url = DatabaseUrl::Sqlite(folder.join("test.db"));
    Store::connect(&url).await.unwrap()
}

/// Returns the steps of the query plan of a statement.
async fn plan(store: &Store, statement: &str, parameters: Vec<String>) -> Vec<String> {
    let (explain, column) = match store.backend {
        Backend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
        Backend::Postgres => ("EXPLAIN", "QUERY PLAN"),
    };
    let query = sqlx::query(AssertSqlSafe(format!("{explain} {statement}")));
    let query = parameters
        .into_iter()
        .fold(query, |query, text| query.bind(text));
    let rows = query.fetch_all(&store.pool).await;
    let rows = rows.unwrap_or_else(|error| panic!("{statement}\n{error}"));
    rows.iter().map(|row| row.get(column)).collect()
}

fn has_sort(plan: &[String]) -> bool {
    plan.iter().any(|step| step.contains("TEMP B-TREE"))
}

/// Returns whether SQLite reads the whole table of subscribers. A scan that follows an index and
/// stops after a page does not.
fn scans_subscribers(statement: &str, plan: &[String]) -> bool {
    plan.iter()
        .filter(|step| step.starts_with("SCAN subscribers") || step.starts_with("SCAN s "))
        .any(|step| !step.contains(" USING ") || has_sort(plan) || !statement.contains("LIMIT"))
}

#[tokio::test]
async fn sqlite_subscriber_filters_use_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite_store(folder.path()).await;

    for (statement, _) in filter::statements() {
        let plan = plan(&store, &statement, Vec::new()).await;

        assert!(
            !scans_subscribers(&statement, &plan),
            "{statement}\n{plan:#?}"
        );
        let merges = statement.contains("UNION ALL");
        assert!(!has_sort(&plan) || merges, "{statement}\n{plan:#?}");
        // The subscribers of a domain are a range of the index.
        let exceeds_range = |step: &String| {
            step.contains("subscribers_by_domain") && !step.contains("<expr>>? AND <expr><?")
        };
        assert!(!plan.iter().any(exceeds_range), "{statement}\n{plan:#?}");
    }
}

#[tokio::test]
async fn sqlite_statements_do_not_scan_subscribers() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite_store(folder.path()).await;
    let all = statements(Backend::Sqlite);
    let of_subscribers = all.iter().filter(|statement| {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let names_table = words.windows(2).any(|pair| pair[1] == "subscribers");
        let reads_whole_state = READS_WHOLE_STATE
            .iter()
            .any(|beginning| statement.starts_with(beginning));
        names_table && !reads_whole_state
    });

    for statement in of_subscribers {
        let plan = plan(&store, statement, Vec::new()).await;
        assert!(
            !scans_subscribers(statement, &plan),
            "{statement}\n{plan:#?}"
        );
    }
}

/// The cost of an issue's pages must not depend on the number of its deliveries.
#[tokio::test]
async fn sqlite_issue_statements_use_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite_store(folder.path()).await;
    let statements = deliveries::list::STATEMENTS
        .iter()
        .chain(issues::counts::STATEMENTS)
        .chain(issues::state::STATEMENTS)
        .chain(admin::setup_status::STATEMENTS)
        .chain(&[
            issues::list::FIRST_DUE,
            deliveries::enqueue::COUNT_REMAINING,
        ])
        .filter(|statement| statement.contains("deliveries") || statement.contains("issues"));

    for statement in statements {
        let plan = plan(&store, statement, Vec::new()).await;

        // Few deliveries have no issue, and they have an index of their own.
        let is_scan = |step: &String| {
            !step.contains("deliveries_without_issue")
                && (step.starts_with("SCAN deliveries") || step.starts_with("SCAN d"))
        };
        assert!(!plan.iter().any(is_scan), "{statement}\n{plan:#?}");
        let groups_replies = statement.contains("GROUP BY SUBSTR");
        assert!(!has_sort(&plan) || groups_replies, "{statement}\n{plan:#?}");
    }
}

/// Imports subscribers and updates PostgreSQL's planner statistics.
async fn import_subscribers(store: &Store) {
    let random = Random::seeded(1);
    let now = Timestamp::from_millis(1_795_168_800_000);
    let rows: Vec<ImportRow> = (0..6_000)
        .map(|n| ImportRow {
            id: SubscriberId::new(now, &random),
            nonce: String::new(),
            address: EmailAddress::parse(&format!("ad{n}@example{}.com", n % 50)).unwrap(),
            name: None,
            address_macs: Vec::new(),
            state: ImportState::Agreed,
            record: ImportRecord::default(),
        })
        .collect();
    store.import(&rows, "test", now).await.unwrap();
    sqlx::query("ANALYZE subscribers")
        .execute(&store.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn postgres_subscriber_filters_use_indexes() {
    let database = Database::fresh().await;
    if !database.url().starts_with("postgres") {
        return; // tests/main.rs reports it.
    }
    let url = DatabaseUrl::Postgres(database.url().into());
    let store = Store::connect(&url).await.unwrap();
    import_subscribers(&store).await;

    let mut failures = Vec::new();
    for (statement, parameters) in filter::statements() {
        let plan = plan(&store, &statement, parameters).await;
        let has_sort =
            plan.iter().any(|step| step.contains("Sort  (")) && !statement.contains("UNION ALL");
        let has_scan = plan
            .iter()
            .any(|step| step.contains("Seq Scan on subscribers"));
        // All imported subscribers are confirmed: a sort of another state sorts no rows.
        let is_empty_state = SubscriberState::ALL
            .iter()
            .filter(|state| **state != SubscriberState::Confirmed)
            .any(|state| statement.contains(&format!("state = '{state}'")));
        if has_scan || (has_sort && !is_empty_state) {
            failures.push(format!("{statement}\n{plan:#?}"));
        }
    }
    store.close().await;

    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

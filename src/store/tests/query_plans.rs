//! No page of the desk reads the whole table of subscribers: what the databases say they
//! will do for each statement.

use sqlx::{AssertSqlSafe, Row};

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::random::Random;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::ImportRow;
use crate::store::db::backend::Backend;
use crate::store::db::connect::{DatabaseUrl, Store};
use crate::store::subscribers::filter;
use crate::test_database::Database;

/// Writes that are no page's and take a whole state: they are asked for by index, too.
const OF_A_WHOLE_STATE: &[&str] = &["INSERT INTO deliveries"];

async fn plan(store: &Store, statement: &str, bound: Vec<String>) -> Vec<String> {
    let (explain, column) = match store.backend {
        Backend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
        Backend::Postgres => ("EXPLAIN", "QUERY PLAN"),
    };
    let query = sqlx::query(AssertSqlSafe(format!("{explain} {statement}")));
    let query = bound
        .into_iter()
        .fold(query, |query, text| query.bind(text));
    let rows = query.fetch_all(&store.pool).await;
    let rows = rows.unwrap_or_else(|error| panic!("{statement}\n{error}"));
    rows.iter().map(|row| row.get(column)).collect()
}

/// Walking an index from its end is no scan, when it stops after a page.
fn reads_the_table(statement: &str, plan: &[String]) -> bool {
    let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
    plan.iter()
        .filter(|step| step.starts_with("SCAN subscribers") || step.starts_with("SCAN s "))
        .any(|step| !step.contains(" USING ") || sorts || !statement.contains("LIMIT"))
}

#[tokio::test]
async fn sqlite_never_reads_the_table_of_subscribers() {
    let folder = tempfile::tempdir().unwrap();
    let place = DatabaseUrl::Sqlite(folder.path().join("test.db"));
    let store = Store::connect(&place).await.unwrap();
    for (statement, _) in filter::statements() {
        let plan = plan(&store, &statement, Vec::new()).await;
        assert!(
            !reads_the_table(&statement, &plan),
            "{statement}\n{plan:#?}"
        );
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        let merges = statement.contains("UNION ALL");
        assert!(!sorts || merges, "{statement}\n{plan:#?}");
        // A domain is a range of the index, and nothing beside it is read.
        let reads_more = |step: &String| {
            step.contains("subscribers_by_domain") && !step.contains("<expr>>? AND <expr><?")
        };
        assert!(!plan.iter().any(reads_more), "{statement}\n{plan:#?}");
    }
    let all = crate::store::tests::statements(Backend::Sqlite);
    let about_them = all.iter().filter(|statement| {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let named = words.windows(2).any(|pair| pair[1] == "subscribers");
        named
            && !OF_A_WHOLE_STATE
                .iter()
                .any(|begin| statement.starts_with(begin))
    });
    for statement in about_them {
        let plan = plan(&store, statement, Vec::new()).await;
        assert!(!reads_the_table(statement, &plan), "{statement}\n{plan:#?}");
    }
}

async fn fill(store: &Store) {
    let random = Random::seeded(1);
    let now = Timestamp::from_millis(1_795_168_800_000);
    let arrivals: Vec<ImportRow> = (0..6_000)
        .map(|n| ImportRow {
            id: SubscriberId::new(now, &random),
            nonce: String::new(),
            address: EmailAddress::parse(&format!("ad{n}@example{}.com", n % 50)).unwrap(),
            name: None,
            address_macs: Vec::new(),
        })
        .collect();
    store.import(&arrivals, "test", false, now).await.unwrap();
    sqlx::query("ANALYZE subscribers")
        .execute(&store.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn postgres_never_reads_the_table_of_subscribers() {
    let database = Database::fresh().await;
    if !database.url().starts_with("postgres") {
        return; // tests/main.rs says so
    }
    let place = DatabaseUrl::Postgres(database.url().to_owned());
    let store = Store::connect(&place).await.unwrap();
    fill(&store).await;
    let mut faults = Vec::new();
    for (statement, bound) in filter::statements() {
        let plan = plan(&store, &statement, bound).await;
        let sorts =
            plan.iter().any(|step| step.contains("Sort  (")) && !statement.contains("UNION ALL");
        let scans = plan
            .iter()
            .any(|step| step.contains("Seq Scan on subscribers"));
        // Of a state that nobody is in there is nothing to sort.
        let nobody = SubscriberState::ALL
            .iter()
            .filter(|state| **state != SubscriberState::Confirmed)
            .any(|state| statement.contains(&format!("state = '{state}'")));
        if scans || (sorts && !nobody) {
            faults.push(format!("{statement}\n{plan:#?}"));
        }
    }
    store.close().await;
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

//! The integration tests, in one binary, so that they link once and share one test support.
//!
//! `tests/run` runs it twice, on SQLite and on PostgreSQL.

mod architecture;
mod e2e;
mod import_lists;
mod recovery;
mod retry_schedule;
mod schedule;
mod subscriber_counts;
mod support;

#[tokio::test]
async fn test_database_is_the_requested_one() {
    use std::io::Write;
    let is_postgres_requested = std::env::var_os("BROADSHEET_TEST_DATABASE").is_some();

    let database = support::database::Database::fresh().await;

    let is_postgres = database.url().starts_with("postgres");
    assert_eq!(is_postgres, is_postgres_requested);
    if !is_postgres_requested {
        // Written to the standard error directly: the test harness captures what `eprintln!`
        // prints in a test that passes.
        let skipped =
            "skipped: tests on PostgreSQL and checks by external tools; tests/run runs them";
        writeln!(std::io::stderr(), "{skipped}").expect("a writable standard error");
    }
}

//! A fresh database for each test: a SQLite file, or with `BROADSHEET_TEST_DATABASE` set
//! to a `postgres://` URL whose user may create databases, one of those.

use broadsheet::domain::random::Random;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use url::Url;

/// An empty database of its own, gone when this is dropped.
pub struct Database {
    url: String,
    place: Place,
}

enum Place {
    Sqlite { _folder: TempDir },
    Postgres { server: Url, name: String },
}

impl Database {
    /// An empty database on whichever engine this run of the suite is about.
    pub async fn fresh() -> Self {
        match std::env::var("BROADSHEET_TEST_DATABASE") {
            Ok(server) => Self::postgres(&server).await,
            Err(_) => Self::sqlite(),
        }
    }

    /// A SQLite file, whatever the run is about.
    pub fn sqlite() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("broadsheet.db").display());
        let place = Place::Sqlite { _folder: folder };
        Self { url, place }
    }

    async fn postgres(server: &str) -> Self {
        let server = Url::parse(server).expect("BROADSHEET_TEST_DATABASE is a postgres:// URL");
        let random = Random::from_os().expect("randomness");
        let name = format!("broadsheet_test_{}", hex::encode(random.bytes::<8>()));
        on_server(&server, format!("CREATE DATABASE {name}")).await;
        let mut url = server.clone();
        url.set_path(&name);
        let place = Place::Postgres { server, name };
        Self {
            url: url.into(),
            place,
        }
    }

    /// What goes into `database.url`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Place::Postgres { server, name } = &self.place else {
            return;
        };
        // FORCE, because a program the test killed may not be gone from the server yet.
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        let server = server.clone();
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(on_server(&server, drop));
        });
        if dropped.join().is_err() {
            eprintln!("the test database {name} could not be dropped");
        }
    }
}

async fn on_server(server: &Url, statement: String) {
    let mut connection = PgConnection::connect(server.as_str())
        .await
        .expect("the server of BROADSHEET_TEST_DATABASE");
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("a statement about a test database");
    let _ = connection.close().await;
}

#[cfg(test)]
mod tests {
    use sqlx::any::{AnyConnectOptions, install_default_drivers};
    use sqlx::{AnyConnection, ConnectOptions};

    use super::*;

    async fn open(database: &Database) -> AnyConnection {
        install_default_drivers();
        let mut url = database.url().to_owned();
        if url.starts_with("sqlite:") {
            url.push_str("?mode=rwc");
        }
        let options: AnyConnectOptions = url.parse().expect("a URL sqlx reads");
        options.connect().await.expect("a connection")
    }

    #[tokio::test]
    async fn each_test_has_an_empty_database_of_its_own() {
        let (first, second) = (Database::fresh().await, Database::fresh().await);
        for database in [&first, &second] {
            let mut connection = open(database).await;
            sqlx::query("CREATE TABLE readers (address TEXT NOT NULL)")
                .execute(&mut connection)
                .await
                .expect("a table that was not there");
        }
        assert_ne!(first.url(), second.url());
    }

    #[tokio::test]
    async fn a_dropped_database_is_gone_though_someone_is_connected() {
        let database = Database::fresh().await;
        let url = database.url().to_owned();
        let held = open(&database).await;
        drop(database);
        drop(held);
        match url.strip_prefix("sqlite:") {
            Some(file) => assert!(!std::path::Path::new(file).exists()),
            None => assert!(PgConnection::connect(&url).await.is_err()),
        }
    }

    #[test]
    fn sqlite_can_be_asked_for_by_name() {
        assert!(Database::sqlite().url().starts_with("sqlite:/"));
    }
}

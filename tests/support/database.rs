//! An empty database per test.
//!
//! SQLite by default. If `BROADSHEET_TEST_DATABASE` is set to the `postgres://` URL of a user
//! that may create databases, a PostgreSQL database on that server.

use broadsheet::domain::random::Random;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use url::Url;

/// An empty database. Deleted on drop.
pub struct Database {
    url: String,
    storage: Storage,
}

enum Storage {
    Sqlite { _folder: TempDir },
    Postgres { server: Url, name: String },
}

impl Database {
    /// Creates an empty database of the kind that this test run uses.
    pub async fn fresh() -> Self {
        match std::env::var("BROADSHEET_TEST_DATABASE") {
            Ok(server) => Self::postgres(&server).await,
            Err(_) => Self::sqlite(),
        }
    }

    /// Creates an empty SQLite file, also if the test run uses PostgreSQL.
    pub fn sqlite() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("broadsheet.db").display());
        let storage = Storage::Sqlite { _folder: folder };
        Self { url, storage }
    }

    async fn postgres(server: &str) -> Self {
        let server = Url::parse(server).expect("BROADSHEET_TEST_DATABASE is a postgres:// URL");
        let random = Random::from_os().expect("randomness");
        let name = format!("broadsheet_test_{}", hex::encode(random.bytes::<8>()));
        execute_on_server(&server, format!("CREATE DATABASE {name}")).await;
        let mut url = server.clone();
        url.set_path(&name);
        let storage = Storage::Postgres { server, name };
        Self {
            url: url.into(),
            storage,
        }
    }

    /// Returns a value for `database.url`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Storage::Postgres { server, name } = &self.storage else {
            return;
        };
        // FORCE, because the server may not have noticed the end of a killed process yet.
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        let server = server.clone();
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(execute_on_server(&server, drop));
        });
        if dropped.join().is_err() {
            eprintln!("cannot drop the test database {name}");
        }
    }
}

async fn execute_on_server(server: &Url, statement: String) {
    let mut connection = PgConnection::connect(server.as_str())
        .await
        .expect("the server of BROADSHEET_TEST_DATABASE");
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("a created or dropped database");
    let _ = connection.close().await;
}

//! A complete newsletter: feed, database, settings, and the commands to operate it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use broadsheet::domain::clock::{Clock, SystemClock, Timestamp};
use serde_json::Value;
use sqlx::any::{AnyConnectOptions, install_default_drivers};
use sqlx::{AnyConnection, ConnectOptions, Row};

use super::blog::{Blog, Item};
use super::database::Database;
use super::process::{ProcessOutput, RunningProcess, TestInstall, free_address};

pub const PUBLIC_URL: &str = "http://127.0.0.1:8080/weekly";
/// An SMTP URL for tests that send no message. Port 9 is closed.
pub const NO_SMTP: &str = "smtp://127.0.0.1:9";

/// Maximum wait of [`with_timeout`].
const TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// A newsletter that can send issues.
pub struct Newsletter {
    pub install: TestInstall,
    pub blog: Blog,
    pub database: Database,
}

/// Creates a post that was published `hours` ago.
pub fn post(slug: &str, title: &str, hours: u64) -> Item {
    Item::new(slug, title, hours_ago(hours))
}

pub fn hours_ago(hours: u64) -> Timestamp {
    SystemClock.now().minus(Duration::from_secs(hours * 3600))
}

impl Newsletter {
    /// Creates a newsletter with two posts and no subscribers.
    pub async fn new(smtp_url: &str) -> Self {
        let posts = vec![
            post("bread", "How the bread rises", 5),
            post("salt", "Salt & water", 30),
        ];
        Self::with_posts(posts, smtp_url).await
    }

    /// Creates a newsletter with these posts and no subscribers.
    pub async fn with_posts(posts: Vec<Item>, smtp_url: &str) -> Self {
        let database = Database::fresh().await;
        let blog = Blog::start(posts);
        let install = TestInstall::new()
            .with_setting("newsletter.name", "The Baker")
            .with_setting("newsletter.from", "The Baker <news@blog.test>")
            .with_setting(
                "newsletter.postal_address",
                "The Baker, 1 Oven Lane, 12345 Town",
            )
            .with_setting("server.public_url", PUBLIC_URL)
            .with_setting("database.url", database.url())
            .with_setting("feeds.urls", format!("[\"{}\"]", blog.feed_url()))
            .with_setting(
                "feeds.allow_private",
                format!("[\"{}\"]", blog.host_and_port()),
            )
            // Tests send issues themselves, on any day of the week.
            .with_setting("schedule.enabled", "false")
            .with_setting("smtp.url", smtp_url);
        Self {
            install,
            blog,
            database,
        }
    }

    /// Sets a key such as `smtp.in_doubt`.
    #[must_use]
    pub fn with_setting(mut self, key: &str, value: impl Into<String>) -> Self {
        self.install = self.install.with_setting(key, value);
        self
    }

    /// Starts `serve` on a free port. Returns the process and the public URL.
    pub async fn serve(self) -> (Self, RunningProcess, String) {
        let address = free_address();
        let site = format!("http://{address}");
        let newsletter = self
            .with_setting("server.listen", address.to_string())
            .with_setting("server.public_url", &site)
            .with_setting("limits.minimum_fill_ms", "0");
        let running = newsletter.start_server(address).await;
        (newsletter, running, site)
    }

    /// Starts `serve` and waits until it is ready at `address`, its `server.listen`.
    pub async fn start_server(&self, address: SocketAddr) -> RunningProcess {
        let mut running = self.start(&["serve"]);
        running.wait_until_ready(address).await;
        running
    }

    /// Starts workers and waits until all are registered in the database.
    pub async fn start_workers<const COUNT: usize>(&self) -> [RunningProcess; COUNT] {
        let registered = async || self.query_number("SELECT COUNT(*) FROM workers").await;
        let expected = registered().await + i64::try_from(COUNT).expect("a small number");
        let workers = [(); COUNT].map(|()| self.start(&["worker"]));
        wait_until("registered workers", async || {
            (registered().await >= expected).then_some(())
        })
        .await;
        workers
    }

    /// Opens a connection to the database, in addition to those of the processes.
    pub async fn connect_to_database(&self) -> AnyConnection {
        install_default_drivers();
        let options: AnyConnectOptions = self.database.url().parse().expect("a URL");
        options.connect().await.expect("a connection")
    }

    /// Returns the result of a query for one number.
    pub async fn query_number(&self, sql: &'static str) -> i64 {
        let mut connection = self.connect_to_database().await;
        let row = sqlx::query(sql).fetch_one(&mut connection).await;
        row.expect("a row").get(0)
    }

    /// Runs a command with `--json`, which must succeed, and returns the printed objects.
    pub async fn run_json(&self, arguments: &[&str]) -> Vec<Value> {
        let finished = self.run(arguments).await;
        assert_eq!(finished.code(), Some(0), "{arguments:?}: {finished:?}");
        finished.json_lines()
    }

    /// Runs a command with `--json` and waits for its end.
    pub async fn run(&self, arguments: &[&str]) -> ProcessOutput {
        self.start(arguments).wait().await
    }

    /// Starts a command with `--json`.
    pub fn start(&self, arguments: &[&str]) -> RunningProcess {
        self.install.start(&[arguments, &["--json"]].concat())
    }

    /// Imports `reader1@example.com` to `reader{count}@example.com`.
    pub async fn import_subscribers(&self, count: usize) {
        let mut csv = "email\n".to_owned();
        for number in 1..=count {
            writeln!(csv, "reader{number}@example.com").expect("memory");
        }
        let summary = self.import_csv(csv.as_bytes()).await.json_lines();
        assert_eq!(summary[0]["imported"], count, "{summary:?}");
    }

    /// Runs `subscribers import` with this file, named `subscribers.csv`.
    pub async fn import_csv(&self, csv: &[u8]) -> ProcessOutput {
        let file = self.install.folder().join("subscribers.csv");
        std::fs::write(&file, csv).expect("a written file");
        self.run(&["subscribers", "import", "subscribers.csv"])
            .await
    }

    /// Runs `digest send` with further arguments. Returns its exit code and its result.
    pub async fn send_digest(&self, more: &[&str]) -> (i32, Value) {
        let finished = self.run(&[&["digest", "send"], more].concat()).await;
        parse_send_result(&finished)
    }

    /// Runs `digest send --wait`, which must succeed, and returns its result.
    pub async fn send_digest_and_wait(&self, more: &[&str]) -> Value {
        let (code, result) = self.send_digest(&[&["--wait"], more].concat()).await;
        assert_eq!(code, 0, "{result}");
        result
    }

    /// Returns all deliveries.
    pub async fn deliveries(&self) -> Vec<Value> {
        self.run_json(&["deliveries", "list"]).await
    }

    /// Returns the number of deliveries in each state that has any.
    pub async fn delivery_counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for delivery in self.deliveries().await {
            *counts.entry(as_text(&delivery["state"])).or_default() += 1;
        }
        counts
    }

    /// Returns the only delivery to this address.
    pub async fn delivery_to(&self, address: &str) -> Value {
        let mut deliveries = self.deliveries().await;
        deliveries.retain(|delivery| delivery["address"] == address);
        assert_eq!(deliveries.len(), 1, "{address}: {deliveries:?}");
        deliveries.remove(0)
    }

    /// Waits until a delivery is in this state.
    pub async fn wait_for_state(&self, state: &str) {
        let is_reached = async || {
            let counts = self.delivery_counts().await;
            counts.contains_key(state).then_some(())
        };
        wait_until(&format!("a delivery in {state}"), is_reached).await;
    }

    /// Waits until no delivery is in this state.
    pub async fn wait_until_none_in(&self, state: &str) {
        let is_reached = async || {
            let counts = self.delivery_counts().await;
            (!counts.contains_key(state)).then_some(())
        };
        wait_until(&format!("no delivery in {state}"), is_reached).await;
    }

    /// Waits until the issue of this week is paused.
    pub async fn wait_until_paused(&self) {
        let is_paused = async || {
            let (_, result) = self.send_digest(&[]).await;
            (result["result"] == "paused").then_some(())
        };
        wait_until("the pause", is_paused).await;
    }

    /// Waits until the issue of this week is sent. Returns the result of `digest send`.
    pub async fn wait_until_sent(&self) -> Value {
        let sent = async || {
            let (_, result) = self.send_digest(&[]).await;
            (result["result"] == "already_sent").then_some(result)
        };
        wait_until("the issue to be sent", sent).await
    }

    /// Makes all deferred deliveries of the first issue due, and sends them.
    pub async fn send_deferred(&self) -> Value {
        self.retry_deferred().await;
        self.send_digest_and_wait(&[]).await
    }

    /// Makes all deferred deliveries of the first issue due.
    pub async fn retry_deferred(&self) {
        let retry = ["deliveries", "retry", "--issue", "1", "--deferred-only"];
        self.run_json(&retry).await;
    }
}

/// Returns the exit code and the only object that `digest send` printed.
pub fn parse_send_result(finished: &ProcessOutput) -> (i32, Value) {
    let mut lines = finished.json_lines();
    assert_eq!(lines.len(), 1, "{finished:?}");
    (finished.code().unwrap_or(-1), lines.remove(0))
}

/// Waits until the process has logged this text.
///
/// For tests of the log, and for states that only the log shows.
pub async fn wait_for_log(running: &RunningProcess, text: &str) {
    let is_logged = async || running.stderr().contains(text).then_some(());
    wait_until(text, is_logged).await;
}

/// Polls until `probe` returns a value. Panics after [`TIMEOUT`].
pub async fn wait_until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let polling = async {
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    with_timeout(polling, what).await
}

/// Awaits `future`. Panics after [`TIMEOUT`].
pub async fn with_timeout<T>(future: impl Future<Output = T>, what: &str) -> T {
    match tokio::time::timeout(TIMEOUT, future).await {
        Ok(value) => value,
        Err(_) => panic!("timeout after {} s: {what}", TIMEOUT.as_secs()),
    }
}

/// Returns the text of a JSON string.
pub fn as_text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is not a string"))
        .to_owned()
}

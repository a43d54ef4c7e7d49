//! A newsletter as its owner runs it: a blog, a database, settings, and readers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use broadsheet::domain::clock::{Clock, SystemClock, Timestamp};
use serde_json::Value;

use super::blog::{Blog, Item};
use super::database::Database;
use super::process::{Finished, Installation, Running};

pub const PUBLIC_URL: &str = "http://127.0.0.1:8080/weekly";

/// What a test waits for must come within this.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(25);

/// Everything that a send needs, and the program to send with.
pub struct Newsletter {
    pub installation: Installation,
    pub blog: Blog,
    pub database: Database,
}

/// A post of `hours` ago.
pub fn post(slug: &str, title: &str, hours: u64) -> Item {
    Item::new(slug, title, hours_ago(hours))
}

pub fn hours_ago(hours: u64) -> Timestamp {
    SystemClock.now().minus(Duration::from_secs(hours * 3600))
}

impl Newsletter {
    /// One with two posts, no readers, and a mail server.
    pub async fn new(smtp_url: &str) -> Self {
        let posts = vec![
            post("bread", "How the bread rises", 5),
            post("salt", "Salt & water", 30),
        ];
        Self::of(posts, smtp_url).await
    }

    /// One with these posts.
    pub async fn of(posts: Vec<Item>, smtp_url: &str) -> Self {
        let database = Database::fresh().await;
        let blog = Blog::start(posts);
        let installation = Installation::new()
            .with("newsletter.name", "The Baker")
            .with("newsletter.from", "The Baker <news@blog.test>")
            .with(
                "newsletter.postal_address",
                "The Baker, 1 Oven Lane, 12345 Town",
            )
            .with("server.public_url", PUBLIC_URL)
            .with("database.url", database.url())
            .with("feeds.urls", format!("[\"{}\"]", blog.feed_url()))
            .with(
                "feeds.allow_private",
                format!("[\"{}\"]", blog.host_and_port()),
            )
            // Friday at ten must not come into a test's way.
            .with("schedule.enabled", "false")
            .with("smtp.url", smtp_url);
        Self {
            installation,
            blog,
            database,
        }
    }

    /// Sets `smtp.in_doubt` and the like.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.installation = self.installation.with(key, value);
        self
    }

    /// Runs a command with `--json`, and gives the objects it printed. It must end well.
    pub async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let finished = self.run(arguments).await;
        assert_eq!(finished.code(), Some(0), "{arguments:?}: {finished:?}");
        finished.json()
    }

    /// Runs a command with `--json` to its end.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).wait().await
    }

    /// Starts a command with `--json`.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.installation.start(&arguments)
    }

    /// `reader1@example.com` and so on, imported from a file.
    pub async fn import_readers(&self, count: usize) {
        let mut csv = "email\n".to_owned();
        for number in 1..=count {
            writeln!(csv, "reader{number}@example.com").expect("memory");
        }
        let tally = self.import(csv.as_bytes()).await.json();
        assert_eq!(tally[0]["imported"], count, "{tally:?}");
    }

    /// Imports this file.
    pub async fn import(&self, csv: &[u8]) -> Finished {
        let file = self.installation.folder().join("readers.csv");
        std::fs::write(&file, csv).expect("a file of readers");
        self.run(&["subscribers", "import", "readers.csv"]).await
    }

    /// `digest send` with these further arguments: its exit code, and what it printed.
    pub async fn send(&self, more: &[&str]) -> (i32, Value) {
        let finished = self.run(&[&["digest", "send"], more].concat()).await;
        result_of(&finished)
    }

    /// `digest send --wait`, which must end with everybody served or accounted for.
    pub async fn send_to_the_end(&self, more: &[&str]) -> Value {
        let (code, result) = self.send(&[&["--wait"], more].concat()).await;
        assert_eq!(code, 0, "{result}");
        result
    }

    pub async fn deliveries(&self) -> Vec<Value> {
        self.json(&["deliveries", "list"]).await
    }

    /// How many deliveries are in each state.
    pub async fn states(&self) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for delivery in self.deliveries().await {
            *states.entry(text(&delivery["state"])).or_default() += 1;
        }
        states
    }

    /// The delivery to this address.
    pub async fn delivery_to(&self, address: &str) -> Value {
        let mut deliveries = self.deliveries().await;
        deliveries.retain(|delivery| delivery["address"] == address);
        assert_eq!(deliveries.len(), 1, "{address}: {deliveries:?}");
        deliveries.remove(0)
    }

    /// Waits until this week's issue is sent, by whoever sends it.
    pub async fn until_sent(&self) -> Value {
        let sent = async {
            loop {
                let (_, result) = self.send(&[]).await;
                if result["result"] == "already_sent" {
                    return result;
                }
                tokio::time::sleep(10 * POLL).await;
            }
        };
        within(sent, "the issue to be sent").await
    }
}

/// The exit code and the one object that a `digest send` printed.
pub fn result_of(finished: &Finished) -> (i32, Value) {
    let mut lines = finished.json();
    assert_eq!(lines.len(), 1, "{finished:?}");
    (finished.code().unwrap_or(-1), lines.remove(0))
}

/// Waits until the program has logged these words.
pub async fn until_logged(running: &Running, words: &str) {
    let logged = async {
        while !running.said().1.contains(words) {
            tokio::time::sleep(POLL).await;
        }
    };
    within(logged, words).await;
}

/// Waits for it, or fails the test after a minute.
pub async fn within<T>(future: impl Future<Output = T>, what: &str) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited a minute for {what}"),
    }
}

/// The text of a JSON string.
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

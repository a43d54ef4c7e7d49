//! The program inside the test's own process, with a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use broadsheet::app::App;
use broadsheet::config::Sources;
use broadsheet::domain::clock::{ManualClock, Timestamp};
use broadsheet::domain::email_address::EmailAddress;
use broadsheet::domain::random::Random;
use broadsheet::store::IssueRow;
use broadsheet::subscription::TakenIn;
use broadsheet::worker::Memory;
use tempfile::TempDir;

use super::blog::Blog;
use super::database::Database;

/// A newsletter with a database, a folder and a clock of its own.
pub struct TestApp {
    pub app: App,
    pub clock: Arc<ManualClock>,
    memory: Memory,
    _folder: TempDir,
    _database: Database,
}

impl TestApp {
    /// Opened at `now`, reading `blog`, its schedule Friday 10:00 in Berlin.
    pub async fn spawn(blog: &Blog, now: Timestamp) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let database = Database::fresh().await;
        let file = |name: &str| folder.path().join(name).display().to_string();
        let settings = [
            ("DATABASE__URL", database.url().to_owned()),
            ("SECRETS__KEY_FILE", file("secret.key")),
            ("MAIL__OUTBOX", file("outbox")),
            ("NEWSLETTER__NAME", "The Weekly".to_owned()),
            ("NEWSLETTER__FROM", "weekly@example.com".to_owned()),
            ("NEWSLETTER__POSTAL_ADDRESS", "1 Example Street".to_owned()),
            ("FEEDS__URLS", blog.feed_url()),
            ("FEEDS__ALLOW_PRIVATE", blog.host_and_port()),
            ("SCHEDULE__TIMEZONE", "Europe/Berlin".to_owned()),
            ("ALERTS__TO", "owner@example.net".to_owned()),
        ];
        let variables = settings.map(|(key, value)| (format!("BROADSHEET_{key}"), value));
        let sources = Sources::new(None, variables);
        let clock = Arc::new(ManualClock::at(now));
        let random = Arc::new(Random::seeded(1));
        let app = App::open(sources, clock.clone(), random)
            .await
            .expect("an app that opens");
        Self {
            app,
            clock,
            memory: Memory::default(),
            _folder: folder,
            _database: database,
        }
    }

    pub async fn has_reader(&self, address: &str) {
        let address = EmailAddress::parse(address).expect("an address");
        let how = TakenIn {
            source: "test".to_owned(),
            pending: false,
        };
        self.app
            .subscriptions()
            .add(address, None, &how)
            .await
            .expect("a reader taken in");
    }

    /// The scheduler looks at the clock once.
    pub async fn scheduler_looks(&mut self) {
        let scheduler = self.app.scheduler().expect("a scheduler");
        scheduler
            .look(&mut self.memory)
            .await
            .expect("a look without fault");
    }

    /// Another process starts: nothing is remembered but what is stored.
    pub fn starts_again(&mut self) {
        self.memory = Memory::default();
    }

    pub fn later(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// The newest first.
    pub async fn issues(&self) -> Vec<IssueRow> {
        self.app
            .store
            .issues(None, 100)
            .await
            .expect("a list of issues")
    }
}

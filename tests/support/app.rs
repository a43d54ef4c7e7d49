//! The program inside the test's own process, with a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use broadsheet::app::App;
use broadsheet::config::Sources;
use broadsheet::delivery::Engine;
use broadsheet::domain::clock::{Clock, ManualClock, Timestamp};
use broadsheet::domain::delivery::DeliveryState;
use broadsheet::domain::email_address::EmailAddress;
use broadsheet::domain::issue::{IssueNumber, IssueState};
use broadsheet::domain::random::Random;
use broadsheet::domain::subscriber::SubscriberState;
use broadsheet::store::{DeliveryFilter, DeliveryRow, IssueRow};
use broadsheet::subscription::ImportOptions;
use broadsheet::worker::SchedulerState;
use sqlx::any::AnyConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::blog::Blog;
use super::database::Database;
use super::newsletter::within;
use super::smtp_server::SmtpServer;

const POLL: Duration = Duration::from_millis(25);
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 3600);

/// A newsletter with a database, a folder and a clock of its own.
pub struct TestApp {
    pub app: App,
    pub clock: Arc<ManualClock>,
    memory: SchedulerState,
    _folder: TempDir,
    database: Database,
}

impl TestApp {
    /// Opened at `now`, reading `blog`, its schedule Friday 10:00 in Berlin.
    pub async fn spawn(blog: &Blog, now: Timestamp) -> Self {
        Self::open(blog, now, None).await
    }

    /// The same, with a mail server instead of the outbox.
    pub async fn with_server(blog: &Blog, now: Timestamp, server: &SmtpServer) -> Self {
        Self::open(blog, now, Some(server.url())).await
    }

    async fn open(blog: &Blog, now: Timestamp, smtp: Option<String>) -> Self {
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
        ];
        let server = smtp.map(|url| ("SMTP__URL", url));
        let settings = settings.into_iter().chain(server);
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
            memory: SchedulerState::default(),
            _folder: folder,
            database,
        }
    }

    pub async fn has_reader(&self, address: &str) {
        let address = EmailAddress::parse(address).expect("an address");
        let how = ImportOptions {
            source: "test".to_owned(),
            state: None,
            prefers_file_source: false,
        };
        self.app
            .subscriptions()
            .import_subscriber(address, None, &how)
            .await
            .expect("a reader taken in");
    }

    /// Someone is told of what happens.
    pub fn has_owner(&mut self, address: &str) {
        let mut settings = (*self.app.settings).clone();
        settings.alerts.to = vec![EmailAddress::parse(address).expect("an address")];
        self.app.settings = Arc::new(settings);
    }

    /// The scheduler looks at the clock once.
    pub async fn scheduler_looks(&mut self) {
        let scheduler = self.app.scheduler().expect("a scheduler");
        scheduler
            .tick(&mut self.memory)
            .await
            .expect("a look without fault");
    }

    /// Another process starts: nothing is remembered but what is stored.
    pub fn starts_again(&mut self) {
        self.memory = SchedulerState::default();
    }

    pub fn later(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// Delivers until nothing is on its way any more but what waits for a later try.
    pub async fn delivers(&self) {
        let engine = Engine::new(self.app.deliveries().expect("deliveries"));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let running = tokio::spawn(async move { engine.run(stopped.clone(), stopped).await });
        let done = async {
            while self.is_busy().await {
                tokio::time::sleep(POLL).await;
            }
        };
        within(done, "all that is due to be tried").await;
        stop.cancel();
        running.await.expect("an engine that ends");
    }

    async fn is_busy(&self) -> bool {
        let now = self.clock.now();
        let rows = self.copies(None).await;
        let is_open = |row: &DeliveryRow| row.due_at.is_some();
        // An issue of which nothing is to go has yet to be called sent.
        let issues = self.issues().await;
        let unfinished = issues.iter().any(|issue| {
            let number = Some(issue.number.get());
            let copies = rows.iter().filter(|row| row.issue == number);
            issue.state == IssueState::Sending && !copies.into_iter().any(is_open)
        });
        let is_held = |row: &DeliveryRow| {
            let issue = issues.iter().find(|it| row.issue == Some(it.number.get()));
            let stands = issue.is_some_and(|issue| issue.state != IssueState::Sending);
            stands && matches!(row.state, DeliveryState::Queued | DeliveryState::Deferred)
        };
        // Nobody is ever put off for as long as a clock that was wrong would have it.
        let is_due = |due: Timestamp| due <= now || due > now.plus(LONGEST_WAIT);
        unfinished
            || rows
                .iter()
                .any(|row| row.due_at.is_some_and(is_due) && !is_held(row))
    }

    /// Everybody's copy of an issue (`None`: of all of them).
    pub async fn copies(&self, issue: Option<i64>) -> Vec<DeliveryRow> {
        let issue = issue.map(|number| IssueNumber::new(number).expect("a number from 1"));
        let filter = DeliveryFilter { issue, state: None };
        let rows = self.app.store.deliveries(&filter, None, 1_000).await;
        rows.expect("a list of deliveries")
    }

    /// Someone changes the database past the program.
    pub async fn is_tampered_with(&self, statement: &str) {
        let options: AnyConnectOptions = self.database.url().parse().expect("a URL");
        let mut intruder = options.connect().await.expect("a connection");
        let statement = AssertSqlSafe(statement.to_owned());
        intruder.execute(statement).await.expect("a statement");
    }

    pub async fn state_of(&self, address: &str) -> SubscriberState {
        let address = EmailAddress::parse(address).expect("an address");
        let reader = self.app.store.subscriber_by_address(&address).await;
        reader
            .expect("a database that answers")
            .expect("a reader")
            .state
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

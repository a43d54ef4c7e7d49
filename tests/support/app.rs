//! The application inside the test process, with a manual clock.

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
use super::newsletter::with_timeout;
use super::smtp_server::SmtpServer;

const POLL_INTERVAL: Duration = Duration::from_millis(25);
/// Longer than any retry delay. A later due time was set under a clock that was ahead.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5 * 3600);

/// An application with its own database, folder and clock.
pub struct TestApp {
    pub app: App,
    pub clock: Arc<ManualClock>,
    scheduler_state: SchedulerState,
    _folder: TempDir,
    database: Database,
}

impl TestApp {
    /// Opens at `now` with the feed of `blog` and the default schedule, Friday 10:00 in Berlin.
    /// Messages go to the outbox.
    pub async fn spawn(blog: &Blog, now: Timestamp) -> Self {
        Self::open(blog, now, None).await
    }

    /// Like [`spawn`](Self::spawn), with an SMTP server instead of the outbox.
    pub async fn with_smtp_server(blog: &Blog, now: Timestamp, server: &SmtpServer) -> Self {
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
            scheduler_state: SchedulerState::default(),
            _folder: folder,
            database,
        }
    }

    /// Imports a confirmed subscriber.
    pub async fn add_subscriber(&self, address: &str) {
        let address = EmailAddress::parse(address).expect("an address");
        let options = ImportOptions {
            source: "test".to_owned(),
            state: None,
            prefers_file_source: false,
        };
        self.app
            .subscriptions()
            .import_subscriber(address, None, &options)
            .await
            .expect("an imported subscriber");
    }

    /// Sets `alerts.to`.
    pub fn set_alert_recipient(&mut self, address: &str) {
        let mut settings = (*self.app.settings).clone();
        settings.alerts.to = vec![EmailAddress::parse(address).expect("an address")];
        self.app.settings = Arc::new(settings);
    }

    /// Runs the scheduler once at the current time.
    pub async fn run_scheduler_tick(&mut self) {
        let scheduler = self.app.scheduler().expect("a scheduler");
        scheduler
            .tick(&mut self.scheduler_state)
            .await
            .expect("a scheduler tick");
    }

    /// Resets the state in memory, as a restart of the process does.
    pub fn restart(&mut self) {
        self.scheduler_state = SchedulerState::default();
    }

    pub fn advance_clock(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// Runs a worker until no delivery is due.
    pub async fn run_delivery_until_idle(&self) {
        let engine = Engine::new(self.app.deliveries().expect("deliveries"));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let running = tokio::spawn(async move { engine.run(stopped.clone(), stopped).await });
        let done = async {
            while self.is_busy().await {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        with_timeout(done, "no due delivery").await;
        stop.cancel();
        running.await.expect("a stopped engine");
    }

    async fn is_busy(&self) -> bool {
        let now = self.clock.now();
        let rows = self.deliveries(None).await;
        let is_open = |row: &DeliveryRow| row.due_at.is_some();
        // An issue without open deliveries is busy until it is marked as sent.
        let issues = self.issues().await;
        let unfinished = issues.iter().any(|issue| {
            let number = Some(issue.number.get());
            let deliveries = rows.iter().filter(|row| row.issue == number);
            issue.state == IssueState::Sending && !deliveries.into_iter().any(is_open)
        });
        let is_paused = |row: &DeliveryRow| {
            let issue = issues.iter().find(|it| row.issue == Some(it.number.get()));
            let is_stopped = issue.is_some_and(|issue| issue.state != IssueState::Sending);
            is_stopped && matches!(row.state, DeliveryState::Queued | DeliveryState::Deferred)
        };
        let is_due = |due: Timestamp| due <= now || due > now.plus(MAX_RETRY_DELAY);
        unfinished
            || rows
                .iter()
                .any(|row| row.due_at.is_some_and(is_due) && !is_paused(row))
    }

    /// Returns the deliveries of an issue, or all if `None`.
    pub async fn deliveries(&self, issue: Option<i64>) -> Vec<DeliveryRow> {
        let issue = issue.map(|number| IssueNumber::new(number).expect("a positive number"));
        let filter = DeliveryFilter { issue, state: None };
        let rows = self.app.store.deliveries(&filter, None, 1_000).await;
        rows.expect("a list of deliveries")
    }

    /// Executes a statement on a separate database connection.
    pub async fn execute_sql(&self, statement: &str) {
        let options: AnyConnectOptions = self.database.url().parse().expect("a URL");
        let mut connection = options.connect().await.expect("a connection");
        let statement = AssertSqlSafe(statement.to_owned());
        connection
            .execute(statement)
            .await
            .expect("an executed statement");
    }

    pub async fn subscriber_state(&self, address: &str) -> SubscriberState {
        let address = EmailAddress::parse(address).expect("an address");
        let subscriber = self.app.store.subscriber_by_address(&address).await;
        subscriber
            .expect("a query result")
            .expect("a subscriber")
            .state
    }

    /// Returns all issues, the newest first.
    pub async fn issues(&self) -> Vec<IssueRow> {
        self.app
            .store
            .issues(None, 100)
            .await
            .expect("a list of issues")
    }
}

//! The whole web on a database of its own, without a socket, for tests.

mod board;
mod bounce;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::digest::{DigestService, Order, Rules};
use crate::domain::accent::Accent;
use crate::domain::clock::{ManualClock, Timestamp};
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::post::{FeedId, Post, PostId};
use crate::domain::issue::schedule::Schedule;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::domain::mailbox::Mailbox;
use crate::domain::public_url::PublicUrl;
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::domain::trusted_proxies::TrustedProxies;
use crate::feeds::Fetcher;
use crate::mail::identity::Identity;
use crate::mail::templates::{Direction, NewsletterContext, Templates};
use crate::store::{
    DatabaseUrl, DeliveryFilter, DeliveryRow, FanOutBatch, FeedOrigin, FreezeOutcome, NewIssue,
    NewPost, Store, Subscriber,
};
use crate::subscription::{CapLimits, ImportOptions, SignupBatcher, SubscriptionService};
use crate::test_database::Database;
use crate::web::{BackgroundTasks, RequestPolicy, SendingStatus, Services, router};

pub use board::TestBoard;

/// 2026-11-20 10:00 UTC, a Friday.
pub const FRIDAY: Timestamp = Timestamp::from_millis(1_795_168_800_000);

pub struct TestSite {
    pub web: Services,
    pub clock: Arc<ManualClock>,
    router: Router,
    _database: Database,
    _folder: TempDir,
}

#[derive(Debug)]
pub struct TestResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl TestResponse {
    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the form's field.
    pub fn field(&self, name: &str) -> &str {
        let begin = self
            .body
            .find(&format!("name=\"{name}\" value=\""))
            .unwrap();
        self.body[begin..].split('"').nth(3).unwrap()
    }
}

impl TestSite {
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// With some of it set otherwise.
    pub async fn with(change: impl FnOnce(&mut Services)) -> Self {
        let database = Database::fresh().await;
        let place = match database.url().strip_prefix("sqlite:") {
            Some(path) => DatabaseUrl::Sqlite(path.into()),
            None => DatabaseUrl::Postgres(database.url().to_owned()),
        };
        let clock = Arc::new(ManualClock::at(FRIDAY));
        let store = Store::connect(&place).await.unwrap();
        let mut web = web(store, Arc::clone(&clock));
        let folder = tempfile::tempdir().unwrap();
        web.list_work = Arc::new(BackgroundTasks::new(folder.path().join("imports")));
        change(&mut web);
        let router = router(web.clone()).unwrap();
        Self {
            web,
            clock,
            router,
            _database: database,
            _folder: folder,
        }
    }

    pub async fn answer(&self, request: Request<Body>, ip: &str) -> TestResponse {
        let (head, body) = self.response(request, ip).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        TestResponse {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// The answer before its body is read, which may never end.
    pub async fn response(&self, mut request: Request<Body>, ip: &str) -> Response {
        let peer = SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 4711);
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> TestResponse {
        self.answer(Request::get(path).body(Body::empty()).unwrap(), "192.0.2.1")
            .await
    }

    pub async fn post(&self, path: &str, body: impl Into<Body>) -> TestResponse {
        self.post_from("192.0.2.1", path, body).await
    }

    pub async fn post_from(&self, ip: &str, path: &str, body: impl Into<Body>) -> TestResponse {
        let request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.answer(request.body(body.into()).unwrap(), ip).await
    }

    /// As a person does it: look at the form, take a moment, send it. `more` are further
    /// fields, encoded.
    pub async fn subscribe(&self, email: &str, more: &str) -> TestResponse {
        self.subscribe_from("192.0.2.1", email, more).await
    }

    pub async fn subscribe_from(&self, ip: &str, email: &str, more: &str) -> TestResponse {
        let form = self.get("/").await;
        self.clock.advance(Duration::from_secs(2));
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("email", email)
            .append_pair("stamp", form.field("stamp"))
            .append_pair("website", "")
            .finish();
        self.post_from(ip, "/subscribe", format!("{body}&{more}"))
            .await
    }

    pub async fn reader(&self, address: &str) -> Option<Subscriber> {
        let address = EmailAddress::parse(address).unwrap();
        self.web
            .store
            .subscriber_by_address(&address)
            .await
            .unwrap()
    }

    /// Someone who is on the list.
    pub async fn confirmed(&self, address: &str) -> Subscriber {
        let how = ImportOptions {
            source: "test".to_owned(),
            pending: false,
        };
        self.web
            .subscriptions
            .add(EmailAddress::parse(address).unwrap(), None, &how)
            .await
            .unwrap();
        self.reader(address).await.unwrap()
    }

    pub async fn deliveries(&self) -> Vec<DeliveryRow> {
        self.web
            .store
            .deliveries(&DeliveryFilter::default(), None, 10_000)
            .await
            .unwrap()
    }

    /// Keeps posts of these titles, the newest first.
    pub async fn posts(&self, titles: &[&str]) -> Vec<PostId> {
        let (store, random) = (&self.web.store, &self.web.random);
        let feed = FeedId::new(self.now(), random);
        store
            .add_feed(
                &feed,
                &format!("https://example.com/{feed}"),
                FeedOrigin::Added,
                self.now(),
            )
            .await
            .unwrap();
        let mut ids = Vec::new();
        for (age, title) in titles.iter().enumerate() {
            let post = self.make_post(title, u64::try_from(age).unwrap());
            ids.push(post.id);
            let keys = vec![post.id.to_string()];
            let stored = NewPost {
                post,
                comments: None,
                keys,
                is_history: false,
            };
            store
                .upsert_posts(&feed, &[stored], self.now())
                .await
                .unwrap();
        }
        ids
    }

    fn make_post(&self, title: &str, age: u64) -> Post {
        Post {
            id: PostId::new(self.now(), &self.web.random),
            title: title.to_owned(),
            url: "https://example.com/post".parse().unwrap(),
            excerpt: "What it is about.".to_owned(),
            image: Some("https://example.com/picture.png".parse().unwrap()),
            author: None,
            minutes: Some(4),
            published_at: self.now().minus(Duration::from_secs(age)),
            first_seen_at: self.now(),
            offered: 0,
        }
    }

    /// Freezes an issue of new posts. Needs a reader.
    pub async fn issue(&self, titles: &[&str]) -> (IssueId, IssueNumber) {
        let mut posts = Vec::new();
        for post in self.posts(titles).await {
            let candidate = self.web.store.candidate(&post).await.unwrap();
            posts.push(candidate.unwrap().post);
        }
        let issue = NewIssue {
            id: IssueId::new(self.now(), &self.web.random),
            number: self.web.store.next_number().await.unwrap(),
            slot: None,
            subject: titles.join(", "),
            preheader: String::new(),
            message: "{}".to_owned(),
            content_hash: "0".repeat(64),
            posts,
            omitted_posts: Vec::new(),
            estimated_recipients: 1,
            edits: self.web.store.draft_edits().await.unwrap(),
            is_manual: false,
        };
        let claimed = self.web.store.freeze(&issue, self.now()).await.unwrap();
        assert!(
            matches!(claimed, FreezeOutcome::Frozen { .. }),
            "{claimed:?}"
        );
        self.web
            .store
            .run_fan_outs(FanOutBatch::Large)
            .await
            .unwrap();
        (issue.id, issue.number)
    }

    pub fn now(&self) -> Timestamp {
        self.web.clock.now()
    }
}

fn web(store: Store, clock: Arc<ManualClock>) -> Services {
    let random = Arc::new(Random::seeded(1));
    let keys = Arc::new(SecretKeys::generate(&random));
    let public_url = PublicUrl::parse("https://news.example.com").unwrap();
    let schedule = Schedule::parse("0 10 * * FRI", "Europe/Berlin").unwrap();
    let digests = DigestService {
        store: store.clone(),
        fetcher: Fetcher::new(Vec::new()),
        templates: Arc::new(Templates::load(None).unwrap()),
        identity: Arc::new(identity(&public_url, &schedule)),
        rules: Rules {
            max_posts: 10,
            min_posts: 1,
            max_age: Duration::from_secs(14 * 24 * 60 * 60),
            order: Order::Hottest,
            count_clicks: false,
        },
        wanted: Vec::new(),
        keys: Arc::clone(&keys),
        clock: clock.clone(),
        random: Arc::clone(&random),
    };
    let subscriptions = SubscriptionService {
        signup_batcher: SignupBatcher::new(store.clone()),
        store: store.clone(),
        keys: Arc::clone(&keys),
        clock: clock.clone(),
        random: Arc::clone(&random),
    };
    let plenty = NonZeroU32::new(10_000).unwrap();
    Services {
        store,
        subscriptions,
        digests,
        outbox: None,
        list_work: Arc::new(BackgroundTasks::new(PathBuf::new())),
        mail_goes_to: "smtp.example.com:587".to_owned(),
        keys,
        clock,
        random,
        door: RequestPolicy {
            public_url,
            trusted_proxies: TrustedProxies::default(),
            minimum_fill: Duration::from_secs(1),
            caps: CapLimits {
                per_ip_hour: plenty,
                per_domain_hour: plenty,
                per_token_hour: plenty,
            },
        },
        schedule,
        schedule_enabled: true,
        not_ready: Vec::new(),
        accent: Accent::default(),
        sending: SendingStatus::default(),
        board: Arc::new(TestBoard::default()),
    }
}

fn identity(public_url: &PublicUrl, schedule: &Schedule) -> Identity {
    Identity {
        masthead: NewsletterContext {
            name: "Example Lab".to_owned(),
            tagline: None,
            language: "en".to_owned(),
            direction: Direction::of("en"),
            site: "example.com".to_owned(),
            postal_address: Some("1 Example Street".to_owned()),
            weekly: true,
            accent: Accent::default().into(),
        },
        from: Mailbox::parse("Example Lab <news@example.com>").unwrap(),
        reply_to: None,
        public_url: public_url.clone(),
        zone: schedule.zone(),
    }
}

//! In-process tests of the admin UI, each with a database of its own.

mod accounts;
mod deliveries;
mod draft_edits;
mod draft_send;
mod draft_skip;
mod edit_conflicts;
mod import;
mod login;
mod outbox;
mod pages;
mod progress_stream;
mod redirects;
mod roles;
mod settings;
mod subscribers;
mod tokens;

use std::time::Duration;

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use tempfile::TempDir;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryState;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AdminId, IssueId, WorkerId};
use crate::domain::issue::IssueNumber;
use crate::domain::issue::post::FeedId;
use crate::mail::outbox::Outbox;
use crate::store::{
    ClaimedDelivery, DeliveryUpdate, FeedOrigin, GroupCommit, IssueRow, Role, Store,
};
use crate::web::Services;
use crate::web::auth::session;
use crate::web::tests::fixture::{TestResponse, TestSite};

/// Monday 23 November 2026, 09:00 UTC.
const NOW: Timestamp = Timestamp::from_millis(1_795_424_400_000);
const PASSWORD: &str = "a long password";
const COOKIE: &str = "__Host-broadsheet";
const ADA: &str = "ada@example.com";
const EVE: &str = "eve@example.com";

const FEED: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><title>Lab</title>\
    <entry><title>A loader in fonts</title><link href='https://lab.example/1'/><updated>2026-11-21T10:00:00Z</updated></entry>\
    <entry><title>Spam in Q3</title><link href='https://lab.example/2'/><updated>2026-11-22T10:00:00Z</updated></entry></feed>";

/// A web application with an outbox and an admin UI.
struct AdminTestApp {
    site: TestSite,
    dir: TempDir,
}

impl AdminTestApp {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Services)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = TestSite::with(|web| {
            web.outbox = Some(Outbox::new(dir.path().join("outbox")));
            change(web);
        })
        .await;
        site.clock.set(NOW);
        Self { site, dir }
    }

    fn store(&self) -> &Store {
        &self.site.web.store
    }

    /// Creates a one-time link for an account, or for the first admin, and returns its token.
    async fn link(&self, admin: Option<&AdminId>) -> String {
        let token = hex::encode(self.site.web.random.bytes::<16>());
        let expires = self.site.now().plus(Duration::from_secs(3600));
        let hash = session::hash_token(&token);
        let added = self.store().add_admin_link(&hash, admin, expires).await;
        added.unwrap();
        token
    }

    async fn account(&self, address: &str) -> AdminId {
        self.account_as(Role::Admin, address).await
    }

    async fn account_as(&self, role: Role, address: &str) -> AdminId {
        let id = AdminId::new(NOW, &self.site.web.random);
        let address = EmailAddress::parse(address).unwrap();
        let added = self.store().add_admin(&id, &address, role, NOW).await;
        assert!(added.unwrap());
        id
    }

    /// Logs an account in through a one-time link.
    async fn logged_in(&self, id: &AdminId) -> AdminClient<'_> {
        let mut browser = AdminClient::new(self);
        let token = self.link(Some(id)).await;
        let fields = [
            ("token", token.as_str()),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        let answer = browser.send("/admin/setup", &fields, &[]).await;
        assert_eq!(answer.to(), "/admin?done=welcome");
        browser
    }

    /// Logs Eve in, who is an editor.
    async fn eve(&self) -> AdminClient<'_> {
        let id = self.account_as(Role::Editor, EVE).await;
        self.logged_in(&id).await
    }

    /// Logs Ada in, the first admin.
    async fn ada(&self) -> AdminClient<'_> {
        let mut ada = AdminClient::new(self);
        let token = self.link(None).await;
        let fields = [
            ("token", token.as_str()),
            ("email", ADA),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        let answer = ada.send("/admin/setup", &fields, &[]).await;
        assert_eq!(answer.to(), "/admin?done=welcome");
        ada
    }

    async fn first_issue(&self) -> IssueRow {
        let issue = self.store().issue(IssueNumber::FIRST).await.unwrap();
        issue.expect("an issue was made")
    }

    async fn feed(&self) {
        let file = self.dir.path().join("feed.xml");
        std::fs::write(&file, FEED).unwrap();
        let id = FeedId::new(NOW, &self.site.web.random);
        let source = file.display().to_string();
        let added = self.store().add_feed(&id, &source, FeedOrigin::Added, NOW);
        assert!(added.await.unwrap());
    }
}

/// Sends the first issue with the content of the review page.
async fn send(browser: &mut AdminClient<'_>, review: &TestResponse) {
    let page = "/admin/next/send";
    let fields = [("reviewed", review.field("reviewed"))];
    let sent = browser.submit_form(page, page, &fields).await;
    assert_eq!(sent.to(), "/admin/issues/1?done=sending_started");
}

impl AdminTestApp {
    /// Delivers all queued transactional messages with this SMTP reply.
    async fn deliver_all(&self, reply: &str) {
        let worker = WorkerId::new(NOW, &self.site.web.random);
        let (store, now) = (self.store(), self.site.now());
        store.register_worker(&worker, now).await.unwrap();
        let claimed = store.claim_transactional(&worker, 100, now).await.unwrap();
        let delivered = |job: &ClaimedDelivery| DeliveryUpdate {
            id: job.id.clone(),
            state: DeliveryState::Delivered,
            due_at: None,
            reply: reply.to_owned(),
            charged: true,
            lost_reply: false,
            suppress: None,
            soft_bounce: None,
        };
        let outcomes = claimed.iter().map(delivered).collect();
        let begin = GroupCommit {
            intents: claimed.iter().map(Into::into).collect(),
            ..GroupCommit::default()
        };
        let end = GroupCommit {
            updates: outcomes,
            ..GroupCommit::default()
        };
        store.record(&worker, &begin, now).await.unwrap();
        store.record(&worker, &end, now).await.unwrap();
    }

    /// Completes deliveries of an issue like a worker: address, state and SMTP reply. Releases
    /// the other deliveries.
    async fn deliver(&self, issue: &IssueId, outcomes: &[(&str, DeliveryState, &str)]) {
        let (store, now) = (self.store(), self.site.now());
        let worker = WorkerId::new(now, &self.site.web.random);
        store.register_worker(&worker, now).await.unwrap();
        let deliveries = store
            .claim_issue(&worker, issue, Timestamp::EPOCH, 1_000, now)
            .await
            .unwrap();
        let delivery_to = |address: &str| {
            let delivery = deliveries
                .iter()
                .find(|delivery| delivery.address.to_string() == address);
            delivery.unwrap_or_else(|| panic!("no delivery for {address} is due"))
        };
        let settled: Vec<_> = outcomes
            .iter()
            .map(|(address, state, reply)| DeliveryUpdate {
                id: delivery_to(address).id.clone(),
                state: *state,
                due_at: (*state == DeliveryState::Deferred)
                    .then(|| now.plus(Duration::from_secs(300))),
                reply: (*reply).to_owned(),
                charged: true,
                lost_reply: false,
                suppress: None,
                soft_bounce: None,
            })
            .collect();
        let begin = GroupCommit {
            intents: outcomes
                .iter()
                .map(|(address, ..)| delivery_to(address).into())
                .collect(),
            ..GroupCommit::default()
        };
        let begun = store.record(&worker, &begin, now).await.unwrap();
        assert_eq!(begun.may_send.len(), begin.intents.len());
        let end = GroupCommit {
            updates: settled,
            ..GroupCommit::default()
        };
        store.record(&worker, &end, now).await.unwrap();
        store.shutdown_worker(&worker).await.unwrap();
        store.finish_issues(now).await.unwrap();
    }
}

/// HTTP client with the session cookie it received last.
struct AdminClient<'a> {
    app: &'a AdminTestApp,
    cookie: Option<String>,
}

impl TestResponse {
    /// Returns the path of a 303 redirect, or an empty string for any other response.
    fn to(&self) -> &str {
        let location = self.header(header::LOCATION);
        if self.status == StatusCode::SEE_OTHER {
            location
        } else {
            ""
        }
    }

    fn contains(&self, words: &str) -> bool {
        self.body.contains(words)
    }
}

impl<'a> AdminClient<'a> {
    fn new(app: &'a AdminTestApp) -> Self {
        Self { app, cookie: None }
    }

    async fn get(&mut self, path: &str) -> TestResponse {
        self.ask(Request::get(path), Body::empty()).await
    }

    /// Posts a form with the CSRF token of the page that has it.
    async fn submit_form(
        &mut self,
        page: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> TestResponse {
        let csrf = self.get(page).await.field("csrf").to_owned();
        let mut fields = fields.to_vec();
        fields.push(("csrf", csrf.as_str()));
        let ours = [("origin", "https://news.example.com")];
        self.send(path, &fields, &ours).await
    }

    async fn send(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> TestResponse {
        let mut request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(fields).finish();
        self.ask(request, Body::from(body)).await
    }

    /// Returns a response whose body may never end.
    async fn open(&self, path: &str, accept: &str) -> Response {
        let request = self.with_cookie(Request::get(path).header(header::ACCEPT, accept));
        let request = request.body(Body::empty()).unwrap();
        self.app.site.response(request, "192.0.2.1").await
    }

    fn with_cookie(&self, request: Builder) -> Builder {
        match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, format!("{COOKIE}={cookie}; other=1")),
            None => request,
        }
    }

    async fn ask(&mut self, request: Builder, body: Body) -> TestResponse {
        let request = self.with_cookie(request).body(body).unwrap();
        let answer = self.app.site.answer(request, "192.0.2.1").await;
        let cookie = answer.header(header::SET_COOKIE);
        if let Some((_, value)) = cookie.split_once(&format!("{COOKIE}=")) {
            let value = value.split(';').next().unwrap();
            self.cookie = (!value.is_empty()).then(|| value.to_owned());
        }
        answer
    }

    async fn log_in(&mut self, email: &str, password: &str) -> TestResponse {
        let fields = [("email", email), ("password", password)];
        self.submit_form("/admin/login", "/admin/login", &fields)
            .await
    }
}

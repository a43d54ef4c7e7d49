//! The API as programs meet it, on a database of its own.

mod described;
mod door;
mod issues;
mod next;
mod readers;
mod schema;

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::domain::api_token::{Lifetime, NewApiToken, Scopes, TokenName, TokenSecret};
use crate::domain::audit::{ActorKind, AuditAction};
use crate::web::fixture::{TestResponse, TestSite};

/// A program that has a token.
struct Program<'a> {
    site: &'a TestSite,
    secret: TokenSecret,
}

/// Makes a token of this name, good for these scopes.
async fn program<'a>(site: &'a TestSite, name: &str, scopes: &[&str]) -> Program<'a> {
    program_for(site, name, scopes, None).await
}

async fn program_for<'a>(
    site: &'a TestSite,
    name: &str,
    scopes: &[&str],
    lifetime: Option<&str>,
) -> Program<'a> {
    let what = (
        TokenName::parse(name).unwrap(),
        Scopes::parse(scopes.iter().copied()).unwrap(),
    );
    let lifetime = lifetime.map(|text| Lifetime::parse(text).unwrap());
    let moment = (&*site.web.random, site.now());
    let token = NewApiToken::new(what, lifetime, None, moment);
    assert!(site.web.store.add_api_token(&token).await.unwrap());
    Program {
        site,
        secret: token.secret,
    }
}

impl Program<'_> {
    fn request(&self, method: Method, path: &str) -> Builder {
        let token = format!("Bearer {}", self.secret.expose());
        Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, token)
    }

    async fn ask(&self, method: Method, path: &str) -> TestResponse {
        let request = self.request(method, path).body(Body::empty()).unwrap();
        self.site.answer(request, "192.0.2.1").await
    }

    /// What is there, which must be there.
    async fn read(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.json()
    }

    async fn post(&self, path: &str) -> TestResponse {
        self.ask(Method::POST, path).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> TestResponse {
        let request = self
            .request(method, path)
            .header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.site.answer(request, "192.0.2.1").await
    }
}

impl TestResponse {
    fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.body);
        parsed.unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The words of a problem of this status.
    fn problem(&self, status: StatusCode) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        let kind = self.header(header::CONTENT_TYPE);
        assert_eq!(kind, "application/problem+json", "{}", self.body);
        let problem = self.json();
        assert_eq!(problem["status"], status.as_u16());
        assert_eq!(problem["title"], status.canonical_reason().unwrap());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// What was noted, the oldest first: by whom, what, and to what.
async fn noted(site: &TestSite) -> Vec<(ActorKind, Option<String>, AuditAction, Option<String>)> {
    let mut rows = site.web.store.audit_entries(None, 100).await.unwrap();
    rows.reverse();
    let rows = rows.into_iter();
    rows.map(|row| (row.actor_kind, row.actor, row.action, row.target))
        .collect()
}

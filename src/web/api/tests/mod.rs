//! Requests to the API, each test with its own database.

mod auth;
mod draft;
mod issues;
mod openapi;
mod schema;
mod subscribers;

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::domain::api_token::{Lifetime, NewApiToken, Scopes, TokenName, TokenSecret};
use crate::domain::audit::{ActorKind, AuditAction};
use crate::web::tests::fixture::{TestResponse, TestSite};

/// An API client with a token.
struct ApiClient<'a> {
    site: &'a TestSite,
    secret: TokenSecret,
}

/// Creates a token with these scopes.
async fn client<'a>(site: &'a TestSite, name: &str, scopes: &[&str]) -> ApiClient<'a> {
    client_with_lifetime(site, name, scopes, None).await
}

async fn client_with_lifetime<'a>(
    site: &'a TestSite,
    name: &str,
    scopes: &[&str],
    lifetime: Option<&str>,
) -> ApiClient<'a> {
    let name_and_scopes = (
        TokenName::parse(name).unwrap(),
        Scopes::parse(scopes.iter().copied()).unwrap(),
    );
    let lifetime = lifetime.map(|text| Lifetime::parse(text).unwrap());
    let source = (&*site.web.random, site.now());
    let token = NewApiToken::new(name_and_scopes, lifetime, None, source);
    assert!(site.web.store.add_api_token(&token).await.unwrap());
    ApiClient {
        site,
        secret: token.secret,
    }
}

impl ApiClient<'_> {
    fn request(&self, method: Method, path: &str) -> Builder {
        let token = format!("Bearer {}", self.secret.expose());
        Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, token)
    }

    async fn call(&self, method: Method, path: &str) -> TestResponse {
        let request = self.request(method, path).body(Body::empty()).unwrap();
        self.site.answer(request, "192.0.2.1").await
    }

    /// Returns the body of a GET request that must succeed.
    async fn get(&self, path: &str) -> Value {
        let response = self.call(Method::GET, path).await;
        assert_eq!(response.status, StatusCode::OK, "{path}: {}", response.body);
        response.json()
    }

    async fn post(&self, path: &str) -> TestResponse {
        self.call(Method::POST, path).await
    }

    async fn call_json(&self, method: Method, path: &str, body: &Value) -> TestResponse {
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

    /// Returns the detail of a problem, which must have this status.
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

/// Returns the audit log, oldest entry first: kind and name of the actor, action and target.
async fn audit_entries(
    site: &TestSite,
) -> Vec<(ActorKind, Option<String>, AuditAction, Option<String>)> {
    let mut rows = site.web.store.audit_entries(None, 100).await.unwrap();
    rows.reverse();
    let rows = rows.into_iter();
    rows.map(|row| (row.actor_kind, row.actor, row.action, row.target))
        .collect()
}

//! Authentication, and the format of errors.

use std::time::Duration;

use crate::domain::public_url::PublicUrl;
use crate::web::api::routes::table;
use crate::web::api::tests::*;

const SUBSCRIBER: &str = "01930000-0000-7000-8000-000000000000";

/// Returns a route's path with parameters that do not exist.
fn fill_path(path: &str) -> String {
    path.replace("{id}", SUBSCRIBER).replace("{number}", "7")
}

#[tokio::test]
async fn each_operation_requires_token_with_its_scope() {
    let site = TestSite::new().await;
    let mut clients = Vec::new();
    for scope in ["read", "subscribers", "issues"] {
        clients.push((scope, client(&site, scope, &[scope]).await));
    }
    for (method, path, needed, _) in table() {
        let name = format!("{method} {path}");
        let path = fill_path(path);
        let request = Request::builder().method(method.clone());
        let request = request.uri(format!("/api/v1{path}"));
        let bare = site
            .answer(request.body(Body::empty()).unwrap(), "192.0.2.1")
            .await;
        let detail = bare.problem(StatusCode::UNAUTHORIZED);
        assert!(detail.contains("Authorization: Bearer"), "{name}");
        assert_eq!(bare.header(header::WWW_AUTHENTICATE), "Bearer", "{name}");
        for (scope, client) in &clients {
            let response = client.call(method.clone(), &path).await;
            assert_eq!(response.header(header::CACHE_CONTROL), "no-store", "{name}");
            if *scope == needed.as_str() {
                let out = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
                assert!(!out.contains(&response.status), "{name}: {}", response.body);
                continue;
            }
            let detail = response.problem(StatusCode::FORBIDDEN);
            assert!(detail.contains(&format!("'{needed}'")), "{name}: {detail}");
            let asks = response.header(header::WWW_AUTHENTICATE);
            assert!(
                asks.ends_with(&format!("scope=\"{needed}\"")),
                "{name}: {asks}"
            );
        }
    }
}

#[tokio::test]
async fn expired_or_revoked_token_is_rejected() {
    let site = TestSite::new().await;
    let store = &site.web.store;
    let blog = client_with_lifetime(&site, "blog", &["read"], Some("1h")).await;
    let shop = client(&site, "shop", &["read"]).await;
    for client in [&blog, &shop] {
        client.get("/issues").await;
    }
    site.clock.advance(Duration::from_secs(60 * 60));
    let shops = store.api_token(&shop.secret).await.unwrap().unwrap();
    assert!(store.revoke_api_token(&shops.id, site.now()).await.unwrap());
    for client in [&blog, &shop] {
        let response = client.call(Method::GET, "/issues").await;
        response.problem(StatusCode::UNAUTHORIZED);
        let asks = response.header(header::WWW_AUTHENTICATE);
        assert_eq!(asks, "Bearer error=\"invalid_token\"");
    }
}

#[tokio::test]
async fn token_is_accepted_in_header_only() {
    let site = TestSite::new().await;
    let blog = client(&site, "blog", &["read"]).await;
    let secret = blog.secret.expose();
    for (scheme, status) in [
        ("bearer ", StatusCode::OK),
        ("Bearer  ", StatusCode::OK),
        ("Basic ", StatusCode::UNAUTHORIZED),
        ("", StatusCode::UNAUTHORIZED),
    ] {
        let request = Request::get("/api/v1/issues");
        let request = request.header(header::AUTHORIZATION, format!("{scheme}{secret}"));
        let response = site
            .answer(request.body(Body::empty()).unwrap(), "192.0.2.1")
            .await;
        assert_eq!(response.status, status, "{scheme}");
    }
    let twice = blog.request(Method::GET, "/issues");
    let twice = twice.header(header::AUTHORIZATION, format!("Bearer {secret}"));
    let elsewhere = Request::get(format!("/api/v1/issues?access_token={secret}"));
    let cookie = Request::get("/api/v1/issues").header(header::COOKIE, format!("token={secret}"));
    for request in [twice, elsewhere, cookie] {
        let response = site
            .answer(request.body(Body::empty()).unwrap(), "192.0.2.1")
            .await;
        response.problem(StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn invalid_tokens_are_throttled_per_network() {
    let site = TestSite::new().await;
    let blog = client(&site, "blog", &["read"]).await;
    let wrong = ApiClient {
        site: &site,
        secret: TokenSecret::new(&site.web.random),
    };
    for _ in 0..30 {
        let response = wrong.call(Method::GET, "/issues").await;
        response.problem(StatusCode::UNAUTHORIZED);
    }
    let response = wrong.call(Method::GET, "/issues").await;
    response.problem(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.header(header::RETRY_AFTER), "20");
    let request = wrong.request(Method::GET, "/issues");
    let elsewhere = site
        .answer(request.body(Body::empty()).unwrap(), "198.51.100.1")
        .await;
    elsewhere.problem(StatusCode::UNAUTHORIZED);
    blog.get("/issues").await;
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let site = TestSite::new().await;
    let all = client(&site, "all", &["read", "subscribers", "issues"]).await;
    let post = |kind: &str, body: String| {
        let request = all.request(Method::POST, "/subscribers");
        let request = request.header(header::CONTENT_TYPE, kind);
        request.body(Body::from(body)).unwrap()
    };
    let reader = r#"{"email":"ada@example.com"}"#;
    let large = format!(r#"{{"email":"{}"}}"#, "x".repeat(70_000));
    for (request, status, words) in [
        (
            post("text/plain", reader.to_owned()),
            415,
            "application/json",
        ),
        (
            post("application/json", "{".to_owned()),
            400,
            "not valid JSON",
        ),
        (post("application/json", large), 413, "64 KB"),
        (
            post(
                "application/json",
                r#"{"mail":"ada@example.com"}"#.to_owned(),
            ),
            422,
            "unknown field `mail`",
        ),
        (
            all.request(Method::PUT, "/next")
                .body(Body::empty())
                .unwrap(),
            405,
            "Allow",
        ),
        (
            all.request(Method::GET, "/readers")
                .body(Body::empty())
                .unwrap(),
            404,
            "openapi.json",
        ),
        (
            all.request(Method::GET, "/issues?page=2")
                .body(Body::empty())
                .unwrap(),
            422,
            "unknown field `page`",
        ),
        (
            all.request(Method::GET, "/issues?limit=501")
                .body(Body::empty())
                .unwrap(),
            422,
            "from 1 to 500",
        ),
        (
            all.request(Method::POST, "/next/send")
                .body(Body::from("{\"extra\":true}"))
                .unwrap(),
            422,
            "must be empty",
        ),
    ] {
        let name = format!("{} {}", request.method(), request.uri());
        let response = site.answer(request, "192.0.2.1").await;
        let detail = response.problem(StatusCode::from_u16(status).unwrap());
        assert!(detail.contains(words), "{name}: {detail}");
    }
    for path in ["/api", "/api/", "/api/v2/issues"] {
        site.get(path).await.problem(StatusCode::NOT_FOUND);
    }
    let allowed = all.call(Method::PUT, "/next").await;
    assert_eq!(allowed.header(header::ALLOW), "GET,HEAD,PATCH");
}

#[tokio::test]
async fn invalid_field_is_named() {
    let site = TestSite::new().await;
    let shop = client(&site, "shop", &["subscribers"]).await;
    for (body, field) in [
        (json!({ "email": "ada" }), "email"),
        (json!({ "email": "a@example.com", "name": "a\nb" }), "name"),
        (json!({ "email": "a@example.com", "source": "" }), "source"),
        (
            json!({ "email": "a@example.com", "confirmed": true }),
            "source",
        ),
        (json!({ "email": 7 }), "body"),
    ] {
        let response = shop.call_json(Method::POST, "/subscribers", &body).await;
        response.problem(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.json()["errors"][0]["field"], field, "{body}");
    }
    assert!(site.deliveries().await.is_empty());
}

#[tokio::test]
async fn api_is_served_below_public_path() {
    let site = TestSite::with(|web| {
        web.door.public_url = PublicUrl::parse("https://example.com/weekly").unwrap();
    })
    .await;
    let shop = client(&site, "shop", &["read", "subscribers"]).await;
    let request = Request::get("/weekly/api/v1/issues");
    let token = format!("Bearer {}", shop.secret.expose());
    let request = request.header(header::AUTHORIZATION, token);
    let response = site
        .answer(request.body(Body::empty()).unwrap(), "192.0.2.1")
        .await;
    assert_eq!(response.status, StatusCode::OK);
    let body = json!({ "email": "ada@example.com", "confirmed": true, "source": "shop" });
    let added = shop.call_json(Method::POST, "/subscribers", &body).await;
    let id = added.json()["id"].as_str().unwrap().to_owned();
    let place = format!("https://example.com/weekly/api/v1/subscribers/{id}");
    assert_eq!(added.header(header::LOCATION), place);
    assert_eq!(
        site.get("/weekly/api/openapi.json").await.status,
        StatusCode::OK
    );
}

//! Who is let in, and how a program is told that something is wrong.

use std::time::Duration;

use crate::domain::public_url::PublicUrl;
use crate::web::api::table;
use crate::web::api::tests::*;

const READER: &str = "01930000-0000-7000-8000-000000000000";

/// A route's path with something in it that is not there.
fn filled(path: &str) -> String {
    path.replace("{id}", READER).replace("{number}", "7")
}

#[tokio::test]
async fn each_request_needs_a_token_of_its_scope() {
    let site = TestSite::new().await;
    let mut programs = Vec::new();
    for scope in ["read", "subscribers", "issues"] {
        programs.push((scope, program(&site, scope, &[scope]).await));
    }
    for (method, path, needed, _) in table() {
        let name = format!("{method} {path}");
        let path = filled(path);
        let request = Request::builder().method(method.clone());
        let request = request.uri(format!("/api/v1{path}"));
        let bare = site
            .answer(request.body(Body::empty()).unwrap(), "192.0.2.1")
            .await;
        let says = bare.problem(StatusCode::UNAUTHORIZED);
        assert!(says.contains("Authorization: Bearer"), "{name}");
        assert_eq!(bare.header(header::WWW_AUTHENTICATE), "Bearer", "{name}");
        for (scope, program) in &programs {
            let answer = program.ask(method.clone(), &path).await;
            assert_eq!(answer.header(header::CACHE_CONTROL), "no-store", "{name}");
            if *scope == needed.as_str() {
                let out = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
                assert!(!out.contains(&answer.status), "{name}: {}", answer.body);
                continue;
            }
            let says = answer.problem(StatusCode::FORBIDDEN);
            assert!(says.contains(&format!("'{needed}'")), "{name}: {says}");
            let asks = answer.header(header::WWW_AUTHENTICATE);
            assert!(
                asks.ends_with(&format!("scope=\"{needed}\"")),
                "{name}: {asks}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_opens_until_it_is_revoked_or_past_its_end() {
    let site = TestSite::new().await;
    let store = &site.web.store;
    let blog = program_for(&site, "blog", &["read"], Some("1h")).await;
    let shop = program(&site, "shop", &["read"]).await;
    for program in [&blog, &shop] {
        program.read("/issues").await;
    }
    site.clock.advance(Duration::from_secs(60 * 60));
    let shops = store.api_token(&shop.secret).await.unwrap().unwrap();
    assert!(store.revoke_api_token(&shops.id, site.now()).await.unwrap());
    for program in [&blog, &shop] {
        let answer = program.ask(Method::GET, "/issues").await;
        answer.problem(StatusCode::UNAUTHORIZED);
        let asks = answer.header(header::WWW_AUTHENTICATE);
        assert_eq!(asks, "Bearer error=\"invalid_token\"");
    }
}

#[tokio::test]
async fn a_token_counts_in_its_header_alone() {
    let site = TestSite::new().await;
    let blog = program(&site, "blog", &["read"]).await;
    let secret = blog.secret.expose();
    for (scheme, status) in [
        ("bearer ", StatusCode::OK),
        ("Bearer  ", StatusCode::OK),
        ("Basic ", StatusCode::UNAUTHORIZED),
        ("", StatusCode::UNAUTHORIZED),
    ] {
        let request = Request::get("/api/v1/issues");
        let request = request.header(header::AUTHORIZATION, format!("{scheme}{secret}"));
        let answer = site
            .answer(request.body(Body::empty()).unwrap(), "192.0.2.1")
            .await;
        assert_eq!(answer.status, status, "{scheme}");
    }
    let twice = blog.request(Method::GET, "/issues");
    let twice = twice.header(header::AUTHORIZATION, format!("Bearer {secret}"));
    let elsewhere = Request::get(format!("/api/v1/issues?access_token={secret}"));
    let cookie = Request::get("/api/v1/issues").header(header::COOKIE, format!("token={secret}"));
    for request in [twice, elsewhere, cookie] {
        let answer = site
            .answer(request.body(Body::empty()).unwrap(), "192.0.2.1")
            .await;
        answer.problem(StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn wrong_tokens_are_throttled_and_a_right_one_is_not() {
    let site = TestSite::new().await;
    let blog = program(&site, "blog", &["read"]).await;
    let wrong = Program {
        site: &site,
        secret: TokenSecret::new(&site.web.random),
    };
    for _ in 0..30 {
        let answer = wrong.ask(Method::GET, "/issues").await;
        answer.problem(StatusCode::UNAUTHORIZED);
    }
    let answer = wrong.ask(Method::GET, "/issues").await;
    answer.problem(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header(header::RETRY_AFTER), "20");
    let request = wrong.request(Method::GET, "/issues");
    let elsewhere = site
        .answer(request.body(Body::empty()).unwrap(), "198.51.100.1")
        .await;
    elsewhere.problem(StatusCode::UNAUTHORIZED);
    blog.read("/issues").await;
}

#[tokio::test]
async fn whatever_is_wrong_is_a_problem_in_words() {
    let site = TestSite::new().await;
    let all = program(&site, "all", &["read", "subscribers", "issues"]).await;
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
        (post("application/json", "{".to_owned()), 400, "no JSON"),
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
            "nothing is expected",
        ),
    ] {
        let name = format!("{} {}", request.method(), request.uri());
        let answer = site.answer(request, "192.0.2.1").await;
        let says = answer.problem(StatusCode::from_u16(status).unwrap());
        assert!(says.contains(words), "{name}: {says}");
    }
    for path in ["/api", "/api/", "/api/v2/issues"] {
        site.get(path).await.problem(StatusCode::NOT_FOUND);
    }
    let allowed = all.ask(Method::PUT, "/next").await;
    assert_eq!(allowed.header(header::ALLOW), "GET,HEAD,PATCH");
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named() {
    let site = TestSite::new().await;
    let shop = program(&site, "shop", &["subscribers"]).await;
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
        let answer = shop.send(Method::POST, "/subscribers", &body).await;
        answer.problem(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
    assert!(site.deliveries().await.is_empty());
}

#[tokio::test]
async fn the_api_stands_below_the_newsletters_own_path() {
    let site = TestSite::with(|web| {
        web.door.public_url = PublicUrl::parse("https://example.com/weekly").unwrap();
    })
    .await;
    let shop = program(&site, "shop", &["read", "subscribers"]).await;
    let request = Request::get("/weekly/api/v1/issues");
    let token = format!("Bearer {}", shop.secret.expose());
    let request = request.header(header::AUTHORIZATION, token);
    let answer = site
        .answer(request.body(Body::empty()).unwrap(), "192.0.2.1")
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = json!({ "email": "ada@example.com", "confirmed": true, "source": "shop" });
    let added = shop.send(Method::POST, "/subscribers", &body).await;
    let id = added.json()["id"].as_str().unwrap().to_owned();
    let place = format!("https://example.com/weekly/api/v1/subscribers/{id}");
    assert_eq!(added.header(header::LOCATION), place);
    assert_eq!(
        site.get("/weekly/api/openapi.json").await.status,
        StatusCode::OK
    );
}

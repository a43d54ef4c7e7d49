use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::domain::public_url::PublicUrl;
use crate::web::Server;
use crate::web::fixture::TestSite;

#[tokio::test]
async fn the_front_page_shows_what_one_would_get() {
    let site = TestSite::new().await;
    assert!(
        site.get("/")
            .await
            .body
            .contains("The first issue goes out <time")
    );
    site.posts(&["One", "Two", "Three", "Four"]).await;
    let page = site.get("/").await;
    assert!(
        page.body.contains("New on the blog")
            && page.body.contains("Three")
            && !page.body.contains("Four")
    );
    site.confirmed("ada@example.com").await;
    site.issue(&["First", "Second", "Third", "Fourth"]).await;
    let page = site.get("/").await;
    assert!(
        page.body.contains("In the latest issue")
            && page.body.contains("Third")
            && !page.body.contains("Fourth")
    );
    assert_eq!(page.header(header::CACHE_CONTROL), "public, max-age=60");
    assert!(
        page.header(header::CONTENT_SECURITY_POLICY)
            .starts_with("default-src 'none'")
    );
    assert!(!page.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn issues_can_be_read_and_what_was_cancelled_before_it_came_to_anyone_cannot() {
    let site = TestSite::new().await;
    assert!(site.get("/issues").await.body.contains("No issues yet."));
    site.confirmed("ada@example.com").await;
    site.issue(&["Alpha"]).await;
    let (cancelled, _) = site.issue(&["Beta"]).await;
    site.web
        .store
        .cancel_issue(&cancelled, site.now())
        .await
        .unwrap();
    // Half past eleven at night in UTC is next year in Berlin.
    site.clock.set(crate::domain::clock::Timestamp::from_millis(
        1_798_759_800_000,
    ));
    let (paused, _) = site.issue(&["Gamma"]).await;
    site.web
        .store
        .pause_issue(&paused, "ada@example.com")
        .await
        .unwrap();

    let first = site.get("/issues/1").await;
    assert!(
        first.body.contains("Alpha")
            && first.body.contains("/issues/3")
            && !first.body.contains("/issues/2")
    );
    assert!(!first.body.contains("picture.png") && !first.body.contains("/unsubscribe/"));
    assert!(
        site.get("/issues/3")
            .await
            .body
            .contains("rel=\"prev\" href=\"/issues/1\"")
    );
    for none in [
        "2",
        "4",
        "0",
        "-1",
        "01",
        "+1",
        "x",
        "9223372036854775807",
        "%FF",
        "1%00",
    ] {
        assert_eq!(
            site.get(&format!("/issues/{none}")).await.status,
            StatusCode::NOT_FOUND,
            "{none}"
        );
    }
    let archive = site.get("/issues").await;
    assert!(archive.body.contains("<h2>2027</h2>") && archive.body.contains("<h2>2026</h2>"));
    assert!(!archive.body.contains("Beta"));

    let feed = site.get("/issues/feed.xml").await;
    assert_eq!(
        feed.header(header::CONTENT_TYPE),
        "application/atom+xml; charset=utf-8"
    );
    let parsed = feed_rs::parser::parse(feed.body.as_bytes()).unwrap();
    let ids: Vec<&str> = parsed
        .entries
        .iter()
        .map(|entry| entry.id.as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "https://news.example.com/issues/3",
            "https://news.example.com/issues/1"
        ]
    );
    site.clock.advance(Duration::from_secs(60));
    assert_eq!(site.get("/issues/feed.xml").await.body, feed.body);
}

#[tokio::test]
async fn every_page_is_there_with_and_without_the_prefix() {
    let site = TestSite::with(|web| {
        web.door.public_url = PublicUrl::parse("https://blog.example/weekly").unwrap()
    })
    .await;
    let css = site
        .get("/")
        .await
        .body
        .split("stylesheet\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    assert!(css.starts_with("/weekly/assets/app."));
    for path in [
        "",
        "/",
        "/check",
        "/issues",
        "/issues/feed.xml",
        "/embed",
        "/privacy",
        "/healthz",
        "/readyz",
        &css["/weekly".len()..],
    ] {
        for prefix in ["", "/weekly"] {
            let path = format!("{prefix}{path}");
            if path.is_empty() {
                continue;
            }
            for method in [Method::GET, Method::HEAD] {
                let request = Request::builder()
                    .method(&method)
                    .uri(&path)
                    .body(Body::empty())
                    .unwrap();
                let answer = site.answer(request, "192.0.2.1").await;
                assert_eq!(answer.status, StatusCode::OK, "{method} {path}");
                assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
            }
        }
    }
    assert_eq!(site.get("/weeklyish").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn errors_have_the_sites_look() {
    let site = TestSite::new().await;
    for (method, path, status, words) in [
        (
            Method::GET,
            "/nowhere",
            StatusCode::NOT_FOUND,
            "There is no such page",
        ),
        (
            Method::GET,
            "/assets/nothing.css",
            StatusCode::NOT_FOUND,
            "There is no such page",
        ),
        (
            Method::GET,
            "/admin/nowhere",
            StatusCode::NOT_FOUND,
            "There is no such page",
        ),
        (
            Method::GET,
            "/subscribe",
            StatusCode::METHOD_NOT_ALLOWED,
            "Not in this way",
        ),
        (
            Method::DELETE,
            "/",
            StatusCode::METHOD_NOT_ALLOWED,
            "Not in this way",
        ),
        (Method::GET, "/metrics", StatusCode::NOT_FOUND, ""),
    ] {
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let answer = site.answer(request, "192.0.2.1").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.body.contains(words), "{method} {path}");
        assert!(answer.headers.contains_key(header::CONTENT_SECURITY_POLICY));
    }
    assert_eq!(
        site.get("/subscribe").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    // Without its database a page says so, and the site still lives.
    site.web.store.close().await;
    let answer = site.get("/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("Back in a moment"));
    assert_eq!(
        site.get("/readyz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(site.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn figures_add_up() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    site.subscribe("bob@example.com", "").await;
    site.issue(&["Alpha"]).await;
    let request = || Request::get("/metrics").body(Body::empty()).unwrap();
    let figures = site.answer(request(), "127.0.0.1").await;
    for line in [
        "broadsheet_up 1",
        "broadsheet_subscribers{state=\"confirmed\"} 1",
        "broadsheet_subscribers{state=\"pending\"} 1",
        "broadsheet_subscribers{state=\"suppressed\"} 0",
        "broadsheet_issues_unfinished 1",
        "broadsheet_deliveries_unfinished 2",
    ] {
        assert!(
            figures.body.lines().any(|it| it == line),
            "{line}\n{}",
            figures.body
        );
    }
    let mut proxied = request();
    proxied
        .headers_mut()
        .insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    assert_eq!(
        site.answer(proxied, "127.0.0.1").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_stop_waits_for_nobody_who_only_holds_on() {
    let site = TestSite::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let front = Server::new(site.web.clone()).unwrap();
    let front_stop = stop.clone();
    let server = tokio::spawn(async move { front.serve(listener, front_stop).await });

    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut start = [0; 15];
    idle.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    let mut stuck = TcpStream::connect(address).await.unwrap();
    stuck
        .write_all(b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), server).await;
    assert!(ended.unwrap().unwrap().is_ok());
}

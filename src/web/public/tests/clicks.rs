//! Click counting.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::web::tests::fixture::TestSite;

#[tokio::test]
async fn clicks_are_counted_per_post() {
    let site = TestSite::with(|web| web.digests.rules.count_clicks = true).await;
    site.confirmed("ada@example.com").await;
    let (issue, _) = site.issue(&["One", "Two"]).await;
    let draft = site.posts(&["Not sent yet"]).await;
    let posts = site.web.store.issue_posts(&issue).await.unwrap();
    let archive = site.get("/issues/1").await.body;
    let path = format!("/r/{}", posts[1].id);
    assert!(archive.contains(&format!("https://news.example.com{path}\"")));
    for _ in 0..2 {
        let answer = site.get(&format!("{path}?url=https://evil.example")).await;
        assert_eq!(answer.status, StatusCode::FOUND);
        assert_eq!(answer.header(header::LOCATION), "https://example.com/post");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
    }
    let head = Request::head(&path).body(Body::empty()).unwrap();
    site.answer(head, "192.0.2.1").await;
    assert_eq!(
        site.get(&format!("/r/{}", draft[0])).await.status,
        StatusCode::FOUND
    );
    let clicks = site.web.store.issue_clicks(&issue).await.unwrap();
    let clicks: Vec<_> = clicks.iter().map(|it| (&*it.title, it.clicks)).collect();
    assert_eq!(clicks, [("One", 0), ("Two", 2)]);
    for unknown in ["x", "0190a0b0-0000-7000-8000-000000000000"] {
        let answer = site.get(&format!("/r/{unknown}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    assert!(site.get("/privacy").await.body.contains("but not by whom"));
}

#[tokio::test]
async fn clicks_are_not_counted_by_default() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    let (issue, _) = site.issue(&["One"]).await;
    let posts = site.web.store.issue_posts(&issue).await.unwrap();
    assert!(!site.get("/issues/1").await.body.contains("/r/"));
    let answer = site.get(&format!("/r/{}", posts[0].id)).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    let clicks = site.web.store.issue_clicks(&issue).await.unwrap();
    assert_eq!(clicks[0].clicks, 0);
    assert!(
        site.get("/privacy")
            .await
            .body
            .contains("straight to the blog")
    );
}

//! The overview, feeds, and unknown pages.

use super::*;
use crate::domain::issue::IssueNumber;

#[tokio::test]
async fn checklist_steps_complete_when_they_worked() {
    let app =
        AdminTestApp::with(|web| web.sending.server = Some("smtp.example.com".to_owned())).await;
    let mut ada = app.ada().await;
    let to_do = async |ada: &mut AdminClient<'_>| {
        let page = ada.get("/admin").await;
        page.body.matches("To do</span>").count()
    };
    // A feed not fetched yet, imported subscribers, and a server without a connection.
    app.feed().await;
    app.site.confirmed("r1@example.org").await;
    assert_eq!(to_do(&mut ada).await, 4);
    ada.submit_form("/admin/next", "/admin/next/collect", &[])
        .await;
    assert_eq!(to_do(&mut ada).await, 3);
    assert!(
        ada.get("/admin")
            .await
            .contains("2 posts so far, to 1 subscriber")
    );
    let to = [("email", ADA)];
    ada.submit_form("/admin/next", "/admin/next/test", &to)
        .await;
    assert_eq!(
        to_do(&mut ada).await,
        3,
        "a test that is queued is not there"
    );
    app.deliver_all("kept in the outbox as 1.eml").await;
    assert_eq!(to_do(&mut ada).await, 2, "not by the server");
    app.store()
        .record_smtp_success("other.example.com")
        .await
        .unwrap();
    assert_eq!(to_do(&mut ada).await, 2, "not by this server");
    app.store()
        .record_smtp_success("smtp.example.com")
        .await
        .unwrap();
    assert_eq!(to_do(&mut ada).await, 1);

    app.site.get("/").await;
    assert_eq!(to_do(&mut ada).await, 1, "one's own look does not count");
    let from_the_blog = Request::get("/").header("referer", "https://blog.example.com/");
    let from_the_blog = from_the_blog.body(Body::empty()).unwrap();
    app.site.answer(from_the_blog, "192.0.2.9").await;
    assert!(!ada.get("/admin").await.contains("Four steps"));
}

#[tokio::test]
async fn sending_step_completes_by_server_or_outbox() {
    let app =
        AdminTestApp::with(|web| web.sending.server = Some("smtp.example.com".to_owned())).await;
    let mut ada = app.ada().await;
    app.site.subscribe("reader@example.com", "").await;
    assert!(!ada.get("/admin").await.contains(" – working"));
    app.deliver_all("250 2.0.0 ok").await;
    assert!(ada.get("/admin").await.contains(" – working"));

    let app = AdminTestApp::new().await;
    assert!(!app.ada().await.get("/admin").await.contains(" – working"));
    let app = AdminTestApp::with(|web| web.sending.is_outbox_chosen = true).await;
    assert!(app.ada().await.get("/admin").await.contains(" – working"));
}

#[tokio::test]
async fn feed_is_added_checked_and_removed() {
    let app = AdminTestApp::new().await;
    app.feed().await;
    let mut ada = app.ada().await;
    let file = app.dir.path().join("feed.xml").display().to_string();
    for (url, words) in [
        ("", "Enter the address of a feed"),
        ("example.com/feed.xml", "starting with https://"),
        (file.as_str(), "starting with https://"),
        ("file:///etc/passwd", "starting with https://"),
        (
            "javascript:alert(1)",
            "&#39;javascript&#39; is not a supported scheme",
        ),
        ("http://127.0.0.1:9/feed.xml", "127.0.0.1"),
    ] {
        let answer = ada
            .submit_form("/admin/feeds", "/admin/feeds", &[("url", url)])
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}");
        let fault = answer.body.split_once("id=\"add-fault\"").unwrap().1;
        assert!(
            fault.split_once("</p>").unwrap().0.contains(words),
            "{url}: {fault}"
        );
    }
    let feeds = app.store().feeds().await.unwrap();
    assert_eq!(feeds.len(), 1, "what cannot be read is not added");
    let path = format!("/admin/feeds/{}", feeds[0].id);
    let act = async |ada: &mut AdminClient<'_>, action: &str| {
        let fields = [("action", action)];
        ada.submit_form("/admin/feeds", &path, &fields).await
    };
    assert_eq!(
        act(&mut ada, "check").await.to(),
        "/admin/feeds?done=feed_checked"
    );
    let page = ada.get("/admin/feeds").await;
    assert!(
        page.contains("OK</span>")
            && page.contains("<td class=\"n\" data-label=\"Posts\">2</td>")
            && page.contains("Lab")
    );
    std::fs::write(&file, "<html>").unwrap();
    assert_eq!(act(&mut ada, "check").await.to(), "/admin/feeds");
    let page = ada.get("/admin/feeds").await;
    assert!(
        page.contains("We could not read this feed: it is a web page")
            && page.contains("Last successful check:")
    );
    assert_eq!(
        act(&mut ada, "burn").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        act(&mut ada, "remove").await.to(),
        "/admin/feeds?done=feed_removed"
    );
    assert!(app.store().feeds().await.unwrap().is_empty());
    assert_eq!(act(&mut ada, "check").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn overview_health_reports_failing_feed() {
    let app = AdminTestApp::new().await;
    app.feed().await;
    let mut ada = app.ada().await;
    ada.submit_form("/admin/next", "/admin/next/collect", &[])
        .await;
    let page = ada.get("/admin").await;
    assert!(page.contains("All good") && page.contains("1 feed checked"));
    std::fs::write(app.dir.path().join("feed.xml"), "<html>").unwrap();
    ada.submit_form("/admin/next", "/admin/next/collect", &[])
        .await;
    let page = ada.get("/admin").await;
    assert!(page.contains("1 feed not readable") && !page.contains("All good"));
}

#[tokio::test]
async fn feed_from_settings_cannot_be_removed() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let (now, source) = (app.site.now(), "https://lab.example/feed.xml");
    let id = FeedId::new(now, &app.site.web.random);
    let added = app.store().add_feed(&id, source, FeedOrigin::Settings, now);
    added.await.unwrap();
    let remove = [("action", "remove")];
    let path = format!("/admin/feeds/{id}");
    let refused = ada.submit_form("/admin/feeds", &path, &remove).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    app.site
        .web
        .digests
        .sync_feeds_from_settings()
        .await
        .unwrap();
    assert!(app.store().feeds().await.unwrap().is_empty());
}

#[tokio::test]
async fn unknown_pages_return_404() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    for path in [
        "issues/2",
        "issues/2/send",
        "issues/0",
        "issues/x",
        "issues/99999999999999999999",
        "outbox/x",
        "outbox/..%2Ftest.db",
    ] {
        let answer = ada.get(&format!("/admin/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.contains("Page not found"), "{path}");
        assert!(answer.contains("Back to the admin</a>"), "{path}");
    }
    assert!(
        app.store()
            .issue(IssueNumber::FIRST)
            .await
            .unwrap()
            .is_none()
    );
}

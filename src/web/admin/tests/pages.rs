//! The lists, and what people type into them.

use super::*;
use crate::domain::issue::IssueNumber;
use crate::web::admin::views::{Setting, SettingSection};

#[tokio::test]
async fn the_first_steps_tick_themselves() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let page = ada.get("/admin").await;
    assert_eq!(
        page.body.matches("To do</span>").count(),
        3,
        "sending is set up"
    );
    house.feed().await;
    house.site.confirmed("r1@example.org").await;
    ada.fill_in("/admin/next", "/admin/next/collect", &[]).await;
    let page = ada.get("/admin").await;
    assert_eq!(page.body.matches("To do</span>").count(), 1);
    assert!(page.shows("2 posts so far, to 1 subscriber"));
    let to = [("email", ADA)];
    ada.fill_in("/admin/next", "/admin/next/test", &to).await;
    assert!(!ada.get("/admin").await.shows("Four steps"));
}

#[tokio::test]
async fn feeds_are_read_checked_and_removed() {
    let house = House::new().await;
    house.feed().await;
    let mut ada = house.ada().await;
    let file = house.dir.path().join("feed.xml").display().to_string();
    for (url, words) in [
        ("", "a feed is named by its address"),
        ("example.com/feed.xml", "not an address that can be read"),
        (file.as_str(), "not an address that can be read"),
        ("file:///etc/passwd", "not an address that can be read"),
        ("javascript:alert(1)", "not over &#39;javascript&#39;"),
        ("http://127.0.0.1:9/feed.xml", "127.0.0.1"),
    ] {
        let answer = ada
            .fill_in("/admin/feeds", "/admin/feeds", &[("url", url)])
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}");
        let fault = answer.body.split_once("id=\"add-fault\"").unwrap().1;
        assert!(
            fault.split_once("</p>").unwrap().0.contains(words),
            "{url}: {fault}"
        );
    }
    let feeds = house.store().feeds().await.unwrap();
    assert_eq!(feeds.len(), 1, "what cannot be read is not added");
    let path = format!("/admin/feeds/{}", feeds[0].id);
    let act = async |ada: &mut Browser<'_>, action: &str| {
        let fields = [("action", action)];
        ada.fill_in("/admin/feeds", &path, &fields).await
    };
    assert_eq!(
        act(&mut ada, "check").await.to(),
        "/admin/feeds?done=feed_checked"
    );
    let page = ada.get("/admin/feeds").await;
    assert!(page.shows("Fine") && page.shows("<td class=\"n\">2</td>") && page.shows("Lab"));
    std::fs::write(&file, "<html>").unwrap();
    assert_eq!(act(&mut ada, "check").await.to(), "/admin/feeds");
    let page = ada.get("/admin/feeds").await;
    assert!(
        page.shows("We could not read this feed: it is a web page") && page.shows("Last good:")
    );
    assert_eq!(
        act(&mut ada, "burn").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let settings = FeedOrigin::Settings;
    house
        .store()
        .set_feed_origin(&feeds[0].source, settings)
        .await
        .unwrap();
    assert_eq!(
        act(&mut ada, "remove").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    house
        .store()
        .set_feed_origin(&feeds[0].source, FeedOrigin::Added)
        .await
        .unwrap();
    assert_eq!(
        act(&mut ada, "remove").await.to(),
        "/admin/feeds?done=feed_removed"
    );
    assert!(house.store().feeds().await.unwrap().is_empty());
    assert_eq!(act(&mut ada, "check").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_there_is_a_404() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    for path in [
        "issues/1",
        "issues/0",
        "issues/x",
        "issues/99999999999999999999",
        "outbox/x",
        "outbox/..%2Ftest.db",
    ] {
        let answer = ada.get(&format!("/admin/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.shows("There is no such page"), "{path}");
    }
    assert!(
        house
            .store()
            .issue(IssueNumber::FIRST)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn settings_are_shown_as_they_hold() {
    let setting = Setting {
        key: "listen".to_owned(),
        value: Some("127.0.0.1:8080".to_owned()),
        origin: "default".to_owned(),
    };
    let section = SettingSection {
        name: "server".to_owned(),
        settings: vec![setting],
    };
    let house = House::with(|web| web.settings = vec![section]).await;
    let page = house.ada().await.get("/admin/settings").await;
    assert!(page.shows("server.listen") && page.shows("127.0.0.1:8080"));
}

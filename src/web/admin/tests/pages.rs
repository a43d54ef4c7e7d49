//! The lists, and what people type into them.

use super::*;
use crate::domain::issue::IssueNumber;

#[tokio::test]
async fn the_first_steps_tick_themselves_when_they_have_worked() {
    let house = House::with(|web| web.sending.server = Some("smtp.example.com".to_owned())).await;
    let mut ada = house.ada().await;
    let to_do = async |ada: &mut Browser<'_>| {
        let page = ada.get("/admin").await;
        page.body.matches("To do</span>").count()
    };
    // A feed that nobody read yet, readers from elsewhere, and a server nobody spoke to.
    house.feed().await;
    house.site.confirmed("r1@example.org").await;
    assert_eq!(to_do(&mut ada).await, 4);
    ada.fill_in("/admin/next", "/admin/next/collect", &[]).await;
    assert_eq!(to_do(&mut ada).await, 3);
    assert!(
        ada.get("/admin")
            .await
            .shows("2 posts so far, to 1 subscriber")
    );
    let to = [("email", ADA)];
    ada.fill_in("/admin/next", "/admin/next/test", &to).await;
    assert_eq!(
        to_do(&mut ada).await,
        3,
        "a test that is queued is not there"
    );
    house.deliver_all("kept in the outbox as 1.eml").await;
    assert_eq!(to_do(&mut ada).await, 2, "not by the server");
    house
        .store()
        .record_smtp_success("other.example.com")
        .await
        .unwrap();
    assert_eq!(to_do(&mut ada).await, 2, "not by this server");
    house
        .store()
        .record_smtp_success("smtp.example.com")
        .await
        .unwrap();
    assert_eq!(to_do(&mut ada).await, 1);

    house.site.get("/").await;
    assert_eq!(to_do(&mut ada).await, 1, "one's own look does not count");
    let from_the_blog = Request::get("/").header("referer", "https://blog.example.com/");
    let from_the_blog = from_the_blog.body(Body::empty()).unwrap();
    house.site.answer(from_the_blog, "192.0.2.9").await;
    assert!(!ada.get("/admin").await.shows("Four steps"));
}

#[tokio::test]
async fn mail_that_a_server_took_shows_that_sending_works_and_so_does_choosing_the_outbox() {
    let house = House::with(|web| web.sending.server = Some("smtp.example.com".to_owned())).await;
    let mut ada = house.ada().await;
    house.site.subscribe("reader@example.com", "").await;
    assert!(!ada.get("/admin").await.shows(" – working"));
    house.deliver_all("250 2.0.0 ok").await;
    assert!(ada.get("/admin").await.shows(" – working"));

    let house = House::new().await;
    assert!(!house.ada().await.get("/admin").await.shows(" – working"));
    let house = House::with(|web| web.sending.is_outbox_chosen = true).await;
    assert!(house.ada().await.get("/admin").await.shows(" – working"));
}

#[tokio::test]
async fn feeds_are_read_checked_and_removed() {
    let house = House::new().await;
    house.feed().await;
    let mut ada = house.ada().await;
    let file = house.dir.path().join("feed.xml").display().to_string();
    for (url, words) in [
        ("", "A feed is named by its address"),
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
    assert!(
        page.shows("OK</span>")
            && page.shows("<td class=\"n\" data-label=\"Posts\">2</td>")
            && page.shows("Lab")
    );
    std::fs::write(&file, "<html>").unwrap();
    assert_eq!(act(&mut ada, "check").await.to(), "/admin/feeds");
    let page = ada.get("/admin/feeds").await;
    assert!(
        page.shows("We could not read this feed: it is a web page")
            && page.shows("Last successful check:")
    );
    assert_eq!(
        act(&mut ada, "burn").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        act(&mut ada, "remove").await.to(),
        "/admin/feeds?done=feed_removed"
    );
    assert!(house.store().feeds().await.unwrap().is_empty());
    assert_eq!(act(&mut ada, "check").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_overview_says_that_all_is_well_or_what_wants_a_person() {
    let house = House::new().await;
    house.feed().await;
    let mut ada = house.ada().await;
    ada.fill_in("/admin/next", "/admin/next/collect", &[]).await;
    let page = ada.get("/admin").await;
    assert!(page.shows("All good") && page.shows("1 feed checked"));
    std::fs::write(house.dir.path().join("feed.xml"), "<html>").unwrap();
    ada.fill_in("/admin/next", "/admin/next/collect", &[]).await;
    let page = ada.get("/admin").await;
    assert!(page.shows("1 feed not readable") && !page.shows("All good"));
}

#[tokio::test]
async fn a_feed_of_the_settings_goes_with_them_alone() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let (now, source) = (house.site.now(), "https://lab.example/feed.xml");
    let id = FeedId::new(now, &house.site.web.random);
    let added = house
        .store()
        .add_feed(&id, source, FeedOrigin::Settings, now);
    added.await.unwrap();
    let remove = [("action", "remove")];
    let path = format!("/admin/feeds/{id}");
    let refused = ada.fill_in("/admin/feeds", &path, &remove).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    house.site.web.digests.follow_settings().await.unwrap();
    assert!(house.store().feeds().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_a_404() {
    let house = House::new().await;
    let mut ada = house.ada().await;
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
        assert!(answer.shows("There is no such page"), "{path}");
        assert!(answer.shows("To the desk</a>"), "{path}");
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

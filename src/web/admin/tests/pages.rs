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
    house.store().spoke_to("other.example.com").await.unwrap();
    assert_eq!(to_do(&mut ada).await, 2, "not by this server");
    house.store().spoke_to("smtp.example.com").await.unwrap();
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
    assert!(!ada.get("/admin").await.shows("mail leaves"));
    house.deliver_all("250 2.0.0 ok").await;
    assert!(ada.get("/admin").await.shows("mail leaves"));

    let house = House::new().await;
    assert!(!house.ada().await.get("/admin").await.shows("mail leaves"));
    let house = House::with(|web| web.sending.is_outbox_chosen = true).await;
    assert!(house.ada().await.get("/admin").await.shows("mail leaves"));
}

#[tokio::test]
async fn a_search_finds_what_it_says_and_breaks_nothing() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    for address in [
        "o'hara@example.ie",
        "a_b@example.org",
        "axb@example.org",
        "50%@example.org",
    ] {
        house.site.confirmed(address).await;
    }
    let found = async |ada: &mut Browser<'_>, query: &str| {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let page = ada.get(&format!("/admin/subscribers?q={query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{query}");
        page.body.matches("<th scope=\"row\"").count()
    };
    for (query, count) in [
        ("", 4),
        ("  EXAMPLE.org ", 3),
        ("a_b", 1),
        ("%", 1),
        ("o'h", 1),
        ("' OR 1=1 --", 0),
        ("!", 0),
        ("\0", 4),
        ("\u{202e}", 0),
        ("<script>alert(1)</script>", 0),
        (&"x".repeat(20_000), 0),
        (&"%".repeat(20_000), 0),
    ] {
        let short: String = query.chars().take(30).collect();
        assert_eq!(found(&mut ada, query).await, count, "{short:?}");
    }
    let page = ada.get("/admin/subscribers?q=%3Cscript%3E").await;
    assert!(!page.shows("<script>") && page.shows("&lt;script&gt;"));
    for query in [
        "state=nonsense",
        "after=nonsense",
        "done=%3Cb%3Ehello",
        "state=confirmed&after=%ff",
    ] {
        let page = ada.get(&format!("/admin/subscribers?{query}")).await;
        assert_eq!(page.body.matches("<th scope=\"row\"").count(), 4, "{query}");
        assert!(!page.shows("hello") && !page.shows("class=\"notice\""));
    }
    assert!(
        ada.get("/admin/subscribers?state=pending")
            .await
            .shows("Nobody in this state.")
    );
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    for n in 0..51 {
        house.site.confirmed(&format!("r{n}@example.org")).await;
        house.site.clock.advance(Duration::from_millis(2));
    }
    let first = ada.get("/admin/subscribers?q=example").await;
    assert_eq!(first.body.matches("<th scope=\"row\"").count(), 50);
    let (_, rest) = first.body.split_once("rel=\"next\" href=\"").unwrap();
    let next = rest.split_once('"').unwrap().0.replace("&amp;", "&");
    let second = ada.get(&next).await;
    assert_eq!(second.body.matches("<th scope=\"row\"").count(), 1);
    assert!(second.shows("r0@example.org") && second.shows("To the start"));
}

#[tokio::test]
async fn readers_are_added_with_their_consent() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let path = "/admin/subscribers";
    for (email, source, words) in [
        ("nobody", "meeting", "not an address like name@example.com"),
        ("r@example.org", "  ", "where they agreed"),
        ("r@example.org", "a\nb", "where they agreed"),
    ] {
        let fields = [("email", email), ("source", source)];
        let answer = ada.fill_in(path, path, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            answer.shows(words) && answer.shows(&format!("value=\"{email}\"")),
            "{words}"
        );
    }
    let fields = [
        ("email", "r@example.org"),
        ("source", "meeting of 3 November"),
    ];
    let answer = ada.fill_in(path, path, &fields).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=subscriber_added");
    let answer = ada.fill_in(path, path, &fields).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=subscriber_known");
    assert!(ada.get(path).await.shows("meeting of 3 November"));
    let address = EmailAddress::parse("r@example.org").unwrap();
    assert!(house.site.web.subscriptions.erase(&address).await.unwrap());
    let answer = ada.fill_in(path, path, &fields).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=subscriber_kept_out");
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

//! The list of readers, and what is done to them.

use std::sync::Arc;

use crate::domain::subscriber::SubscriberState;
use crate::store::Subscriber;
use crate::web::admin::tests::*;

pub const LIST: &str = "/admin/subscribers";

pub fn rows(page: &TestResponse) -> usize {
    page.body.matches("name=\"id\" value=\"").count() - page.body.matches(">Resend<").count()
}

fn link(page: &TestResponse, rel: &str) -> Option<String> {
    let (_, rest) = page.body.split_once(&format!("rel=\"{rel}\" href=\""))?;
    Some(rest.split('"').next().unwrap().replace("&amp;", "&"))
}

pub async fn state(house: &House, address: &str) -> Option<SubscriberState> {
    house.site.reader(address).await.map(|reader| reader.state)
}

/// Someone who filled in the form and has not confirmed.
pub async fn waiting(house: &House, address: &str) -> Subscriber {
    house.site.subscribe(address, "").await;
    house.site.reader(address).await.unwrap()
}

/// Looks at a page until it says so.
pub async fn until(ada: &mut Browser<'_>, path: &str, words: &str) -> TestResponse {
    let words = words.replace("● ", "<span aria-hidden=\"true\">●</span> ");
    let shown = async {
        loop {
            let page = ada.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            if page.shows(&words) {
                return page;
            }
            // A page that reloads itself takes the focus, and what is read, away.
            assert!(page.shows(">Refresh</a>") && !page.headers.contains_key(header::REFRESH));
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, shown).await.expect(&words)
}

#[tokio::test]
async fn a_search_goes_by_the_beginning_and_breaks_nothing() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    for address in [
        "o'hara@example.ie",
        "a_b@example.org",
        "axb@example.org",
        "50%@example.com",
        "c#d@sharp.example",
    ] {
        house.site.confirmed(address).await;
    }
    for (query, count) in [
        ("", 5),
        ("  A_B@EXAMPLE.org ", 1),
        ("a", 2),
        ("%", 0),
        ("50%", 1),
        ("o'h", 1),
        ("@example", 4),
        ("@example.org", 2),
        ("@Example.I", 1),
        ("@", 5),
        ("@sharp", 1),
        ("c#", 1),
        ("example", 0),
        ("' OR 1=1 --", 0),
        ("\0", 5),
        ("\u{202e}", 0),
        ("<script>alert(1)</script>", 0),
        (&"x".repeat(20_000), 0),
        (&"@".repeat(20_000), 0),
    ] {
        let short: String = query.chars().take(30).collect();
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        for more in ["", "&state=confirmed", "&order=oldest", "&order=address"] {
            let page = ada.get(&format!("{LIST}?q={query}{more}")).await;
            assert_eq!(page.status, StatusCode::OK, "{short:?}");
            assert_eq!(rows(&page), count, "{short:?}{more}");
        }
    }
    let page = ada.get(&format!("{LIST}?q=%3Cscript%3E")).await;
    assert!(!page.shows("<script>") && page.shows("No results for “<bdi>&lt;script&gt;</bdi>”"));
    for query in [
        "state=nonsense",
        "after=nonsense",
        "before=0190aaaa-0000-7000-8000-000000000000",
        "order=%00",
        "done=%3Cb%3Ehello",
        "state=confirmed&after=%ff",
    ] {
        let page = ada.get(&format!("{LIST}?{query}")).await;
        assert_eq!(rows(&page), 5, "{query}");
        assert!(!page.shows("hello") && !page.shows("class=\"notice\""));
    }
    let page = ada.get(&format!("{LIST}?state=pending")).await;
    assert!(page.shows("No subscribers in this state."));
}

#[tokio::test]
async fn pages_turn_both_ways_in_every_order() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    for n in 0..50 {
        house.site.confirmed(&format!("r{n:03}@example.org")).await;
        house.site.clock.advance(Duration::from_millis(2));
    }
    let first_of = |page: &TestResponse| {
        let at = page.body.find("<bdi>r").unwrap() + 5;
        page.body[at..at + 4].to_owned()
    };
    for (query, firsts) in [
        ("", ["r049", "r029", "r009"]),
        ("?order=oldest", ["r000", "r020", "r040"]),
        ("?state=confirmed&order=address", ["r000", "r020", "r040"]),
        ("?q=r", ["r000", "r020", "r040"]),
        ("?q=%40example", ["r000", "r020", "r040"]),
    ] {
        let mut page = ada.get(&format!("{LIST}{query}")).await;
        assert_eq!((first_of(&page).as_str(), rows(&page)), (firsts[0], 20));
        assert_eq!(link(&page, "prev"), None, "{query}");
        for (first, count) in [(firsts[1], 20), (firsts[2], 10)] {
            page = ada.get(&link(&page, "next").unwrap()).await;
            assert_eq!(
                (first_of(&page).as_str(), rows(&page)),
                (first, count),
                "{query}"
            );
        }
        assert_eq!(link(&page, "next"), None, "{query}");
        for first in [firsts[1], firsts[0]] {
            page = ada.get(&link(&page, "prev").unwrap()).await;
            assert_eq!(
                (first_of(&page).as_str(), rows(&page)),
                (first, 20),
                "{query}"
            );
        }
        assert_eq!(link(&page, "prev"), None, "{query}");
    }
}

#[tokio::test]
async fn who_waits_is_asked_again_but_not_over_and_over() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let reader = waiting(&house, "eve@example.org").await;
    let id = reader.id.to_string();
    let mails = async || house.site.deliveries().await.len();
    assert_eq!(mails().await, 1);
    let resend = format!("{LIST}/resend");
    let answer = ada.fill_in(LIST, &resend, &[("reader", &id)]).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=asked_lately");
    house.site.clock.advance(Duration::from_secs(11 * 60));
    let answer = ada.fill_in(LIST, &resend, &[("reader", &id)]).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=asked_again");
    assert_eq!(mails().await, 2);
    let page = ada.get(&format!("{LIST}/{id}")).await;
    assert_eq!(page.body.matches(">Confirmation<").count(), 2);
    house.site.clock.advance(Duration::from_secs(11 * 60));
    let path = format!("{LIST}/{id}");
    let answer = ada.fill_in(&path, &path, &[("action", "resend")]).await;
    assert!(answer.to().ends_with("?done=asked_again"));
    assert_eq!(mails().await, 3);
    house.site.confirmed("eve@example.org").await;
    house.site.clock.advance(Duration::from_secs(24 * 60 * 60));
    let answer = ada.fill_in(LIST, &resend, &[("reader", &id)]).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=asked_lately");
    assert_eq!(mails().await, 3, "who is confirmed is asked nothing");
}

#[tokio::test]
async fn all_that_a_list_finds_are_done_beside_the_web() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    for n in 0..7 {
        house.site.confirmed(&format!("r{n}@example.org")).await;
    }
    house.site.confirmed("stays@example.com").await;
    let page = format!("{LIST}/many?do=erase&whom=all&q=%40example.org&state=");
    let ask = ada.get(&page).await;
    assert!(ask.shows("Delete 7 subscribers?") && !ask.shows("stays@example.com"));
    let seen = ask.field("seen").to_owned();
    house.site.clock.advance(Duration::from_secs(5));
    house.site.confirmed("new@example.org").await;
    let fields = [
        ("do", "erase"),
        ("whom", "all"),
        ("q", "@example.org"),
        ("seen", seen.as_str()),
    ];
    let answer = ada.fill_in(&page, &format!("{LIST}/many"), &fields).await;
    let page = until(&mut ada, answer.to(), "● Done").await;
    assert!(page.shows("7 subscribers deleted"));
    let left = ada.get(LIST).await;
    assert!(left.shows("stays@example.com") && left.shows("new@example.org"));
    assert_eq!(rows(&left), 2);
}

#[tokio::test]
async fn nothing_is_done_to_nobody_or_without_a_form_of_ours() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let reader = house.site.confirmed("eve@example.org").await;
    let id = reader.id.to_string();
    let many = format!("{LIST}/many");
    for query in ["do=erase", "do=erase&id=x", "do=unsubscribe&whom=all&q=zoe"] {
        let page = ada.get(&format!("{many}?{query}")).await;
        assert!(page.shows("No subscribers selected"), "{query}");
    }
    let page = ada.get(&format!("{many}?do=burn&id={id}")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    let fields = [("do", "erase"), ("id", id.as_str())];
    let answer = ada.send(&many, &fields, &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = ada
        .fill_in(LIST, &many, &[("do", "erase"), ("whom", "all")])
        .await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "not looked at before"
    );
    assert!(state(&house, "eve@example.org").await.is_some());
    for path in [
        "x",
        "0190aaaa-0000-7000-8000-000000000000",
        "many/x",
        "import/x",
    ] {
        let page = ada.get(&format!("{LIST}/{path}")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_export_is_what_the_list_shows() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    for n in 0..1_001 {
        let address = EmailAddress::parse(&format!("r{n:04}@example.org")).unwrap();
        let how = crate::subscription::ImportOptions {
            source: "=HYPERLINK(\"x\")".to_owned(),
            pending: n % 2 == 1,
        };
        let added = house.site.web.subscriptions.add(address, None, &how);
        added.await.unwrap();
    }
    let file = ada
        .get(&format!("{LIST}/export?state=&order=address"))
        .await;
    assert_eq!(file.header(header::CONTENT_TYPE), "text/csv; charset=utf-8");
    let lines: Vec<&str> = file.body.split("\r\n").collect();
    assert_eq!(lines.len(), 1_003, "headers, a line each, and the end");
    assert!(lines[0].starts_with("email,name,state,"));
    assert!(lines[1].starts_with("r0000@example.org,,confirmed,2026-"));
    assert!(lines[1].contains(",\"'=HYPERLINK(\"\"x\"\")\","));
    let file = ada
        .get(&format!("{LIST}/export?state=pending&q=r100"))
        .await;
    assert_eq!(file.body.lines().count(), 1);
    let file = ada.get(&format!("{LIST}/export?q=r100")).await;
    assert_eq!(file.body.lines().count(), 2);
}

#[tokio::test]
async fn a_suppression_is_lifted_to_what_was_before() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let reader = house.site.confirmed("eve@example.org").await;
    house.site.bounce(&reader).await;
    let path = format!("{LIST}/{}", reader.id);
    let page = ada.get(&path).await;
    assert!(page.shows("550 5.1.1 no such user") && page.shows(">Re-enable<"));
    let answer = ada.fill_in(&path, &path, &[("action", "lift")]).await;
    assert!(answer.to().ends_with("?done=suppression_lifted"));
    assert_eq!(
        state(&house, "eve@example.org").await,
        Some(SubscriberState::Confirmed)
    );
    let answer = ada.fill_in(&path, &path, &[("action", "lift")]).await;
    assert_eq!(answer.to(), path, "there is nothing to lift any more");
    let answer = ada.fill_in(&path, &path, &[("action", "burn")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_overview_draws_how_the_list_grew() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    assert!(!ada.get("/admin").await.shows("last 12 weeks"));
    for n in 0..5 {
        house.site.confirmed(&format!("r{n}@example.org")).await;
    }
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    house.site.clock.advance(week);
    let gone = house.site.reader("r1@example.org").await.unwrap();
    let many = Arc::new(house.site.web.subscriptions.clone());
    let rows = house.store().subscribers_by_id(&[gone.id]).await.unwrap();
    many.apply(crate::subscription::BulkAction::Unsubscribe, &rows)
        .await
        .unwrap();
    // The session of a week ago is over.
    let id = house.account("bob@example.com").await;
    let token = house.link(Some(&id)).await;
    let fields = [
        ("token", token.as_str()),
        ("email", "bob@example.com"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let mut bob = Browser::new(&house);
    bob.send("/admin/setup", &fields, &[]).await;
    let page = bob.get("/admin").await;
    assert!(page.shows("<polyline points=\"") && page.shows("From 0 subscribers to 4"));
    assert!(page.shows("<dt>Unsubscribed this week</dt><dd class=\"figure\">1</dd>"));
    assert!(page.shows("<dt>New this week</dt><dd class=\"figure\">0</dd>"));
}

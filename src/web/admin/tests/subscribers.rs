//! The subscriber list and its actions.

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

pub async fn state(app: &AdminTestApp, address: &str) -> Option<SubscriberState> {
    app.site.reader(address).await.map(|reader| reader.state)
}

/// A subscriber who has not confirmed.
pub async fn waiting(app: &AdminTestApp, address: &str) -> Subscriber {
    app.site.subscribe(address, "").await;
    app.site.reader(address).await.unwrap()
}

/// Polls a page until it contains the text.
pub async fn until(ada: &mut AdminClient<'_>, path: &str, words: &str) -> TestResponse {
    let words = words.replace("● ", "<span aria-hidden=\"true\">●</span> ");
    let shown = async {
        loop {
            let page = ada.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            if page.contains(&words) {
                return page;
            }
            // A page must not reload itself: it would move the focus and interrupt screen readers.
            assert!(page.contains(">Refresh</a>") && !page.headers.contains_key(header::REFRESH));
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, shown).await.expect(&words)
}

#[tokio::test]
async fn search_matches_prefix_and_tolerates_any_input() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    for address in [
        "o'hara@example.ie",
        "a_b@example.org",
        "axb@example.org",
        "50%@example.com",
        "c#d@sharp.example",
    ] {
        app.site.confirmed(address).await;
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
    assert!(
        !page.contains("<script>") && page.contains("No results for “<bdi>&lt;script&gt;</bdi>”")
    );
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
        assert!(!page.contains("hello") && !page.contains("class=\"notice\""));
    }
    let page = ada.get(&format!("{LIST}?state=pending")).await;
    assert!(page.contains("No subscribers in this state."));
}

#[tokio::test]
async fn list_pages_both_ways_in_every_order() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    for n in 0..50 {
        app.site.confirmed(&format!("r{n:03}@example.org")).await;
        app.site.clock.advance(Duration::from_millis(2));
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
async fn confirmation_resend_is_rate_limited() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let reader = waiting(&app, "eve@example.org").await;
    let id = reader.id.to_string();
    let mails = async || app.site.deliveries().await.len();
    assert_eq!(mails().await, 1);
    let resend = format!("{LIST}/resend");
    let answer = ada.submit_form(LIST, &resend, &[("reader", &id)]).await;
    assert_eq!(
        answer.to(),
        "/admin/subscribers?done=confirmation_not_resent"
    );
    app.site.clock.advance(Duration::from_secs(11 * 60));
    let answer = ada.submit_form(LIST, &resend, &[("reader", &id)]).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=confirmation_resent");
    assert_eq!(mails().await, 2);
    let page = ada.get(&format!("{LIST}/{id}")).await;
    assert_eq!(page.body.matches(">Confirmation<").count(), 2);
    app.site.clock.advance(Duration::from_secs(11 * 60));
    let path = format!("{LIST}/{id}");
    let answer = ada.submit_form(&path, &path, &[("action", "resend")]).await;
    assert!(answer.to().ends_with("?done=confirmation_resent"));
    assert_eq!(mails().await, 3);
    app.site.confirmed("eve@example.org").await;
    app.site.clock.advance(Duration::from_secs(24 * 60 * 60));
    let answer = ada.submit_form(LIST, &resend, &[("reader", &id)]).await;
    assert_eq!(
        answer.to(),
        "/admin/subscribers?done=confirmation_not_resent"
    );
    assert_eq!(
        mails().await,
        3,
        "a confirmed subscriber gets no confirmation"
    );
}

#[tokio::test]
async fn bulk_action_on_list_runs_in_background() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    for n in 0..7 {
        app.site.confirmed(&format!("r{n}@example.org")).await;
    }
    app.site.confirmed("stays@example.com").await;
    let page = format!("{LIST}/many?do=erase&whom=all&q=%40example.org&state=");
    let ask = ada.get(&page).await;
    assert!(ask.contains("Delete 7 subscribers?") && !ask.contains("stays@example.com"));
    let seen = ask.field("seen").to_owned();
    app.site.clock.advance(Duration::from_secs(5));
    app.site.confirmed("new@example.org").await;
    let fields = [
        ("do", "erase"),
        ("whom", "all"),
        ("q", "@example.org"),
        ("seen", seen.as_str()),
    ];
    let answer = ada
        .submit_form(&page, &format!("{LIST}/many"), &fields)
        .await;
    let page = until(&mut ada, answer.to(), "● Done").await;
    assert!(page.contains("7 subscribers deleted"));
    let left = ada.get(LIST).await;
    assert!(left.contains("stays@example.com") && left.contains("new@example.org"));
    assert_eq!(rows(&left), 2);
}

#[tokio::test]
async fn bulk_action_requires_selection_and_csrf_token() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let reader = app.site.confirmed("eve@example.org").await;
    let id = reader.id.to_string();
    let many = format!("{LIST}/many");
    for query in ["do=erase", "do=erase&id=x", "do=unsubscribe&whom=all&q=zoe"] {
        let page = ada.get(&format!("{many}?{query}")).await;
        assert!(page.contains("No subscribers selected"), "{query}");
    }
    let page = ada.get(&format!("{many}?do=burn&id={id}")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    let fields = [("do", "erase"), ("id", id.as_str())];
    let answer = ada.send(&many, &fields, &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = ada
        .submit_form(LIST, &many, &[("do", "erase"), ("whom", "all")])
        .await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "not looked at before"
    );
    assert!(state(&app, "eve@example.org").await.is_some());
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
async fn export_contains_filtered_list() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    for n in 0..1_001 {
        let address = EmailAddress::parse(&format!("r{n:04}@example.org")).unwrap();
        let how = crate::subscription::ImportOptions {
            source: "=HYPERLINK(\"x\")".to_owned(),
            state: (n % 2 == 1).then_some(SubscriberState::Pending),
            prefers_file_source: false,
        };
        let added = app
            .site
            .web
            .subscriptions
            .import_subscriber(address, None, &how);
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
async fn lifted_suppression_restores_previous_state() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let reader = app.site.confirmed("eve@example.org").await;
    app.site.bounce(&reader).await;
    let path = format!("{LIST}/{}", reader.id);
    let page = ada.get(&path).await;
    assert!(page.contains("550 5.1.1 no such user") && page.contains(">Re-enable<"));
    let answer = ada.submit_form(&path, &path, &[("action", "lift")]).await;
    assert!(answer.to().ends_with("?done=suppression_lifted"));
    assert_eq!(
        state(&app, "eve@example.org").await,
        Some(SubscriberState::Confirmed)
    );
    let answer = ada.submit_form(&path, &path, &[("action", "lift")]).await;
    assert_eq!(answer.to(), path, "there is nothing to lift any more");
    let answer = ada.submit_form(&path, &path, &[("action", "burn")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn overview_shows_growth_chart() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    assert!(!ada.get("/admin").await.contains("last 12 weeks"));
    for n in 0..5 {
        app.site.confirmed(&format!("r{n}@example.org")).await;
    }
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    app.site.clock.advance(week);
    let gone = app.site.reader("r1@example.org").await.unwrap();
    let many = Arc::new(app.site.web.subscriptions.clone());
    let rows = app.store().subscribers_by_id(&[gone.id]).await.unwrap();
    many.apply(crate::subscription::BulkAction::Unsubscribe, &rows)
        .await
        .unwrap();
    // The session of a month ago has expired.
    let id = app.account("bob@example.com").await;
    let token = app.link(Some(&id)).await;
    let fields = [
        ("token", token.as_str()),
        ("email", "bob@example.com"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let mut bob = AdminClient::new(&app);
    bob.send("/admin/setup", &fields, &[]).await;
    let page = bob.get("/admin").await;
    assert!(page.contains("<polyline points=\"") && page.contains("From 0 subscribers to 4"));
    assert!(page.contains("<dt>Unsubscribed this week</dt><dd class=\"figure\">1</dd>"));
    assert!(page.contains("<dt>New this week</dt><dd class=\"figure\">0</dd>"));
}

//! Deliveries of an issue: filter, search, reasons and export.

use crate::domain::delivery::DeliveryState::{Bounced, Deferred, Delivered, InDoubt};
use crate::domain::issue::{DeliveryCounts, IssueState};
use crate::store::Unsubscribe;
use crate::web::admin::tests::*;

/// An issue with five recipients, of which one was delivered.
async fn sent(app: &AdminTestApp) -> IssueId {
    for address in ["ann", "bob", "cem", "dot", "=eve"] {
        app.site.confirmed(&format!("{address}@example.org")).await;
    }
    let (issue, _) = app.site.issue(&["Bread"]).await;
    let outcomes = [
        ("ann@example.org", Delivered, "250 ok"),
        ("bob@example.org", Bounced, "552 5.2.2 bob is over quota"),
        ("cem@example.org", Bounced, "452 4.2.2 cem is full"),
        ("dot@example.org", InDoubt, "the connection was lost"),
        (
            "=eve@example.org",
            Bounced,
            "550 5.1.1 <=eve@example.org>, \"who\"?",
        ),
    ];
    app.deliver(&issue, &outcomes).await;
    issue
}

fn shown(page: &TestResponse) -> Vec<&str> {
    ["ann", "bob", "cem", "dot", "=eve"]
        .into_iter()
        .filter(|name| page.contains(&format!("<bdi>{name}@example.org</bdi>")))
        .collect()
}

/// Regression of another tool, listmonk #2616: failed recipients were not listed.
#[tokio::test]
async fn issue_page_filters_failures_with_reasons() {
    let app = AdminTestApp::new().await;
    sent(&app).await;
    let mut ada = app.ada().await;
    let page = ada.get("/admin/issues/1").await;
    assert!(page.contains("Sent with failures") && page.contains("1 of 5 sent"));
    for words in [
        "2 × mailbox full",
        "552 5.2.2 bob is over quota",
        "452 4.2.2 cem is full",
        "1 × no such mailbox",
        "1 × in doubt",
        "the connection was lost",
        "href=\"/admin/issues/1?state=missed#who\"",
    ] {
        assert!(page.contains(words), "{words}");
    }
    for (state, names) in [
        ("missed", &["bob", "cem", "dot", "=eve"][..]),
        ("delivered", &["ann"]),
        ("bounced", &["bob", "cem", "=eve"]),
        ("in_doubt", &["dot"]),
        ("queued", &[]),
        ("nonsense", &["ann", "bob", "cem", "dot", "=eve"]),
    ] {
        let page = ada.get(&format!("/admin/issues/1?state={state}")).await;
        assert_eq!(shown(&page), names, "{state}");
    }
}

#[tokio::test]
async fn delivery_export_escapes_formulas() {
    let app = AdminTestApp::new().await;
    sent(&app).await;
    let erased = EmailAddress::parse("bob@example.org").unwrap();
    assert!(
        app.site
            .web
            .subscriptions
            .erase_by_address(&erased)
            .await
            .unwrap()
    );
    let mut ada = app.ada().await;
    let file = ada.get("/admin/issues/1/deliveries.csv?state=missed").await;
    assert_eq!(
        file.header(header::CONTENT_TYPE),
        "text/csv; charset=utf-8; header=present"
    );
    assert_eq!(
        file.header(header::CONTENT_DISPOSITION),
        "attachment; filename=\"issue-1-missed.csv\""
    );
    let mut lines: Vec<_> = file.body.split("\r\n").collect();
    assert_eq!(lines.remove(0), "address,state,attempts,at,reply");
    assert_eq!(lines.pop(), Some(""), "every line has its end");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "'=eve@example.org,bounced,1,2026-11-23T09:00:00+00:00,\"550 5.1.1 <=eve@example.org>, \"\"who\"\"?\"",
            ",bounced,1,2026-11-23T09:00:00+00:00,",
            "cem@example.org,bounced,1,2026-11-23T09:00:00+00:00,452 4.2.2 cem is full",
            "dot@example.org,in_doubt,1,2026-11-23T09:00:00+00:00,the connection was lost",
        ]
    );
    let all = ada.get("/admin/issues/1/deliveries.csv").await;
    assert_eq!(all.body.lines().count(), 6);
    let stranger = AdminClient::new(&app)
        .get("/admin/issues/1/deliveries.csv")
        .await;
    assert!(stranger.to().starts_with("/admin/login"));
}

#[tokio::test]
async fn delivery_export_contains_each_row_once() {
    let app = AdminTestApp::new().await;
    let mut csv = "email\n".to_owned();
    for number in 0..2_001 {
        csv.push_str(&format!("r{number}@example.org\n"));
    }
    for line in csv.lines().skip(1) {
        let address = EmailAddress::parse(line).unwrap();
        let how = crate::subscription::ImportOptions {
            source: "test".to_owned(),
            state: None,
            prefers_file_source: false,
        };
        app.site
            .web
            .subscriptions
            .import_subscriber(address, None, &how)
            .await
            .unwrap();
    }
    app.site.issue(&["Bread"]).await;
    let file = app
        .ada()
        .await
        .get("/admin/issues/1/deliveries.csv?state=queued")
        .await;
    let addresses: std::collections::BTreeSet<_> = file
        .body
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!((addresses.len(), file.body.lines().count()), (2_001, 2_002));
}

#[tokio::test]
async fn recipient_search_reports_each_result() {
    let app = AdminTestApp::new().await;
    sent(&app).await;
    app.site.confirmed("late@example.org").await;
    let mut ada = app.ada().await;
    for (address, words) in [
        ("%20CEM%40example.org", "452 4.2.2 cem is full"),
        ("late@example.org", "was not a recipient"),
        ("zoe@example.org", "No subscriber has the address"),
        ("%3Cb%3E", "Enter an email address like name@example.com"),
    ] {
        let page = ada.get(&format!("/admin/issues/1?address={address}")).await;
        assert!(page.contains(words), "{address}");
        assert!(
            !page.contains("<bdi>ann@example.org</bdi>") && !page.contains("<b>"),
            "{address}"
        );
    }
}

/// Missing in another tool, listmonk #1731: unsubscribes per issue.
#[tokio::test]
async fn unsubscribes_count_for_last_received_issue() {
    let app = AdminTestApp::new().await;
    for name in ["ann", "bob", "cem"] {
        app.site.confirmed(&format!("{name}@example.org")).await;
    }
    let (first, _) = app.site.issue(&["Bread"]).await;
    let to = |name: &'static str, state| (name, state, "250 ok");
    let all = [
        to("ann@example.org", Delivered),
        to("bob@example.org", Delivered),
        to("cem@example.org", Delivered),
    ];
    app.deliver(&first, &all).await;
    let leave = async |name: &str| {
        app.site.clock.advance(Duration::from_secs(1));
        let reader = app
            .site
            .reader(&format!("{name}@example.org"))
            .await
            .unwrap();
        let leaver = Unsubscribe {
            id: reader.id,
            nonce: "n".to_owned(),
        };
        let left = app.store().unsubscribe(&[leaver], app.site.now()).await;
        assert_eq!(left.unwrap(), 1);
        reader.id
    };
    let ann = leave("ann").await;
    let (second, _) = app.site.issue(&["Salt"]).await;
    let waiting = [
        to("bob@example.org", Delivered),
        to("cem@example.org", Deferred),
    ];
    app.deliver(&second, &waiting).await;
    leave("bob").await;
    leave("cem").await;
    let left = async || {
        let store = app.store();
        let (first, second) = (
            store.count_unsubscribes(&first),
            store.count_unsubscribes(&second),
        );
        (first.await.unwrap(), second.await.unwrap())
    };
    assert_eq!(left().await, (2, 1), "cem has not had the second one");
    let mut ada = app.ada().await;
    assert!(
        ada.get("/admin/issues/1")
            .await
            .contains("2 unsubscribes from this issue")
    );
    assert!(
        ada.get("/admin/issues/2")
            .await
            .contains("1 unsubscribe from this issue")
    );

    let now = app.site.now();
    assert!(app.store().resubscribe(&ann, now).await.unwrap());
    assert_eq!(left().await, (1, 1), "left by mistake");
    let cem = EmailAddress::parse("cem@example.org").unwrap();
    assert!(
        app.site
            .web
            .subscriptions
            .erase_by_address(&cem)
            .await
            .unwrap()
    );
    assert_eq!(left().await, (1, 1), "erasing a reader changes no sums");
}

#[tokio::test]
async fn counts_follow_later_state_changes() {
    let app = AdminTestApp::new().await;
    let issue = sent(&app).await;
    let store = app.store();
    let stands = async || {
        let row = store.issue_by_id(&issue).await.unwrap().unwrap();
        (row.state, row.counts)
    };
    let tally = DeliveryCounts {
        delivered: 1,
        bounced: 3,
        in_doubt: 1,
        ..DeliveryCounts::default()
    };
    assert_eq!(stands().await, (IssueState::Sent, tally));
    let ann = EmailAddress::parse("ann@example.org").unwrap();
    assert!(
        app.site
            .web
            .subscriptions
            .erase_by_address(&ann)
            .await
            .unwrap()
    );
    assert_eq!(store.verified_counts(&issue).await.unwrap(), tally);

    assert_eq!(
        store.requeue_failed(&issue, app.site.now()).await.unwrap(),
        4
    );
    let anew = DeliveryCounts {
        delivered: 1,
        queued: 4,
        ..DeliveryCounts::default()
    };
    assert_eq!(stands().await, (IssueState::Sending, anew));
    let again = ["bob", "cem", "dot", "=eve"].map(|name| format!("{name}@example.org"));
    let again = again
        .each_ref()
        .map(|address| (address.as_str(), Delivered, "250 ok"));
    app.deliver(&issue, &again).await;
    let tally = DeliveryCounts {
        delivered: 5,
        ..DeliveryCounts::default()
    };
    assert_eq!(stands().await, (IssueState::Sent, tally));
    let requeued = store.requeue_failed(&issue, app.site.now()).await.unwrap();
    assert_eq!((requeued, stands().await), (0, (IssueState::Sent, tally)));
}

#[tokio::test]
async fn cancelled_issue_cannot_be_resent() {
    let app = AdminTestApp::new().await;
    app.site.confirmed("ann@example.org").await;
    app.site.confirmed("bob@example.org").await;
    let (issue, _) = app.site.issue(&["Bread"]).await;
    app.deliver(&issue, &[("ann@example.org", Bounced, "550 no")])
        .await;
    let now = app.site.now();
    assert!(app.store().cancel_issue(&issue, now).await.unwrap());
    assert_eq!(app.store().requeue_failed(&issue, now).await.unwrap(), 0);
    let tally = app.store().verified_counts(&issue).await.unwrap();
    assert_eq!((tally.bounced, tally.skipped, tally.remaining()), (1, 1, 0));
}

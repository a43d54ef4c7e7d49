//! From the draft to the issue.

use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::issue::IssueState;
use crate::mail::compose::FrozenMail;
use crate::web::admin::tests::draft_edits::publish;
use crate::web::admin::tests::*;

/// A house with two posts and two readers, and Ada in it.
pub(crate) async fn ready(house: &House) -> Browser<'_> {
    house.feed().await;
    house.site.confirmed("r1@example.org").await;
    house.site.confirmed("r2@example.org").await;
    let mut ada = house.ada().await;
    let read = ada.fill_in("/admin/next", "/admin/next/collect", &[]).await;
    assert_eq!(read.to(), "/admin/next?done=feeds_read");
    ada
}

#[tokio::test]
async fn the_draft_is_shown_tried_and_sent() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let next = ada.get("/admin/next").await;
    for words in [
        "A loader in fonts",
        "Spam in Q3",
        "2 subscribers",
        "in 4 days",
        ADA,
    ] {
        assert!(next.shows(words), "{words}");
    }
    assert!(next.shows("sandbox loading=\"lazy\" src=\"/admin/next/html?theme=light\""));
    let html = ada.get("/admin/next/html").await;
    let policy = html.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("sandbox;"), "{policy}");
    assert!(html.shows("A loader in fonts") && html.shows("/unsubscribe/"));
    let dark = ada.get("/admin/next/html?theme=dark").await;
    assert!(dark.shows("@media (min-width:0)") && html.shows("@media (max-width:0)"));
    let text = ada.get("/admin/next?show=text").await;
    assert!(text.shows("2. A loader in fonts\nhttps://lab.example/1"));
    assert!(text.shows("value=\"text\" form=\"edit\" checked"));

    let bad = ada
        .fill_in("/admin/next", "/admin/next/test", &[("email", "\"><b>")])
        .await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.shows("aria-invalid") && !bad.shows("\"><b>"));
    assert!(house.site.deliveries().await.is_empty());
    let to = [("email", "eve@example.net")];
    let answer = ada.fill_in("/admin/next", "/admin/next/test", &to).await;
    assert_eq!(answer.to(), "/admin/next?done=test_queued");
    let rows = house.site.deliveries().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].kind, DeliveryKind::Test);
    assert_eq!(rows[0].address.as_deref(), Some("eve@example.net"));
    assert_eq!(
        (rows[0].issue, rows[0].state),
        (None, DeliveryState::Queued)
    );

    let review = ada.get("/admin/next/send").await;
    assert!(
        review.shows("Send to 2 subscribers now") && review.shows("Lab &lt;news@example.com&gt;")
    );
    send(&mut ada, &review).await;
    let issue = house.first_issue().await;
    assert_eq!(issue.slot.unwrap().to_string(), "2026-W48");
    assert_eq!((issue.recipients, issue.state), (2, IssueState::Sending));
    let mail = house.store().issue_mail(&issue.id).await.unwrap().unwrap();
    assert!(FrozenMail::from_json(&mail).is_ok());

    let page = ada.get("/admin/issues/1?done=sending_begun").await;
    for words in [
        "The issue is being sent.",
        "0 of 2 sent",
        "r1@example.org",
        "r2@example.org",
    ] {
        assert!(page.shows(words), "{words}");
    }
    let overview = ada.get("/admin").await;
    assert!(overview.shows("Sending now · No. 1") && overview.shows("Next issue · No. 2"));
    assert!(overview.shows("4 Dec"), "this week's slot has its issue");

    // The same click again.
    let csrf = page.field("csrf").to_owned();
    let again = [
        ("reviewed", review.field("reviewed")),
        ("csrf", csrf.as_str()),
    ];
    let again = ada.send("/admin/next/send", &again, &[]).await;
    assert_eq!(again.to(), "/admin/issues/1?done=already_sent");
    assert_eq!(house.site.deliveries().await.len(), 3);
}

#[tokio::test]
async fn only_what_was_reviewed_is_sent() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let review = ada.get("/admin/next/send").await;
    let more = FEED.replace(
        "</feed>",
        "<entry><title>Late</title><link href='https://lab.example/3'/></entry></feed>",
    );
    std::fs::write(house.dir.path().join("feed.xml"), more).unwrap();
    ada.fill_in("/admin/next", "/admin/next/collect", &[]).await;
    for reviewed in [review.field("reviewed"), "", "x"] {
        let fields = [("reviewed", reviewed)];
        let answer = ada
            .fill_in("/admin/next/send", "/admin/next/send", &fields)
            .await;
        assert_eq!(answer.to(), "/admin/next/send?done=changed");
    }
    assert!(house.site.deliveries().await.is_empty());
    let page = ada.get("/admin/next/send?done=changed").await;
    assert!(page.shows("The draft has changed since you reviewed it") && page.shows("Late"));
}

#[tokio::test]
async fn nothing_goes_out_that_may_not() {
    let missing = [
        "newsletter.postal_address: needed before a send",
        "server.public_url: http://127.0.0.1:8080 is this machine's own",
    ];
    let house = House::with(|web| {
        web.not_ready = missing.map(str::to_owned).to_vec();
        web.outbox = None;
    })
    .await;
    let mut ada = ready(&house).await;
    let review = ada.get("/admin/next/send").await;
    let told = "Missing: a postal address; a public address (the current one only works on this \
        computer). <a href=\"/admin/settings/newsletter\">";
    assert!(review.shows(told) && !review.shows("name=\"reviewed\""));
    assert!(!review.shows("needed before a send"));
    let csrf = review.field("csrf").to_owned();
    let answer = ada
        .send("/admin/next/send", &[("csrf", csrf.as_str())], &[])
        .await;
    assert_eq!(answer.to(), "/admin/next/send");
    let to = [("email", "eve@example.net")];
    let test = ada.fill_in("/admin/next", "/admin/next/test", &to).await;
    assert_eq!(test.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(test.shows(told) && !test.shows("aria-invalid"));
    let to = [("email", "eve")];
    let test = ada.fill_in("/admin/next", "/admin/next/test", &to).await;
    assert!(!test.shows(told) && test.shows("aria-invalid"));
    assert!(house.site.deliveries().await.is_empty());
}

#[tokio::test]
async fn nothing_new_and_nobody_there_are_said() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    assert!(ada.get("/admin/next").await.shows("No new posts this week"));
    assert_eq!(
        ada.get("/admin/next/send").await.to(),
        "/admin/next?done=nobody_reads"
    );
    house.site.confirmed("r1@example.org").await;
    assert_eq!(
        ada.get("/admin/next/send").await.to(),
        "/admin/next?done=nothing_new"
    );
    let page = ada.get("/admin/next?done=nothing_new").await;
    assert!(page.shows("There aren’t enough new posts for an issue"));
    let to = [("email", "eve@example.net")];
    let test = ada.fill_in("/admin/next", "/admin/next/test", &to).await;
    assert_eq!(test.to(), "/admin/next");
    assert!(house.site.deliveries().await.is_empty());
}

#[tokio::test]
async fn an_issue_is_paused_resumed_and_cancelled() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let reviewed = ada
        .get("/admin/next/send")
        .await
        .field("reviewed")
        .to_owned();
    let fields = [("reviewed", reviewed.as_str())];
    ada.fill_in("/admin/next/send", "/admin/next/send", &fields)
        .await;
    let state = async || {
        let issue = house.first_issue().await;
        (
            issue.state,
            house.store().tally(&issue.id).await.unwrap().skipped,
        )
    };
    for (action, goes_to, becomes) in [
        ("resume", "/admin/issues/1", (IssueState::Sending, 0)),
        (
            "try_now",
            "/admin/issues/1?done=nothing_waits",
            (IssueState::Sending, 0),
        ),
        ("send_again", "/admin/issues/1", (IssueState::Sending, 0)),
        (
            "pause",
            "/admin/issues/1?done=paused",
            (IssueState::Paused, 0),
        ),
        ("pause", "/admin/issues/1", (IssueState::Paused, 0)),
        (
            "resume",
            "/admin/issues/1?done=resumed",
            (IssueState::Sending, 0),
        ),
        (
            "pause",
            "/admin/issues/1?done=paused",
            (IssueState::Paused, 0),
        ),
        (
            "cancel",
            "/admin/issues/1?done=cancelled",
            (IssueState::Cancelled, 2),
        ),
        ("resume", "/admin/issues/1", (IssueState::Cancelled, 2)),
    ] {
        let fields = [("action", action)];
        let answer = ada
            .fill_in("/admin/issues/1", "/admin/issues/1", &fields)
            .await;
        assert_eq!((answer.to(), state().await), (goes_to, becomes), "{action}");
    }
    let fields = [("action", "burn")];
    let answer = ada
        .fill_in("/admin/issues/1", "/admin/issues/1", &fields)
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_issue_is_found_by_its_number_before_and_after_it_is_sent() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let (page, review) = ("/admin/issues/1", "/admin/issues/1/send");
    assert_eq!(ada.get(page).await.to(), "/admin/next");
    assert_eq!(ada.get(review).await.to(), "/admin/next/send");
    publish(&house).await;
    assert_eq!(ada.get(page).await.status, StatusCode::OK);
    assert_eq!(ada.get(review).await.to(), page);
}

#[tokio::test]
async fn who_got_a_cancelled_issue_can_still_read_it_in_the_browser() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let review = ada.get("/admin/next/send").await;
    send(&mut ada, &review).await;
    let page = "/admin/issues/1";
    assert!(ada.get(page).await.shows("View on the web"));
    let issue = house.first_issue().await.id;
    let arrived = ("r1@example.org", DeliveryState::Delivered, "250 ok");
    house.deliver(&issue, &[arrived]).await;
    for action in ["pause", "cancel"] {
        ada.fill_in(page, page, &[("action", action)]).await;
    }
    assert!(!ada.get(page).await.shows("View on the web"));
    let read = house.site.get("/issues/1").await;
    assert!(read.status == StatusCode::OK && read.shows("A loader in fonts"));
    assert_eq!(read.headers["x-robots-tag"], "noindex");
    let listed = house.site.get("/issues").await;
    assert!(!listed.shows("A loader in fonts") && listed.shows("No issues yet."));
}

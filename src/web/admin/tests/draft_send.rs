//! Test, review and send the draft, and the actions on its issue.

use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::issue::IssueState;
use crate::domain::missing_setting::MissingSetting;
use crate::mail::compose::FrozenMail;
use crate::web::admin::tests::draft_edits::publish;
use crate::web::admin::tests::*;

/// An app with two posts and two subscribers. Ada is logged in.
pub(crate) async fn ready(app: &AdminTestApp) -> AdminClient<'_> {
    app.feed().await;
    app.site.confirmed("r1@example.org").await;
    app.site.confirmed("r2@example.org").await;
    let mut ada = app.ada().await;
    let read = ada
        .submit_form("/admin/next", "/admin/next/collect", &[])
        .await;
    assert_eq!(read.to(), "/admin/next?done=feeds_read");
    ada
}

#[tokio::test]
async fn draft_can_be_previewed_tested_and_sent() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let next = ada.get("/admin/next").await;
    for words in [
        "A loader in fonts",
        "Spam in Q3",
        "2 subscribers",
        "in 4 days",
        ADA,
    ] {
        assert!(next.contains(words), "{words}");
    }
    assert!(next.contains(
        "allow-popups-to-escape-sandbox\" loading=\"lazy\" src=\"/admin/next/html?theme=light\""
    ));
    let html = ada.get("/admin/next/html").await;
    let policy = html.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("sandbox allow-popups "), "{policy}");
    assert!(html.contains("A loader in fonts") && html.contains("/unsubscribe/"));
    let dark = ada.get("/admin/next/html?theme=dark").await;
    assert!(dark.contains("@media (min-width:0)") && html.contains("@media (max-width:0)"));
    let text = ada.get("/admin/next?show=text").await;
    assert!(text.contains("2. A loader in fonts\nhttps://lab.example/1"));
    assert!(text.contains("value=\"text\" form=\"edit\" checked"));

    let bad = ada
        .submit_form("/admin/next", "/admin/next/test", &[("email", "\"><b>")])
        .await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.contains("aria-invalid") && !bad.contains("\"><b>"));
    assert!(app.site.deliveries().await.is_empty());
    let to = [("email", "eve@example.net, bob@example.net")];
    let answer = ada
        .submit_form("/admin/next", "/admin/next/test", &to)
        .await;
    assert_eq!(answer.to(), "/admin/next?done=test_queued");
    let rows = app.site.deliveries().await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.kind == DeliveryKind::Test));
    let mut addresses: Vec<_> = rows
        .iter()
        .filter_map(|row| row.address.as_deref())
        .collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["bob@example.net", "eve@example.net"]);
    let digests = &app.site.web.digests;
    let draft = digests.draft().await.unwrap();
    let test = digests.freeze_test(&draft).unwrap().to_json();
    assert!(test.contains("Subject: [Test] ") && test.contains("/issues/test"));
    assert!(!test.contains(&format!("/issues/{}", draft.number)));
    let issue = digests.freeze(&draft).to_json();
    assert!(!issue.contains("[Test]") && issue.contains(&format!("/issues/{}", draft.number)));
    assert_eq!(
        (rows[0].issue, rows[0].state),
        (None, DeliveryState::Queued)
    );

    let review = ada.get("/admin/next/send").await;
    assert!(
        review.contains("Send to 2 subscribers now")
            && review.contains("Lab &lt;news@example.com&gt;")
    );
    send(&mut ada, &review).await;
    let issue = app.first_issue().await;
    assert_eq!(issue.slot.unwrap().to_string(), "2026-W48");
    assert_eq!((issue.recipients, issue.state), (2, IssueState::Sending));
    let mail = app.store().issue_message(&issue.id).await.unwrap().unwrap();
    assert!(FrozenMail::from_json(&mail).is_ok());

    let page = ada.get("/admin/issues/1?done=sending_started").await;
    for words in [
        "The issue is being sent.",
        "0 of 2 sent",
        "r1@example.org",
        "r2@example.org",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let overview = ada.get("/admin").await;
    assert!(overview.contains("Sending now · No. 1") && overview.contains("Next issue · No. 2"));
    assert!(overview.contains("4 Dec"), "this week's slot has its issue");

    // A second click on the same button.
    let csrf = page.field("csrf").to_owned();
    let again = [
        ("reviewed", review.field("reviewed")),
        ("csrf", csrf.as_str()),
    ];
    let again = ada.send("/admin/next/send", &again, &[]).await;
    assert_eq!(again.to(), "/admin/issues/1?done=already_sent");
    assert_eq!(app.site.deliveries().await.len(), 4);
}

#[tokio::test]
async fn changed_draft_after_review_is_not_sent() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let review = ada.get("/admin/next/send").await;
    let more = FEED.replace(
        "</feed>",
        "<entry><title>Late</title><link href='https://lab.example/3'/></entry></feed>",
    );
    std::fs::write(app.dir.path().join("feed.xml"), more).unwrap();
    ada.submit_form("/admin/next", "/admin/next/collect", &[])
        .await;
    for reviewed in [review.field("reviewed"), "", "x"] {
        let fields = [("reviewed", reviewed)];
        let answer = ada
            .submit_form("/admin/next/send", "/admin/next/send", &fields)
            .await;
        assert_eq!(answer.to(), "/admin/next/send?done=draft_changed");
    }
    assert!(app.site.deliveries().await.is_empty());
    let page = ada.get("/admin/next/send?done=draft_changed").await;
    assert!(page.contains("The draft has changed since you reviewed it") && page.contains("Late"));
}

#[tokio::test]
async fn missing_settings_block_send_and_test() {
    let missing = [
        MissingSetting::PostalAddress,
        MissingSetting::LoopbackLinks {
            public_url: "http://127.0.0.1:8080".to_owned(),
            smtp_host: "smtp.example.com".to_owned(),
        },
    ];
    let app = AdminTestApp::with(|web| {
        web.missing_settings = missing.to_vec();
        web.outbox = None;
    })
    .await;
    let mut ada = ready(&app).await;
    let review = ada.get("/admin/next/send").await;
    let told = "Missing: a postal address; a public address (the current one only works on this \
        computer). <a href=\"/admin/settings/newsletter\">";
    assert!(review.contains(told) && !review.contains("name=\"reviewed\""));
    assert!(!review.contains("required before sending"));
    let csrf = review.field("csrf").to_owned();
    let answer = ada
        .send("/admin/next/send", &[("csrf", csrf.as_str())], &[])
        .await;
    assert_eq!(answer.to(), "/admin/next/send");
    let to = [("email", "eve@example.net, bob@example.net")];
    let test = ada
        .submit_form("/admin/next", "/admin/next/test", &to)
        .await;
    assert_eq!(test.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(test.contains(told) && !test.contains("aria-invalid"));
    let to = [("email", "eve")];
    let test = ada
        .submit_form("/admin/next", "/admin/next/test", &to)
        .await;
    assert!(!test.contains(told) && test.contains("aria-invalid"));
    assert!(app.site.deliveries().await.is_empty());
}

#[tokio::test]
async fn empty_draft_and_empty_list_are_not_sent() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    assert!(
        ada.get("/admin/next")
            .await
            .contains("No new posts this week")
    );
    assert_eq!(
        ada.get("/admin/next/send").await.to(),
        "/admin/next?done=no_subscribers"
    );
    app.site.confirmed("r1@example.org").await;
    assert_eq!(
        ada.get("/admin/next/send").await.to(),
        "/admin/next?done=too_few_posts"
    );
    let page = ada.get("/admin/next?done=too_few_posts").await;
    assert!(page.contains("There aren’t enough new posts for an issue"));
    let to = [("email", "eve@example.net, bob@example.net")];
    let test = ada
        .submit_form("/admin/next", "/admin/next/test", &to)
        .await;
    assert_eq!(test.to(), "/admin/next");
    assert!(app.site.deliveries().await.is_empty());
}

#[tokio::test]
async fn issue_actions_follow_state_machine() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let reviewed = ada
        .get("/admin/next/send")
        .await
        .field("reviewed")
        .to_owned();
    let fields = [("reviewed", reviewed.as_str())];
    ada.submit_form("/admin/next/send", "/admin/next/send", &fields)
        .await;
    let state = async || {
        let issue = app.first_issue().await;
        (
            issue.state,
            app.store()
                .verified_counts(&issue.id)
                .await
                .unwrap()
                .skipped,
        )
    };
    for (action, goes_to, becomes) in [
        ("resume", "/admin/issues/1", (IssueState::Sending, 0)),
        (
            "try_now",
            "/admin/issues/1?done=nothing_to_retry",
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
            .submit_form("/admin/issues/1", "/admin/issues/1", &fields)
            .await;
        assert_eq!((answer.to(), state().await), (goes_to, becomes), "{action}");
    }
    let fields = [("action", "burn")];
    let answer = ada
        .submit_form("/admin/issues/1", "/admin/issues/1", &fields)
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn issue_number_redirects_before_and_after_send() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let (page, review) = ("/admin/issues/1", "/admin/issues/1/send");
    assert_eq!(ada.get(page).await.to(), "/admin/next");
    assert_eq!(ada.get(review).await.to(), "/admin/next/send");
    publish(&app).await;
    assert_eq!(ada.get(page).await.status, StatusCode::OK);
    assert_eq!(ada.get(review).await.to(), page);
}

#[tokio::test]
async fn cancelled_issue_stays_readable_but_unlisted() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let review = ada.get("/admin/next/send").await;
    send(&mut ada, &review).await;
    let page = "/admin/issues/1";
    assert!(ada.get(page).await.contains("View on the web"));
    let issue = app.first_issue().await.id;
    let arrived = ("r1@example.org", DeliveryState::Delivered, "250 ok");
    app.deliver(&issue, &[arrived]).await;
    for action in ["pause", "cancel"] {
        ada.submit_form(page, page, &[("action", action)]).await;
    }
    assert!(!ada.get(page).await.contains("View on the web"));
    let read = app.site.get("/issues/1").await;
    assert!(read.status == StatusCode::OK && read.contains("A loader in fonts"));
    assert_eq!(read.headers["x-robots-tag"], "noindex");
    let listed = app.site.get("/issues").await;
    assert!(!listed.contains("A loader in fonts") && listed.contains("No issues yet."));
}

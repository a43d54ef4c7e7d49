//! Weeks without an issue, and issues that are left to the schedule.

use crate::digest::Published;
use crate::domain::issue::slot::Slot;
use crate::web::admin::tests::draft_edits::publish_feed;
use crate::web::admin::tests::draft_send::ready;
use crate::web::admin::tests::*;

async fn skip(ada: &mut AdminClient<'_>, slot: &str, action: &str) -> String {
    let fields = [("slot", slot), ("action", action)];
    let answer = ada
        .submit_form("/admin/next", "/admin/next/skip", &fields)
        .await;
    answer.to().to_owned()
}

#[tokio::test]
async fn skipped_week_makes_no_issue_until_undone() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let slot = Slot::parse("2026-W48").unwrap();
    let digests = &app.site.web.digests;
    assert!(ada.get("/admin").await.contains("Skip this week"));
    assert_eq!(
        skip(&mut ada, "2026-W48", "skip").await,
        "/admin/next?done=week_skipped"
    );
    let skipped = digests.publish(Some(slot)).await.unwrap();
    assert!(matches!(skipped, Published::Skipped), "{skipped:?}");
    let overview = ada.get("/admin").await;
    assert!(overview.contains("Skipped</span>") && overview.contains("4 Dec"));
    assert!(ada.get("/admin/issues").await.contains("Week 48 of 2026"));

    assert_eq!(
        skip(&mut ada, "2026-W48", "unskip").await,
        "/admin/next?done=week_unskipped"
    );
    let made = digests.publish(Some(slot)).await.unwrap();
    assert!(matches!(made, Published::Created { .. }), "{made:?}");
    for slot in ["2026-W48", "2026-W47", "2027-W01"] {
        assert_eq!(skip(&mut ada, slot, "skip").await, "/admin/next", "{slot}");
    }
}

#[tokio::test]
async fn skip_saves_typed_text() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let page = ada.get("/admin/next").await;
    let typed = [
        ("csrf", page.field("csrf")),
        ("version", page.field("version")),
        ("number", page.field("number")),
        ("slot", page.field("slot")),
        ("subject", "For the week after"),
        ("action", "skip"),
    ];
    let skipped = ada.send("/admin/next/skip", &typed, &[]).await;
    assert_eq!(skipped.to(), "/admin/next?done=week_skipped");
    let page = ada.get("/admin/next").await;
    assert!(page.contains("value=\"For the week after\"") && page.contains("Skipped</span>"));
}

#[tokio::test]
async fn manual_send_undoes_skip() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    skip(&mut ada, "2026-W48", "skip").await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.contains("This week is skipped"));
    send(&mut ada, &review).await;
    assert!(app.store().skipped_slots(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn schedule_undoes_skip_and_sends_nothing_now() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    skip(&mut ada, "2026-W48", "skip").await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.contains("Schedule for <time"));
    let fields = [("action", "schedule")];
    let left = ada
        .submit_form("/admin/next/send", "/admin/next/send", &fields)
        .await;
    assert_eq!(left.to(), "/admin/next?done=scheduled");
    assert!(app.site.deliveries().await.is_empty());
    assert!(app.store().skipped_slots(9).await.unwrap().is_empty());
    assert!(ada.get("/admin/next").await.contains("goes out <time"));
}

/// A feed with posts published after this week's issue was sent.
async fn more_news(app: &AdminTestApp, ada: &mut AdminClient<'_>) {
    publish_feed(
        app,
        ada,
        &FEED.replace(
            "</feed>",
            "<entry><title>Late</title><link href='https://lab.example/3'/></entry></feed>",
        ),
    )
    .await;
}

#[tokio::test]
async fn second_issue_of_week_can_only_be_scheduled() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.contains("Send to 2 subscribers now") && !review.contains("this week’s issue"));
    send(&mut ada, &review).await;
    assert_eq!(
        ada.get("/admin/next/send").await.to(),
        "/admin/next?done=too_few_posts"
    );
    more_news(&app, &mut ada).await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.contains("No. 1 is this week’s issue.") && review.contains("No. 2 · Review"));
    let arrived = |address| (address, DeliveryState::Delivered, "250 ok");
    let copies = ["r1@example.org", "r2@example.org"].map(arrived);
    let issue = app.first_issue().await.id;
    app.deliver(&issue, &copies).await;
    let review = ada.get("/admin/next/send").await;
    assert!(
        review.contains("No. 1 went out this week."),
        "{}",
        review.body
    );
    assert!(!review.contains("Send to 2 subscribers now") && review.contains("Fri 4 Dec 10:00"));
    for page in ["/admin", "/admin/next"] {
        let page = ada.get(page).await;
        assert!(page.contains("<span>Skip <time") && page.contains(">Fri 4 Dec</time>"));
        assert!(!page.contains("Skip this week") && page.contains("in 11 days"));
    }

    // An outdated page, or a button that the page does not contain.
    let fields = [("reviewed", review.field("reviewed"))];
    let path = "/admin/next/send";
    let forced = ada.submit_form(path, path, &fields).await;
    assert_eq!(forced.to(), "/admin/issues/1?done=already_sent");
    let fields = [("action", "schedule")];
    let scheduled = ada.submit_form(path, path, &fields).await;
    assert_eq!(scheduled.to(), "/admin/next?done=scheduled");
    assert_eq!(app.site.deliveries().await.len(), 2);
}

#[tokio::test]
async fn cancelled_issue_with_deliveries_uses_up_the_week() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let review = ada.get("/admin/next/send").await;
    send(&mut ada, &review).await;
    let issue = app.first_issue().await.id;
    let delivered = ("r1@example.org", DeliveryState::Delivered, "250 ok");
    app.deliver(&issue, &[delivered]).await;
    for action in ["pause", "cancel"] {
        let page = "/admin/issues/1";
        ada.submit_form(page, page, &[("action", action)]).await;
    }
    more_news(&app, &mut ada).await;
    let path = "/admin/next/send";
    let review = ada.get(path).await;
    assert!(review.contains("No. 1 was this week’s issue and was cancelled."));
    assert!(!review.contains("subscribers now") && review.contains("Schedule for <time"));
    let fields = [("reviewed", review.field("reviewed"))];
    let forced = ada.submit_form(path, path, &fields).await;
    assert_eq!(forced.to(), path);
    let slot = Slot::parse("2026-W49").unwrap();
    app.store().skip_slot(&slot, app.site.now()).await.unwrap();
    let review = ada.get(path).await;
    assert!(
        review.contains(
            "</time> is skipped, so nothing is sent automatically then. “Schedule” undoes"
        )
    );
}

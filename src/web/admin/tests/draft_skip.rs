//! Weeks without an issue, and issues that are left to the schedule.

use crate::digest::Published;
use crate::domain::issue::slot::Slot;
use crate::web::admin::tests::draft_edits::publish_feed;
use crate::web::admin::tests::draft_send::ready;
use crate::web::admin::tests::*;

async fn skip(ada: &mut Browser<'_>, slot: &str, action: &str) -> String {
    let fields = [("slot", slot), ("action", action)];
    let answer = ada
        .fill_in("/admin/next", "/admin/next/skip", &fields)
        .await;
    answer.to().to_owned()
}

#[tokio::test]
async fn a_skipped_week_makes_no_issue_until_it_is_taken_back() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let slot = Slot::parse("2026-W48").unwrap();
    let digests = &house.site.web.digests;
    assert!(ada.get("/admin").await.shows("Skip this week"));
    assert_eq!(
        skip(&mut ada, "2026-W48", "skip").await,
        "/admin/next?done=week_skipped"
    );
    let skipped = digests.publish(Some(slot)).await.unwrap();
    assert!(matches!(skipped, Published::Skipped), "{skipped:?}");
    let overview = ada.get("/admin").await;
    assert!(overview.shows("Skipped</span>") && overview.shows("4 Dec"));
    assert!(ada.get("/admin/issues").await.shows("Week 48 of 2026"));

    assert_eq!(
        skip(&mut ada, "2026-W48", "unskip").await,
        "/admin/next?done=week_kept"
    );
    let made = digests.publish(Some(slot)).await.unwrap();
    assert!(matches!(made, Published::Made { .. }), "{made:?}");
    for slot in ["2026-W48", "2026-W47", "2027-W01"] {
        assert_eq!(skip(&mut ada, slot, "skip").await, "/admin/next", "{slot}");
    }
}

#[tokio::test]
async fn to_skip_the_week_loses_no_words() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
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
    assert!(page.shows("value=\"For the week after\"") && page.shows("Skipped</span>"));
}

#[tokio::test]
async fn who_sends_by_hand_has_changed_their_mind() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    skip(&mut ada, "2026-W48", "skip").await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.shows("This week is skipped"));
    send(&mut ada, &review).await;
    assert!(house.store().skipped_slots(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_scheduled_issue_waits_for_its_time() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    skip(&mut ada, "2026-W48", "skip").await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.shows("Schedule for <time"));
    let fields = [("action", "schedule")];
    let left = ada
        .fill_in("/admin/next/send", "/admin/next/send", &fields)
        .await;
    assert_eq!(left.to(), "/admin/next?done=scheduled");
    assert!(house.site.deliveries().await.is_empty());
    assert!(house.store().skipped_slots(9).await.unwrap().is_empty());
    assert!(ada.get("/admin/next").await.shows("goes out <time"));
}

/// What came in after this week's issue was sent.
async fn more_news(house: &House, ada: &mut Browser<'_>) {
    publish_feed(
        house,
        ada,
        &FEED.replace(
            "</feed>",
            "<entry><title>Late</title><link href='https://lab.example/3'/></entry></feed>",
        ),
    )
    .await;
}

#[tokio::test]
async fn after_this_weeks_issue_the_next_is_reviewed_and_scheduled() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.shows("Send to 2 subscribers now") && !review.shows("this week’s issue"));
    send(&mut ada, &review).await;
    assert_eq!(
        ada.get("/admin/next/send").await.to(),
        "/admin/next?done=nothing_new"
    );
    more_news(&house, &mut ada).await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.shows("No. 1 is this week’s issue.") && review.shows("No. 2 · Review"));
    let arrived = |address| (address, DeliveryState::Delivered, "250 ok");
    let copies = ["r1@example.org", "r2@example.org"].map(arrived);
    let issue = house.first_issue().await.id;
    house.deliver(&issue, &copies).await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.shows("No. 1 went out this week."), "{}", review.body);
    assert!(!review.shows("Send to 2 subscribers now") && review.shows("Fri 4 Dec 10:00"));
    for page in ["/admin", "/admin/next"] {
        let page = ada.get(page).await;
        assert!(page.shows("<span>Skip <time") && page.shows(">Fri 4 Dec</time>"));
        assert!(!page.shows("Skip this week") && page.shows("in 11 days"));
    }

    // A page from before No. 1, or a button that the page does not have.
    let fields = [("reviewed", review.field("reviewed"))];
    let path = "/admin/next/send";
    let forced = ada.fill_in(path, path, &fields).await;
    assert_eq!(forced.to(), "/admin/issues/1?done=already_sent");
    let fields = [("action", "schedule")];
    let scheduled = ada.fill_in(path, path, &fields).await;
    assert_eq!(scheduled.to(), "/admin/next?done=scheduled");
    assert_eq!(house.site.deliveries().await.len(), 2);
}

#[tokio::test]
async fn a_cancelled_issue_was_not_sent() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let review = ada.get("/admin/next/send").await;
    send(&mut ada, &review).await;
    for action in ["pause", "cancel"] {
        let page = "/admin/issues/1";
        ada.fill_in(page, page, &[("action", action)]).await;
    }
    more_news(&house, &mut ada).await;
    let path = "/admin/next/send";
    let review = ada.get(path).await;
    assert!(review.shows("No. 1 was this week’s issue and was cancelled."));
    assert!(!review.shows("subscribers now") && review.shows("Schedule for <time"));
    let fields = [("reviewed", review.field("reviewed"))];
    let forced = ada.fill_in(path, path, &fields).await;
    assert_eq!(forced.to(), path);
    let slot = Slot::parse("2026-W49").unwrap();
    house
        .store()
        .skip_slot(&slot, house.site.now())
        .await
        .unwrap();
    let review = ada.get(path).await;
    assert!(
        review
            .shows("</time> is skipped, so nothing is sent automatically then. “Schedule” undoes")
    );
}

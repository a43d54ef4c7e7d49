//! The scheduler freezes the issue of each slot once, late if needed, and raises its alerts.

use std::time::Duration;

use broadsheet::domain::clock::{Clock, Timestamp};
use broadsheet::domain::delivery::DeliveryKind;
use broadsheet::domain::ids::WorkerId;
use broadsheet::domain::issue::slot::Slot;
use broadsheet::domain::issue::text::{Note, Subject};
use broadsheet::store::{DeliveryFilter, GroupCommit, IssueRow, SaveOutcome};

use crate::support::app::TestApp;
use crate::support::blog::{Blog, Item};

const HOUR: Duration = Duration::from_secs(3600);
/// Wednesday 18 November 2026, 12:00 in Berlin.
const WEDNESDAY: Timestamp = Timestamp::from_millis(1_794_999_600_000);
/// Time from [`WEDNESDAY`] to the slot, Friday 10:00.
const TO_SLOT: Duration = Duration::from_secs(46 * 3600);

/// Starts a newsletter with one subscriber, on Wednesday.
async fn newsletter(blog: &Blog) -> TestApp {
    let mut app = TestApp::spawn(blog, WEDNESDAY).await;
    app.add_subscriber("ada@example.org").await;
    app.run_scheduler_tick().await;
    assert!(
        app.issues().await.is_empty(),
        "an issue was frozen on Wednesday"
    );
    app
}

/// Starts a newsletter like [`newsletter`] that sends its alerts to an owner.
async fn newsletter_with_owner(blog: &Blog) -> TestApp {
    let mut app = newsletter(blog).await;
    app.set_alert_recipient("owner@example.net");
    app
}

fn slot_of(issue: &IssueRow) -> Option<String> {
    issue.slot.map(|slot| slot.to_string())
}

fn blog_with_one_post() -> Blog {
    Blog::start(vec![Item::new(
        "one",
        "Post one",
        WEDNESDAY.minus(24 * HOUR),
    )])
}

/// Returns the number of alert deliveries, and whether the alert for `event` was raised.
async fn alerts(app: &TestApp, event: &str) -> (usize, bool) {
    let filter = DeliveryFilter::default();
    let deliveries = app.app.store.deliveries(&filter, None, 100).await;
    let deliveries = deliveries.expect("a list of deliveries");
    let count = deliveries
        .iter()
        .filter(|delivery| delivery.kind == DeliveryKind::Alert)
        .count();
    let is_raised = app.app.store.alert_exists(event).await.expect("an alert");
    (count, is_raised)
}

#[tokio::test]
async fn slot_freezes_one_issue() {
    let blog = blog_with_one_post();
    let mut app = newsletter(&blog).await;

    app.advance_clock(TO_SLOT - Duration::from_secs(1));
    app.run_scheduler_tick().await;
    assert!(app.issues().await.is_empty());

    app.advance_clock(Duration::from_secs(1));
    app.run_scheduler_tick().await;
    app.run_scheduler_tick().await;
    app.restart();
    app.run_scheduler_tick().await;

    let issues = app.issues().await;
    assert_eq!(issues.len(), 1);
    assert_eq!(slot_of(&issues[0]).as_deref(), Some("2026-W47"));
    assert_eq!(issues[0].recipients, 1);
}

#[tokio::test]
async fn slot_missed_by_less_than_a_day_is_caught_up() {
    let blog = blog_with_one_post();
    let mut app = newsletter(&blog).await;

    app.advance_clock(TO_SLOT + 23 * HOUR);
    app.restart();
    app.run_scheduler_tick().await;

    assert_eq!(app.issues().await.len(), 1);
}

#[tokio::test]
async fn slot_missed_by_more_than_a_day_is_skipped() {
    let blog = blog_with_one_post();
    let mut app = newsletter(&blog).await;

    app.advance_clock(TO_SLOT + 25 * HOUR);
    app.restart();
    app.run_scheduler_tick().await;
    assert!(app.issues().await.is_empty());

    app.advance_clock((7 * 24 - 25) * HOUR);
    app.run_scheduler_tick().await;
    let issues = app.issues().await;
    assert_eq!(slot_of(&issues[0]).as_deref(), Some("2026-W48"));
}

#[tokio::test]
async fn new_installation_after_slot_freezes_no_issue() {
    let blog = blog_with_one_post();
    let mut app = TestApp::spawn(&blog, WEDNESDAY.plus(TO_SLOT + HOUR)).await;
    app.add_subscriber("ada@example.org").await;

    app.run_scheduler_tick().await;

    assert!(app.issues().await.is_empty());
}

#[tokio::test]
async fn slot_without_new_posts_is_not_retried() {
    let blog = blog_with_one_post();
    let mut app = newsletter(&blog).await;
    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;

    app.advance_clock(7 * 24 * HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(app.issues().await.len(), 1, "the only post was sent twice");

    // A post published after the slot belongs to the next one.
    let published = WEDNESDAY.plus(TO_SLOT + 7 * 24 * HOUR);
    blog.publish(Item::new("two", "Post two", published));
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(app.issues().await.len(), 1);

    app.advance_clock((7 * 24 - 1) * HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(app.issues().await.len(), 2);
}

#[tokio::test]
async fn skipped_slot_has_no_issue_and_next_slot_has() {
    let blog = blog_with_one_post();
    let mut app = newsletter(&blog).await;
    let store = app.app.store.clone();
    let slot = Slot::parse("2026-W47").expect("a week");
    store
        .skip_slot(&slot, WEDNESDAY)
        .await
        .expect("a skipped slot");

    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;
    // Unskipping a slot after its time does not send it late.
    store.unskip_slot(&slot).await.expect("an unskipped slot");
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;
    assert!(app.issues().await.is_empty());

    app.advance_clock((7 * 24 - 1) * HOUR);
    app.run_scheduler_tick().await;
    let issues = app.issues().await;
    assert_eq!(slot_of(&issues[0]).as_deref(), Some("2026-W48"));
}

#[tokio::test]
async fn slot_uses_draft_edits_and_later_posts() {
    let blog = blog_with_one_post();
    let mut app = newsletter(&blog).await;
    let store = app.app.store.clone();
    let mut edits = store.draft_edits().await.expect("edits");
    edits.subject = Subject::parse("Mine").ok();
    edits.note = Note::parse("Hello").ok();
    let saved = store.save_draft_edits(&edits).await.expect("saved edits");
    assert_eq!(saved, SaveOutcome::Saved);
    let stale = store.save_draft_edits(&edits).await.expect("a conflict");
    assert_eq!(stale, SaveOutcome::Conflict, "edits of an outdated version");

    app.advance_clock(TO_SLOT);
    blog.publish(Item::new("two", "Post two", WEDNESDAY.plus(HOUR)));
    app.run_scheduler_tick().await;

    let issue = app.issues().await.remove(0);
    assert_eq!(issue.subject, "Mine");
    let posts = store.issue_posts(&issue.id).await.expect("posts");
    assert_eq!(posts.len(), 2);
    let note = store.issue_note(&issue.id).await.expect("a note");
    assert_eq!(note.as_deref(), Some("Hello"));
    let next = store.draft_edits().await.expect("edits");
    assert!(next.subject.is_none() && next.version > edits.version);
}

#[tokio::test]
async fn unreachable_feed_at_slot_is_read_again() {
    let blog = Blog::start(Vec::new());
    let mut app = newsletter(&blog).await;
    blog.set_failure(Some(axum::http::StatusCode::BAD_GATEWAY));
    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;
    assert!(app.issues().await.is_empty());

    blog.publish(Item::new("one", "Post one", WEDNESDAY.plus(TO_SLOT)));
    blog.set_failure(None);
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;

    assert_eq!(app.issues().await.len(), 1);
}

#[tokio::test]
async fn draft_alert_is_raised_once_a_day_before_slot() {
    let blog = blog_with_one_post();
    let mut app = newsletter_with_owner(&blog).await;

    app.advance_clock(TO_SLOT - 25 * HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(alerts(&app, "draft 2026-W47").await, (0, false));

    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;
    app.run_scheduler_tick().await;
    app.restart();
    app.run_scheduler_tick().await;
    assert_eq!(alerts(&app, "draft 2026-W47").await, (1, true));
}

#[tokio::test]
async fn draft_alert_waits_for_first_post() {
    let blog = Blog::start(Vec::new());
    let mut app = newsletter_with_owner(&blog).await;
    app.advance_clock(TO_SLOT - 20 * HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(alerts(&app, "draft 2026-W47").await, (0, false));

    blog.publish(Item::new(
        "one",
        "Post one",
        WEDNESDAY.plus(TO_SLOT - 19 * HOUR),
    ));
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;

    assert_eq!(alerts(&app, "draft 2026-W47").await, (1, true));
}

#[tokio::test]
async fn missed_slot_raises_one_alert() {
    let blog = blog_with_one_post();
    let mut app = newsletter_with_owner(&blog).await;

    app.advance_clock(TO_SLOT + 25 * HOUR);
    app.run_scheduler_tick().await;
    app.run_scheduler_tick().await;

    assert_eq!(alerts(&app, "missed 2026-W47").await, (1, true));
}

#[tokio::test]
async fn unreachable_feed_at_slot_raises_one_alert() {
    let blog = Blog::start(Vec::new());
    let mut app = newsletter_with_owner(&blog).await;
    blog.set_failure(Some(axum::http::StatusCode::BAD_GATEWAY));

    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;

    assert_eq!(alerts(&app, "feeds 2026-W47").await, (1, true));
}

#[tokio::test]
async fn repeated_pause_raises_alert_for_each() {
    let blog = blog_with_one_post();
    let mut app = newsletter_with_owner(&blog).await;
    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;
    let issue = app.issues().await.remove(0).id;
    let before = alerts(&app, "").await.0;
    let store = app.app.store.clone();
    let worker = WorkerId::new(app.clock.now(), &app.app.random);

    for pause in 1..=2 {
        let commit = GroupCommit {
            pauses: vec![(issue, "535 5.7.8 bad credentials".to_owned())],
            ..GroupCommit::default()
        };
        let now = app.clock.now();
        let committed = store.record(&worker, &commit, now).await;
        committed.expect("a committed pause");
        app.run_scheduler_tick().await;
        app.run_scheduler_tick().await;

        let key = format!("paused {issue} {pause}");
        assert_eq!(alerts(&app, &key).await, (before + pause, true));
        let resumed = store.resume_issue(&issue, now).await;
        assert!(resumed.expect("issue to resume"));
    }
}

#[tokio::test]
async fn freeze_failure_raises_one_alert_and_is_retried() {
    let blog = blog_with_one_post();
    let mut app = newsletter_with_owner(&blog).await;
    let store = app.app.store.clone();
    let mut edits = store.draft_edits().await.expect("edits");
    edits.note = Note::parse(&"# a\n".repeat(1_200)).ok();
    assert!(edits.note.is_some());
    let saved = store.save_draft_edits(&edits).await.expect("saved edits");
    assert_eq!(saved, SaveOutcome::Saved);

    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;
    let requests = blog.request_count();
    for _ in 0..4 {
        app.advance_clock(Duration::from_secs(15));
        app.run_scheduler_tick().await;
    }
    assert_eq!(
        blog.request_count(),
        requests,
        "feeds were read again although they did not fail"
    );
    assert_eq!(alerts(&app, "not made 2026-W47").await, (1, true));

    let mut edits = store.draft_edits().await.expect("edits");
    edits.note = None;
    let saved = store.save_draft_edits(&edits).await.expect("saved edits");
    assert_eq!(saved, SaveOutcome::Saved);
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(app.issues().await.len(), 1);
}

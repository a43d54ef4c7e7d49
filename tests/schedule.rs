//! The week's issue comes when its time comes: once, late if need be, and never twice.

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
/// From then to Friday 10:00.
const TO_SLOT: Duration = Duration::from_secs(46 * 3600);

async fn newsletter(blog: &Blog) -> TestApp {
    let mut app = TestApp::spawn(blog, WEDNESDAY).await;
    app.add_subscriber("ada@example.org").await;
    app.run_scheduler_tick().await;
    assert!(
        app.issues().await.is_empty(),
        "nothing goes out on a Wednesday"
    );
    app
}

fn slot_of(issue: &IssueRow) -> Option<String> {
    issue.slot.map(|slot| slot.to_string())
}

fn blog() -> Blog {
    Blog::start(vec![Item::new(
        "one",
        "Post one",
        WEDNESDAY.minus(24 * HOUR),
    )])
}

#[tokio::test]
async fn at_its_slot_and_once() {
    let blog = blog();
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
async fn a_slot_slept_through_is_caught_up_within_a_day() {
    let blog = blog();
    let mut app = newsletter(&blog).await;
    app.advance_clock(TO_SLOT + 23 * HOUR);
    app.restart();
    app.run_scheduler_tick().await;
    assert_eq!(app.issues().await.len(), 1);
}

#[tokio::test]
async fn a_slot_missed_for_longer_is_skipped_and_the_next_one_is_kept() {
    let blog = blog();
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
async fn a_fresh_install_after_the_slot_does_not_mail_at_once() {
    let blog = blog();
    let mut app = TestApp::spawn(&blog, WEDNESDAY.plus(TO_SLOT + HOUR)).await;
    app.add_subscriber("ada@example.org").await;
    app.run_scheduler_tick().await;
    assert!(app.issues().await.is_empty());
}

#[tokio::test]
async fn nothing_new_makes_no_issue_and_is_not_asked_again() {
    let blog = blog();
    let mut app = newsletter(&blog).await;
    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;
    app.advance_clock(7 * 24 * HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(
        app.issues().await.len(),
        1,
        "the one post is in one issue only"
    );
    // What is published after the slot waits for the next one.
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
async fn a_week_that_the_editor_skips_has_no_issue_and_the_next_one_has() {
    let blog = blog();
    let mut app = newsletter(&blog).await;
    let store = app.app.store.clone();
    let slot = Slot::parse("2026-W47").expect("a week");
    store.skip_slot(&slot, WEDNESDAY).await.expect("skipped");
    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;
    // Its time is over: taken back now, it stays without an issue.
    store.unskip_slot(&slot).await.expect("taken back");
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;
    assert!(app.issues().await.is_empty());
    app.advance_clock((7 * 24 - 1) * HOUR);
    app.run_scheduler_tick().await;
    let issues = app.issues().await;
    assert_eq!(slot_of(&issues[0]).as_deref(), Some("2026-W48"));
}

#[tokio::test]
async fn what_the_editor_changed_goes_out_at_the_slot_with_what_came_since() {
    let blog = blog();
    let mut app = newsletter(&blog).await;
    let store = app.app.store.clone();
    let mut edits = store.draft_edits().await.expect("edits");
    edits.subject = Subject::parse("Mine").ok();
    edits.note = Note::parse("Hello").ok();
    let saved = store.save_draft_edits(&edits).await.expect("a database");
    assert_eq!(saved, SaveOutcome::Saved);
    let later = store.save_draft_edits(&edits).await.expect("a database");
    assert_eq!(later, SaveOutcome::Outrun, "made from an older version");
    app.advance_clock(TO_SLOT);
    blog.publish(Item::new("two", "Post two", WEDNESDAY.plus(HOUR)));
    app.run_scheduler_tick().await;
    let issue = app.issues().await.remove(0);
    assert_eq!(issue.subject, "Mine");
    let posts = store.posts_of(&issue.id).await.expect("posts");
    assert_eq!(posts.len(), 2);
    let note = store.issue_note(&issue.id).await.expect("a note");
    assert_eq!(note.as_deref(), Some("Hello"));
    let left = store.draft_edits().await.expect("edits");
    assert!(left.subject.is_none() && left.version > edits.version);
}

#[tokio::test]
async fn a_feed_that_is_down_at_its_slot_is_read_again() {
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

async fn owned(blog: &Blog) -> TestApp {
    let mut app = newsletter(blog).await;
    app.set_alert_recipient("owner@example.net");
    app
}

/// How many mails to the owner are there, and whether this one is among them.
async fn told(app: &TestApp, event: &str) -> (usize, bool) {
    let filter = DeliveryFilter::default();
    let mails = app.app.store.deliveries(&filter, None, 100).await;
    let mails = mails.expect("a list of mails");
    let alerts = mails.iter().filter(|mail| mail.kind == DeliveryKind::Alert);
    let is_told = app.app.store.alert_exists(event).await.expect("an answer");
    (alerts.count(), is_told)
}

#[tokio::test]
async fn the_owner_hears_of_the_draft_a_day_before_and_once() {
    let blog = blog();
    let mut app = owned(&blog).await;
    app.advance_clock(TO_SLOT - 25 * HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(told(&app, "draft 2026-W47").await, (0, false));
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;
    app.run_scheduler_tick().await;
    app.restart();
    app.run_scheduler_tick().await;
    assert_eq!(told(&app, "draft 2026-W47").await, (1, true));
}

#[tokio::test]
async fn a_draft_without_posts_is_told_of_when_it_has_some() {
    let blog = Blog::start(Vec::new());
    let mut app = owned(&blog).await;
    app.advance_clock(TO_SLOT - 20 * HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(told(&app, "draft 2026-W47").await, (0, false));
    blog.publish(Item::new(
        "one",
        "Post one",
        WEDNESDAY.plus(TO_SLOT - 19 * HOUR),
    ));
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(told(&app, "draft 2026-W47").await, (1, true));
}

#[tokio::test]
async fn the_owner_hears_of_a_missed_slot() {
    let blog = blog();
    let mut app = owned(&blog).await;
    app.advance_clock(TO_SLOT + 25 * HOUR);
    app.run_scheduler_tick().await;
    app.run_scheduler_tick().await;
    assert_eq!(told(&app, "missed 2026-W47").await, (1, true));
}

#[tokio::test]
async fn the_owner_hears_once_of_a_feed_that_is_down_at_its_slot() {
    let blog = Blog::start(Vec::new());
    let mut app = owned(&blog).await;
    blog.set_failure(Some(axum::http::StatusCode::BAD_GATEWAY));
    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(told(&app, "feeds 2026-W47").await, (1, true));
}

#[tokio::test]
async fn each_pause_is_told_of_however_soon_someone_went_on_after_the_last() {
    let blog = blog();
    let mut app = owned(&blog).await;
    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;
    let issue = app.issues().await.remove(0).id;
    let before = told(&app, "").await.0;
    let store = app.app.store.clone();
    let worker = WorkerId::new(app.clock.now(), &app.app.random);
    for pause in 1..=2 {
        let commit = GroupCommit {
            pauses: vec![(issue, "535 5.7.8 bad credentials".to_owned())],
            ..GroupCommit::default()
        };
        let now = app.clock.now();
        let recorded = store.record(&worker, &commit, now).await;
        recorded.expect("a pause");
        app.run_scheduler_tick().await;
        app.run_scheduler_tick().await;
        let key = format!("paused {issue} {pause}");
        assert_eq!(told(&app, &key).await, (before + pause, true));
        let resumed = store.resume_issue(&issue, now).await;
        assert!(resumed.expect("a resumption"));
    }
}

#[tokio::test]
async fn an_issue_that_cannot_be_made_is_told_of_once_and_tried_again_after_a_rest() {
    let blog = blog();
    let mut app = owned(&blog).await;
    let store = app.app.store.clone();
    let mut edits = store.draft_edits().await.expect("edits");
    edits.note = Note::parse(&"# a\n".repeat(1_200)).ok();
    assert!(edits.note.is_some());
    let saved = store.save_draft_edits(&edits).await.expect("a database");
    assert_eq!(saved, SaveOutcome::Saved);
    app.advance_clock(TO_SLOT);
    app.run_scheduler_tick().await;
    let read = blog.request_count();
    for _ in 0..4 {
        app.advance_clock(Duration::from_secs(15));
        app.run_scheduler_tick().await;
    }
    assert_eq!(
        blog.request_count(),
        read,
        "the feeds have nothing to do with it"
    );
    assert_eq!(told(&app, "not made 2026-W47").await, (1, true));
    let mut edits = store.draft_edits().await.expect("edits");
    edits.note = None;
    let saved = store.save_draft_edits(&edits).await.expect("a database");
    assert_eq!(saved, SaveOutcome::Saved);
    app.advance_clock(HOUR);
    app.run_scheduler_tick().await;
    assert_eq!(app.issues().await.len(), 1);
}

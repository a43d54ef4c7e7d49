//! Retries, expiry and suppression over hours and weeks, and under clock changes.

use broadsheet::domain::clock::Clock;
use broadsheet::domain::subscriber::SubscriberState::{Confirmed, Suppressed};

use crate::support::blog::Item;
use crate::support::weeks::{ADA, HOUR, WEEK, Weeks};

#[tokio::test]
async fn mailbox_full_for_three_issues_suppresses_subscriber() {
    let mut weeks = Weeks::begin(2).await;
    let full = "452 4.2.2 Over quota";
    for issue in 1..=2 {
        weeks.week(Some(full)).await;
        assert_eq!(weeks.copy(issue).await, ("deferred", full.to_owned()));
        assert_eq!(weeks.app.state_of(ADA).await, Confirmed);
        weeks.next_friday();
    }

    weeks.week(Some(full)).await;
    assert_eq!(weeks.copy(3).await, ("bounced", full.to_owned()));
    assert_eq!(weeks.app.state_of(ADA).await, Suppressed);

    weeks.next_friday();
    weeks.week(None).await;
    assert_eq!(weeks.app.issues().await[0].recipients, 1);
    assert!(!weeks.server.copies().contains_key(ADA));
}

#[tokio::test]
async fn plain_550_for_two_consecutive_issues_suppresses() {
    let mut weeks = Weeks::begin(1).await;
    for (reply, state) in [
        (Some("550 No"), Confirmed),
        (None, Confirmed),
        // The delivery in between resets the count.
        (Some("550 No"), Confirmed),
        (Some("550 No"), Suppressed),
    ] {
        weeks.week(reply).await;
        assert_eq!(weeks.app.state_of(ADA).await, state, "{reply:?}");
        weeks.next_friday();
    }

    let deliveries = [1, 2, 3, 4].map(|issue| weeks.copy(issue));
    let states = futures_util::future::join_all(deliveries).await;
    let states: Vec<_> = states.iter().map(|(state, _)| *state).collect();
    assert_eq!(states, ["bounced", "delivered", "bounced", "bounced"]);
}

#[tokio::test]
async fn deferred_delivery_expires_with_next_weekly_issue() {
    let mut weeks = Weeks::begin(2).await;
    let greylisted = "451 4.7.1 Greylisted";
    weeks.week(Some(greylisted)).await;
    // An extra issue does not supersede the weekly one.
    weeks
        .blog
        .publish(Item::new("extra", "Extra", weeks.app.clock.now()));
    let digests = weeks.app.app.digests().expect("digests");
    digests.collect().await.expect("feeds to be read");
    digests.publish(None).await.expect("an extra issue");
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await.0, "deferred");
    assert_eq!(weeks.copy(2).await.0, "deferred");

    weeks.next_friday();
    weeks.week(None).await;
    assert_eq!(weeks.copy(1).await, ("bounced", greylisted.to_owned()));
    assert_eq!(weeks.copy(2).await, ("bounced", greylisted.to_owned()));
    assert_eq!(weeks.copy(3).await.0, "delivered");
    let issues = weeks.app.issues().await;
    assert!(
        issues.iter().all(|issue| issue.finished_at.is_some()),
        "{issues:?}"
    );

    // A superseded issue that is requeued manually is attempted once, without retries.
    weeks.server_says(Some(greylisted));
    let first = &issues[2];
    let now = weeks.app.clock.now();
    let requeued = weeks.app.app.store.requeue_failed(&first.id, now).await;
    assert_eq!(requeued.expect("a requeued delivery"), 1);
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await, ("bounced", greylisted.to_owned()));
}

#[tokio::test]
async fn deferred_for_two_days_bounces_without_suppression() {
    let mut weeks = Weeks::begin(1).await;
    let greylisted = "451 4.7.1 Greylisted";
    weeks.week(Some(greylisted)).await;

    for hours in [1, 2, 4, 8, 16, 16] {
        assert_eq!(weeks.copy(1).await.0, "deferred", "{hours}");
        weeks.app.later(HOUR * hours);
        weeks.app.delivers().await;
    }

    assert_eq!(weeks.copy(1).await, ("bounced", greylisted.to_owned()));
    assert_eq!(
        weeks.app.state_of(ADA).await,
        Confirmed,
        "a transient reply must not suppress the address"
    );
}

#[tokio::test]
async fn clock_jumps_lose_and_duplicate_no_delivery() {
    let mut weeks = Weeks::begin(40).await;
    weeks.issue().await;
    let frozen = weeks.app.clock.now();
    // The clock is set back by two hours before the first delivery is sent.
    weeks.app.clock.set(frozen.minus(2 * HOUR));
    weeks.app.delivers().await;
    assert_eq!(weeks.server.received().len(), 40);

    // The clock jumps by days, forward and back, while an issue is being sent.
    weeks.app.clock.set(frozen.plus(WEEK - HOUR));
    weeks.issue().await;
    let now = weeks.app.clock.now();
    let jumps = async {
        for messages in [45, 55, 65] {
            weeks.server.wait_for(messages).await;
            let days = if messages == 55 { 0 } else { 3 };
            weeks.app.clock.set(now.plus(HOUR * 24 * days));
        }
    };
    tokio::join!(weeks.app.delivers(), jumps);
    assert_eq!(weeks.server.received().len(), 80);
    assert!(
        weeks
            .server
            .copies()
            .values()
            .all(|&messages| messages == 2)
    );
}

#[tokio::test]
async fn time_while_paused_does_not_expire_delivery() {
    let mut weeks = Weeks::begin(2).await;
    let greylisted = "451 4.7.1 Greylisted";
    weeks.week(Some(greylisted)).await;
    for _ in 0..3 {
        weeks.app.later(HOUR);
        weeks.app.delivers().await;
    }

    let store = weeks.app.app.store.clone();
    let issue = weeks.newest_issue().await;
    let paused = store.pause_issue(&issue, "ada@blog.test").await;
    assert!(paused.expect("issue to pause"));
    weeks.app.later(3 * 24 * HOUR);
    let now = weeks.app.clock.now();
    let resumed = store.resume_issue(&issue, now).await;
    assert!(resumed.expect("issue to resume"));
    weeks.app.delivers().await;

    assert_eq!(weeks.copy(1).await, ("deferred", greylisted.to_owned()));
}

#[tokio::test]
async fn requeued_issue_goes_to_changed_address() {
    let mut weeks = Weeks::begin(2).await;
    weeks.week(Some("554 5.7.1 Not from you")).await;
    assert_eq!(weeks.copy(1).await.0, "bounced");

    weeks.ada_moves_to("ada@example.net").await;
    assert_eq!(weeks.is_sent_again().await, 1);
    weeks.app.delivers().await;

    assert_eq!(weeks.server.copies().get("ada@example.net"), Some(&1));
}

#[tokio::test]
async fn late_first_attempt_is_still_retried() {
    let mut weeks = Weeks::begin(2).await;
    weeks.issue().await;
    // No worker ran for three days.
    weeks.app.later(72 * HOUR);
    weeks.server_says(Some("451 4.7.1 Greylisted"));
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await.0, "deferred");

    weeks.server_says(None);
    weeks.app.later(HOUR);
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await.0, "delivered");
}

#[tokio::test]
async fn due_time_from_clock_weeks_ahead_is_capped() {
    let mut weeks = Weeks::begin(2).await;
    weeks.issue().await;
    let correct_time = weeks.app.clock.now();
    weeks.app.later(5 * WEEK);
    weeks.server_says(Some("451 4.7.1 Greylisted"));
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await.0, "deferred");

    weeks.server_says(None);
    weeks.app.clock.set(correct_time);
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await.0, "delivered");
}

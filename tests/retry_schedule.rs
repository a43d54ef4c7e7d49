//! Retries, expiry and suppression over hours and weeks, and under clock changes.

use broadsheet::domain::clock::Clock;
use broadsheet::domain::subscriber::SubscriberState::{Confirmed, Suppressed};

use crate::support::blog::Item;
use crate::support::weekly_scenario::{ADA, HOUR, WEEK, WeeklyScenario};

#[tokio::test]
async fn mailbox_full_for_three_issues_suppresses_subscriber() {
    let mut scenario = WeeklyScenario::start(2).await;
    let full = "452 4.2.2 Over quota";
    for issue in 1..=2 {
        scenario.send_weekly_issue(Some(full)).await;
        assert_eq!(
            scenario.ada_delivery(issue).await,
            ("deferred", full.to_owned())
        );
        assert_eq!(scenario.app.subscriber_state(ADA).await, Confirmed);
        scenario.advance_to_next_friday();
    }

    scenario.send_weekly_issue(Some(full)).await;
    assert_eq!(scenario.ada_delivery(3).await, ("bounced", full.to_owned()));
    assert_eq!(scenario.app.subscriber_state(ADA).await, Suppressed);

    scenario.advance_to_next_friday();
    scenario.send_weekly_issue(None).await;
    assert_eq!(scenario.app.issues().await[0].recipients, 1);
    assert!(!scenario.server.messages_per_recipient().contains_key(ADA));
}

#[tokio::test]
async fn plain_550_for_two_consecutive_issues_suppresses() {
    let mut scenario = WeeklyScenario::start(1).await;
    for (reply, state) in [
        (Some("550 No"), Confirmed),
        (None, Confirmed),
        // The delivery in between resets the count.
        (Some("550 No"), Confirmed),
        (Some("550 No"), Suppressed),
    ] {
        scenario.send_weekly_issue(reply).await;
        assert_eq!(scenario.app.subscriber_state(ADA).await, state, "{reply:?}");
        scenario.advance_to_next_friday();
    }

    let deliveries = [1, 2, 3, 4].map(|issue| scenario.ada_delivery(issue));
    let states = futures_util::future::join_all(deliveries).await;
    let states: Vec<_> = states.iter().map(|(state, _)| *state).collect();
    assert_eq!(states, ["bounced", "delivered", "bounced", "bounced"]);
}

#[tokio::test]
async fn deferred_delivery_expires_with_next_weekly_issue() {
    let mut scenario = WeeklyScenario::start(2).await;
    let greylisted = "451 4.7.1 Greylisted";
    scenario.send_weekly_issue(Some(greylisted)).await;
    // An extra issue does not supersede the weekly one.
    scenario
        .blog
        .publish(Item::new("extra", "Extra", scenario.app.clock.now()));
    let digests = scenario.app.app.digests().expect("digests");
    digests.collect().await.expect("feeds to be read");
    digests.publish(None).await.expect("an extra issue");
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.ada_delivery(1).await.0, "deferred");
    assert_eq!(scenario.ada_delivery(2).await.0, "deferred");

    scenario.advance_to_next_friday();
    scenario.send_weekly_issue(None).await;
    assert_eq!(
        scenario.ada_delivery(1).await,
        ("bounced", greylisted.to_owned())
    );
    assert_eq!(
        scenario.ada_delivery(2).await,
        ("bounced", greylisted.to_owned())
    );
    assert_eq!(scenario.ada_delivery(3).await.0, "delivered");
    let issues = scenario.app.issues().await;
    assert!(
        issues.iter().all(|issue| issue.finished_at.is_some()),
        "{issues:?}"
    );

    // A superseded issue that is requeued manually is attempted once, without retries.
    scenario.set_reply_to_ada(Some(greylisted));
    let first = &issues[2];
    let now = scenario.app.clock.now();
    let requeued = scenario.app.app.store.requeue_failed(&first.id, now).await;
    assert_eq!(requeued.expect("a requeued delivery"), 1);
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(
        scenario.ada_delivery(1).await,
        ("bounced", greylisted.to_owned())
    );
}

#[tokio::test]
async fn deferred_for_two_days_bounces_without_suppression() {
    let mut scenario = WeeklyScenario::start(1).await;
    let greylisted = "451 4.7.1 Greylisted";
    scenario.send_weekly_issue(Some(greylisted)).await;

    for hours in [1, 2, 4, 8, 16, 16] {
        assert_eq!(scenario.ada_delivery(1).await.0, "deferred", "{hours}");
        scenario.app.advance_clock(HOUR * hours);
        scenario.app.run_delivery_until_idle().await;
    }

    assert_eq!(
        scenario.ada_delivery(1).await,
        ("bounced", greylisted.to_owned())
    );
    assert_eq!(
        scenario.app.subscriber_state(ADA).await,
        Confirmed,
        "a transient reply must not suppress the address"
    );
}

#[tokio::test]
async fn clock_jumps_lose_and_duplicate_no_delivery() {
    let mut scenario = WeeklyScenario::start(40).await;
    scenario.freeze_weekly_issue().await;
    let frozen = scenario.app.clock.now();
    // The clock is set back by two hours before the first delivery is sent.
    scenario.app.clock.set(frozen.minus(2 * HOUR));
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.server.received().len(), 40);

    // The clock jumps by days, forward and back, while an issue is being sent.
    scenario.app.clock.set(frozen.plus(WEEK - HOUR));
    scenario.freeze_weekly_issue().await;
    let now = scenario.app.clock.now();
    let jumps = async {
        for messages in [45, 55, 65] {
            scenario.server.wait_for_messages(messages).await;
            let days = if messages == 55 { 0 } else { 3 };
            scenario.app.clock.set(now.plus(HOUR * 24 * days));
        }
    };
    tokio::join!(scenario.app.run_delivery_until_idle(), jumps);
    assert_eq!(scenario.server.received().len(), 80);
    assert!(
        scenario
            .server
            .messages_per_recipient()
            .values()
            .all(|&messages| messages == 2)
    );
}

#[tokio::test]
async fn time_while_paused_does_not_expire_delivery() {
    let mut scenario = WeeklyScenario::start(2).await;
    let greylisted = "451 4.7.1 Greylisted";
    scenario.send_weekly_issue(Some(greylisted)).await;
    for _ in 0..3 {
        scenario.app.advance_clock(HOUR);
        scenario.app.run_delivery_until_idle().await;
    }

    let store = scenario.app.app.store.clone();
    let issue = scenario.newest_issue().await;
    let paused = store.pause_issue(&issue, "ada@blog.test").await;
    assert!(paused.expect("issue to pause"));
    scenario.app.advance_clock(3 * 24 * HOUR);
    let now = scenario.app.clock.now();
    let resumed = store.resume_issue(&issue, now).await;
    assert!(resumed.expect("issue to resume"));
    scenario.app.run_delivery_until_idle().await;

    assert_eq!(
        scenario.ada_delivery(1).await,
        ("deferred", greylisted.to_owned())
    );
}

#[tokio::test]
async fn requeued_issue_goes_to_changed_address() {
    let mut scenario = WeeklyScenario::start(2).await;
    scenario
        .send_weekly_issue(Some("554 5.7.1 Not from you"))
        .await;
    assert_eq!(scenario.ada_delivery(1).await.0, "bounced");

    scenario.change_ada_address("ada@example.net").await;
    assert_eq!(scenario.requeue_failed().await, 1);
    scenario.app.run_delivery_until_idle().await;

    assert_eq!(
        scenario
            .server
            .messages_per_recipient()
            .get("ada@example.net"),
        Some(&1)
    );
}

#[tokio::test]
async fn late_first_attempt_is_still_retried() {
    let mut scenario = WeeklyScenario::start(2).await;
    scenario.freeze_weekly_issue().await;
    // No worker ran for three days.
    scenario.app.advance_clock(72 * HOUR);
    scenario.set_reply_to_ada(Some("451 4.7.1 Greylisted"));
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.ada_delivery(1).await.0, "deferred");

    scenario.set_reply_to_ada(None);
    scenario.app.advance_clock(HOUR);
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.ada_delivery(1).await.0, "delivered");
}

#[tokio::test]
async fn due_time_from_clock_weeks_ahead_is_capped() {
    let mut scenario = WeeklyScenario::start(2).await;
    scenario.freeze_weekly_issue().await;
    let correct_time = scenario.app.clock.now();
    scenario.app.advance_clock(5 * WEEK);
    scenario.set_reply_to_ada(Some("451 4.7.1 Greylisted"));
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.ada_delivery(1).await.0, "deferred");

    scenario.set_reply_to_ada(None);
    scenario.app.clock.set(correct_time);
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.ada_delivery(1).await.0, "delivered");
}

//! What becomes of copies and readers as the hours and weeks go by, and when clocks jump.

use broadsheet::domain::clock::Clock;
use broadsheet::domain::subscriber::SubscriberState::{Confirmed, Suppressed};

use crate::support::blog::Item;
use crate::support::weekly_scenario::{ADA, HOUR, WEEK, WeeklyScenario};

#[tokio::test]
async fn a_mailbox_that_stays_full_for_three_issues_is_not_written_to_again() {
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
async fn a_bare_refusal_counts_when_the_next_issue_is_refused_as_well() {
    let mut scenario = WeeklyScenario::start(1).await;
    for (says, state) in [
        (Some("550 No"), Confirmed),
        (None, Confirmed),
        // The copy between has arrived: the count begins anew.
        (Some("550 No"), Confirmed),
        (Some("550 No"), Suppressed),
    ] {
        scenario.send_weekly_issue(says).await;
        assert_eq!(scenario.app.subscriber_state(ADA).await, state, "{says:?}");
        scenario.advance_to_next_friday();
    }
    let copies = [1, 2, 3, 4].map(|issue| scenario.ada_delivery(issue));
    let states = futures_util::future::join_all(copies).await;
    let states: Vec<_> = states.iter().map(|(state, _)| *state).collect();
    assert_eq!(states, ["bounced", "delivered", "bounced", "bounced"]);
}

#[tokio::test]
async fn nobody_gets_an_old_issue_after_the_next_one() {
    let mut scenario = WeeklyScenario::start(2).await;
    let later = "451 4.7.1 Greylisted";
    scenario.send_weekly_issue(Some(later)).await;
    // An extra issue is beside the week's: both are still wanted.
    scenario
        .blog
        .publish(Item::new("extra", "Extra", scenario.app.clock.now()));
    let digests = scenario.app.app.digests().expect("digests");
    digests.collect().await.expect("feeds to read");
    digests.publish(None).await.expect("an extra issue");
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.ada_delivery(1).await.0, "deferred");
    assert_eq!(scenario.ada_delivery(2).await.0, "deferred");

    scenario.advance_to_next_friday();
    scenario.send_weekly_issue(None).await;
    assert_eq!(
        scenario.ada_delivery(1).await,
        ("bounced", later.to_owned())
    );
    assert_eq!(
        scenario.ada_delivery(2).await,
        ("bounced", later.to_owned())
    );
    assert_eq!(scenario.ada_delivery(3).await.0, "delivered");
    let all_sent = scenario.app.issues().await;
    assert!(
        all_sent.iter().all(|issue| issue.finished_at.is_some()),
        "{all_sent:?}"
    );

    // Asked for by hand, an old one is tried once, and not again and again.
    scenario.set_reply_to_ada(Some(later));
    let first = &all_sent[2];
    let now = scenario.app.clock.now();
    let again = scenario.app.app.store.requeue_failed(&first.id, now).await;
    assert_eq!(again.expect("a database that answers"), 1);
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(
        scenario.ada_delivery(1).await,
        ("bounced", later.to_owned())
    );
}

#[tokio::test]
async fn what_is_refused_for_two_days_is_given_up() {
    let mut scenario = WeeklyScenario::start(1).await;
    let later = "451 4.7.1 Greylisted";
    scenario.send_weekly_issue(Some(later)).await;
    for hours in [1, 2, 4, 8, 16, 16] {
        assert_eq!(scenario.ada_delivery(1).await.0, "deferred", "{hours}");
        scenario.app.advance_clock(HOUR * hours);
        scenario.app.run_delivery_until_idle().await;
    }
    assert_eq!(
        scenario.ada_delivery(1).await,
        ("bounced", later.to_owned())
    );
    assert_eq!(
        scenario.app.subscriber_state(ADA).await,
        Confirmed,
        "that is no dead address"
    );
}

#[tokio::test]
async fn clocks_that_jump_lose_nobody_and_send_nothing_twice() {
    let mut scenario = WeeklyScenario::start(40).await;
    scenario.freeze_weekly_issue().await;
    let frozen = scenario.app.clock.now();
    // Set right by two hours before the first mail went out.
    scenario.app.clock.set(frozen.minus(2 * HOUR));
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.server.received().len(), 40);

    // And by days, to and fro, while an issue is on its way.
    scenario.app.clock.set(frozen.plus(WEEK - HOUR));
    scenario.freeze_weekly_issue().await;
    let now = scenario.app.clock.now();
    let jumps = async {
        for mails in [45, 55, 65] {
            scenario.server.wait_for_messages(mails).await;
            let days = if mails == 55 { 0 } else { 3 };
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
            .all(|&copies| copies == 2)
    );
}

#[tokio::test]
async fn the_time_of_a_pause_is_not_held_against_a_copy() {
    let mut scenario = WeeklyScenario::start(2).await;
    let later = "451 4.7.1 Greylisted";
    scenario.send_weekly_issue(Some(later)).await;
    for _ in 0..3 {
        scenario.app.advance_clock(HOUR);
        scenario.app.run_delivery_until_idle().await;
    }
    let store = scenario.app.app.store.clone();
    let issue = scenario.newest_issue().await;
    let paused = store.pause_issue_by(&issue, "ada@blog.test").await;
    assert!(paused.expect("an answer"));
    scenario.app.advance_clock(3 * 24 * HOUR);
    let now = scenario.app.clock.now();
    assert!(store.resume_issue(&issue, now).await.expect("an answer"));
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(
        scenario.ada_delivery(1).await,
        ("deferred", later.to_owned())
    );
}

#[tokio::test]
async fn an_issue_sent_again_goes_to_where_the_reader_is_now() {
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
async fn who_is_reached_late_for_the_first_time_is_tried_again_all_the_same() {
    let mut scenario = WeeklyScenario::start(2).await;
    scenario.freeze_weekly_issue().await;
    // The machine was off for three days.
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
async fn who_was_put_off_by_a_clock_that_was_weeks_ahead_does_not_wait_for_weeks() {
    let mut scenario = WeeklyScenario::start(2).await;
    scenario.freeze_weekly_issue().await;
    let right = scenario.app.clock.now();
    scenario.app.advance_clock(5 * WEEK);
    scenario.set_reply_to_ada(Some("451 4.7.1 Greylisted"));
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.ada_delivery(1).await.0, "deferred");
    scenario.set_reply_to_ada(None);
    scenario.app.clock.set(right);
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.ada_delivery(1).await.0, "delivered");
}

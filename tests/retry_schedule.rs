//! What becomes of copies and readers as the hours and weeks go by, and when clocks jump.

use broadsheet::domain::clock::Clock;
use broadsheet::domain::subscriber::SubscriberState::{Confirmed, Suppressed};

use crate::support::blog::Item;
use crate::support::weeks::{ADA, HOUR, WEEK, Weeks};

#[tokio::test]
async fn a_mailbox_that_stays_full_for_three_issues_is_not_written_to_again() {
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
async fn a_bare_refusal_counts_when_the_next_issue_is_refused_as_well() {
    let mut weeks = Weeks::begin(1).await;
    for (says, state) in [
        (Some("550 No"), Confirmed),
        (None, Confirmed),
        // The copy between has arrived: the count begins anew.
        (Some("550 No"), Confirmed),
        (Some("550 No"), Suppressed),
    ] {
        weeks.week(says).await;
        assert_eq!(weeks.app.state_of(ADA).await, state, "{says:?}");
        weeks.next_friday();
    }
    let copies = [1, 2, 3, 4].map(|issue| weeks.copy(issue));
    let states = futures_util::future::join_all(copies).await;
    let states: Vec<_> = states.iter().map(|(state, _)| *state).collect();
    assert_eq!(states, ["bounced", "delivered", "bounced", "bounced"]);
}

#[tokio::test]
async fn nobody_gets_an_old_issue_after_the_next_one() {
    let mut weeks = Weeks::begin(2).await;
    let later = "451 4.7.1 Greylisted";
    weeks.week(Some(later)).await;
    // An extra issue is beside the week's: both are still wanted.
    weeks
        .blog
        .publish(Item::new("extra", "Extra", weeks.app.clock.now()));
    let digests = weeks.app.app.digests().expect("digests");
    digests.collect().await.expect("feeds to read");
    digests.publish(None).await.expect("an extra issue");
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await.0, "deferred");
    assert_eq!(weeks.copy(2).await.0, "deferred");

    weeks.next_friday();
    weeks.week(None).await;
    assert_eq!(weeks.copy(1).await, ("bounced", later.to_owned()));
    assert_eq!(weeks.copy(2).await, ("bounced", later.to_owned()));
    assert_eq!(weeks.copy(3).await.0, "delivered");
    let all_sent = weeks.app.issues().await;
    assert!(
        all_sent.iter().all(|issue| issue.finished_at.is_some()),
        "{all_sent:?}"
    );

    // Asked for by hand, an old one is tried once, and not again and again.
    weeks.server_says(Some(later));
    let first = &all_sent[2];
    let now = weeks.app.clock.now();
    let again = weeks.app.app.store.requeue_failed(&first.id, now).await;
    assert_eq!(again.expect("a database that answers"), 1);
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await, ("bounced", later.to_owned()));
}

#[tokio::test]
async fn what_is_refused_for_two_days_is_given_up() {
    let mut weeks = Weeks::begin(1).await;
    let later = "451 4.7.1 Greylisted";
    weeks.week(Some(later)).await;
    for hours in [1, 2, 4, 8, 16, 16] {
        assert_eq!(weeks.copy(1).await.0, "deferred", "{hours}");
        weeks.app.later(HOUR * hours);
        weeks.app.delivers().await;
    }
    assert_eq!(weeks.copy(1).await, ("bounced", later.to_owned()));
    assert_eq!(
        weeks.app.state_of(ADA).await,
        Confirmed,
        "that is no dead address"
    );
}

#[tokio::test]
async fn clocks_that_jump_lose_nobody_and_send_nothing_twice() {
    let mut weeks = Weeks::begin(40).await;
    weeks.issue().await;
    let frozen = weeks.app.clock.now();
    // Set right by two hours before the first mail went out.
    weeks.app.clock.set(frozen.minus(2 * HOUR));
    weeks.app.delivers().await;
    assert_eq!(weeks.server.received().len(), 40);

    // And by days, to and fro, while an issue is on its way.
    weeks.app.clock.set(frozen.plus(WEEK - HOUR));
    weeks.issue().await;
    let now = weeks.app.clock.now();
    let jumps = async {
        for mails in [45, 55, 65] {
            weeks.server.wait_for(mails).await;
            let days = if mails == 55 { 0 } else { 3 };
            weeks.app.clock.set(now.plus(HOUR * 24 * days));
        }
    };
    tokio::join!(weeks.app.delivers(), jumps);
    assert_eq!(weeks.server.received().len(), 80);
    assert!(weeks.server.copies().values().all(|&copies| copies == 2));
}

#[tokio::test]
async fn the_time_of_a_pause_is_not_held_against_a_copy() {
    let mut weeks = Weeks::begin(2).await;
    let later = "451 4.7.1 Greylisted";
    weeks.week(Some(later)).await;
    for _ in 0..3 {
        weeks.app.later(HOUR);
        weeks.app.delivers().await;
    }
    let store = weeks.app.app.store.clone();
    let issue = weeks.newest_issue().await;
    let paused = store.pause_issue(&issue, "ada@blog.test").await;
    assert!(paused.expect("an answer"));
    weeks.app.later(3 * 24 * HOUR);
    let now = weeks.app.clock.now();
    assert!(store.resume_issue(&issue, now).await.expect("an answer"));
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await, ("deferred", later.to_owned()));
}

#[tokio::test]
async fn an_issue_sent_again_goes_to_where_the_reader_is_now() {
    let mut weeks = Weeks::begin(2).await;
    weeks.week(Some("554 5.7.1 Not from you")).await;
    assert_eq!(weeks.copy(1).await.0, "bounced");
    weeks.ada_moves_to("ada@example.net").await;
    assert_eq!(weeks.is_sent_again().await, 1);
    weeks.app.delivers().await;
    assert_eq!(weeks.server.copies().get("ada@example.net"), Some(&1));
}

#[tokio::test]
async fn who_is_reached_late_for_the_first_time_is_tried_again_all_the_same() {
    let mut weeks = Weeks::begin(2).await;
    weeks.issue().await;
    // The machine was off for three days.
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
async fn who_was_put_off_by_a_clock_that_was_weeks_ahead_does_not_wait_for_weeks() {
    let mut weeks = Weeks::begin(2).await;
    weeks.issue().await;
    let right = weeks.app.clock.now();
    weeks.app.later(5 * WEEK);
    weeks.server_says(Some("451 4.7.1 Greylisted"));
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await.0, "deferred");
    weeks.server_says(None);
    weeks.app.clock.set(right);
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await.0, "delivered");
}

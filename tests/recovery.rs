//! What should not happen and does: a process that left something behind, a row that is
//! damaged, readers who come, go and move at the wrong moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broadsheet::domain::clock::Clock;
use broadsheet::domain::issue::IssueState;

use crate::support::newsletter::with_timeout;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};
use crate::support::weekly_scenario::{ADA, WeeklyScenario};

/// A process that nobody knows any more.
const GHOST: &str = "01900000-0000-7000-8000-000000000000";

/// What the ghost did to the copies of this address.
fn held_by_a_ghost(state: &str, address: &str) -> String {
    format!(
        "UPDATE deliveries SET state = '{state}', due_at = 0, lease = '{GHOST}' WHERE address = '{address}' AND kind = 'issue'"
    )
}

#[tokio::test]
async fn what_a_process_held_that_nobody_knows_is_taken_up() {
    let mut scenario = WeeklyScenario::start(3).await;
    scenario.freeze_weekly_issue().await;
    for (state, address) in [("leased", ADA), ("sending", "reader1@example.org")] {
        scenario
            .app
            .execute_sql(&held_by_a_ghost(state, address))
            .await;
    }
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.server.messages_per_recipient().len(), 3);
    assert_eq!(scenario.app.issues().await[0].state, IssueState::Sent);
}

#[tokio::test]
async fn a_copy_that_is_damaged_stands_in_nobodys_way() {
    let mut scenario = WeeklyScenario::start(4).await;
    scenario.freeze_weekly_issue().await;
    let damage = format!("UPDATE deliveries SET address = 'no address' WHERE address = '{ADA}'");
    scenario.app.execute_sql(&damage).await;
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.server.received().len(), 3);
    let copies = scenario.app.deliveries(Some(1)).await;
    let bounced: Vec<_> = copies
        .iter()
        .filter(|row| row.state.as_str() == "bounced")
        .collect();
    assert_eq!(bounced.len(), 1, "{copies:?}");
    let reply = bounced[0].reply.as_deref().unwrap_or_default();
    assert!(reply.contains("address"), "it says why: {reply}");
}

#[tokio::test]
async fn what_our_settings_kept_back_does_not_go_to_who_left_meanwhile() {
    let (asked, left) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (asks, leaves) = (Arc::clone(&asked), Arc::clone(&left));
    let server = SmtpServer::with_script(move |event| {
        if event.stage != Stage::Rcpt || leaves.load(Ordering::Relaxed) {
            return None;
        }
        asks.store(true, Ordering::Relaxed);
        while !leaves.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Fault::Reply("530 5.7.0 Log in first"))
    });
    let mut scenario = WeeklyScenario::start_with_server(server, 1).await;
    scenario.freeze_weekly_issue().await;
    let leaving = async {
        let is_asked = async {
            while !asked.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
        };
        with_timeout(is_asked, "Ada's copy on its way").await;
        scenario.unsubscribe(ADA).await;
        left.store(true, Ordering::Relaxed);
    };
    tokio::join!(scenario.app.run_delivery_until_idle(), leaving);
    let issue = scenario.newest_issue().await;
    let now = scenario.app.clock.now();
    let resumed = scenario.app.app.store.resume_issue(&issue, now).await;
    assert!(resumed.expect("an answer"), "the issue was not paused");
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(scenario.ada_delivery(1).await.0, "skipped");
    assert_eq!(scenario.server.received().len(), 0);
}

#[tokio::test]
async fn readers_who_became_one_are_not_sent_again_what_one_of_them_got() {
    let mut scenario = WeeklyScenario::start(2).await;
    scenario
        .send_weekly_issue(Some("554 5.7.1 Not from you"))
        .await;
    scenario.unsubscribe("reader1@example.org").await;
    scenario.change_ada_address("reader1@example.org").await;
    assert_eq!(scenario.requeue_failed().await, 0);
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(
        scenario
            .server
            .messages_per_recipient()
            .get("reader1@example.org"),
        Some(&1)
    );
}

#[tokio::test]
async fn a_copy_that_was_handed_over_is_not_tried_again() {
    let mut scenario = WeeklyScenario::start(2).await;
    scenario.send_weekly_issue(None).await;
    let ghost = held_by_a_ghost("sending", "reader1@example.org");
    scenario.app.execute_sql(&ghost).await;
    scenario.unsubscribe("reader1@example.org").await;
    scenario.change_ada_address("reader1@example.org").await;
    let reopened = "UPDATE issues SET state = 'sending', finished_at = NULL";
    scenario.app.execute_sql(reopened).await;
    scenario.app.run_delivery_until_idle().await;
    assert_eq!(
        scenario
            .server
            .messages_per_recipient()
            .get("reader1@example.org"),
        Some(&1)
    );
    let copies = scenario.app.deliveries(Some(1)).await;
    let doubts = copies.iter().filter(|row| row.state.as_str() == "in_doubt");
    assert_eq!(doubts.count(), 1, "{copies:?}");
}

//! Recovery from rare states: leases of an unknown worker, corrupt delivery rows, and
//! subscribers that unsubscribe or change their address while an issue is being sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broadsheet::domain::clock::Clock;
use broadsheet::domain::issue::IssueState;

use crate::support::newsletter::with_timeout;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};
use crate::support::weekly_scenario::{ADA, WeeklyScenario};

/// The id of a worker that is not registered in the database.
const UNKNOWN_WORKER: &str = "01900000-0000-7000-8000-000000000000";

/// SQL that leases the deliveries of `address` to the unknown worker, in `state`.
fn lease_to_unknown_worker(state: &str, address: &str) -> String {
    format!(
        "UPDATE deliveries SET state = '{state}', due_at = 0, lease = '{UNKNOWN_WORKER}' WHERE address = '{address}' AND kind = 'issue'"
    )
}

#[tokio::test]
async fn leases_of_unknown_worker_are_reclaimed() {
    let mut scenario = WeeklyScenario::start(3).await;
    scenario.freeze_weekly_issue().await;
    for (state, address) in [("leased", ADA), ("sending", "reader1@example.org")] {
        scenario
            .app
            .execute_sql(&lease_to_unknown_worker(state, address))
            .await;
    }

    scenario.app.run_delivery_until_idle().await;

    assert_eq!(scenario.server.messages_per_recipient().len(), 3);
    assert_eq!(scenario.app.issues().await[0].state, IssueState::Sent);
}

#[tokio::test]
async fn corrupt_delivery_is_bounced_and_others_are_sent() {
    let mut scenario = WeeklyScenario::start(4).await;
    scenario.freeze_weekly_issue().await;
    let damage = format!("UPDATE deliveries SET address = 'no address' WHERE address = '{ADA}'");
    scenario.app.execute_sql(&damage).await;

    scenario.app.run_delivery_until_idle().await;

    assert_eq!(scenario.server.received().len(), 3);
    let deliveries = scenario.app.deliveries(Some(1)).await;
    let bounced: Vec<_> = deliveries
        .iter()
        .filter(|row| row.state.as_str() == "bounced")
        .collect();
    assert_eq!(bounced.len(), 1, "{deliveries:?}");
    let reply = bounced[0].reply.as_deref().unwrap_or_default();
    assert!(reply.contains("address"), "reply without reason: {reply}");
}

#[tokio::test]
async fn unsubscribe_during_login_failure_skips_delivery() {
    let has_rcpt = Arc::new(AtomicBool::new(false));
    let is_unsubscribed = Arc::new(AtomicBool::new(false));
    let (server_has_rcpt, server_may_reply) = (Arc::clone(&has_rcpt), Arc::clone(&is_unsubscribed));
    // The server replies to RCPT only after the subscriber has unsubscribed.
    let server = SmtpServer::with_script(move |moment| {
        if moment.stage != Stage::Rcpt || server_may_reply.load(Ordering::Relaxed) {
            return None;
        }
        server_has_rcpt.store(true, Ordering::Relaxed);
        while !server_may_reply.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Fault::Reply("530 5.7.0 Log in first"))
    });
    let mut scenario = WeeklyScenario::start_with_server(server, 1).await;
    scenario.freeze_weekly_issue().await;

    let unsubscribe = async {
        let rcpt = async {
            while !has_rcpt.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
            }
        };
        with_timeout(rcpt, "RCPT of Ada's delivery").await;
        scenario.unsubscribe(ADA).await;
        is_unsubscribed.store(true, Ordering::Relaxed);
    };
    tokio::join!(scenario.app.run_delivery_until_idle(), unsubscribe);
    let issue = scenario.newest_issue().await;
    let now = scenario.app.clock.now();
    let resumed = scenario.app.app.store.resume_issue(&issue, now).await;
    assert!(
        resumed.expect("issue to resume"),
        "the issue was not paused"
    );
    scenario.app.run_delivery_until_idle().await;

    assert_eq!(scenario.ada_delivery(1).await.0, "skipped");
    assert_eq!(scenario.server.received().len(), 0);
}

#[tokio::test]
async fn requeue_after_merge_skips_received_issue() {
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
async fn sending_delivery_of_merged_subscriber_ends_in_doubt() {
    let mut scenario = WeeklyScenario::start(2).await;
    scenario.send_weekly_issue(None).await;
    let lease = lease_to_unknown_worker("sending", "reader1@example.org");
    scenario.app.execute_sql(&lease).await;
    scenario.unsubscribe("reader1@example.org").await;
    scenario.change_ada_address("reader1@example.org").await;
    let reopen = "UPDATE issues SET state = 'sending', finished_at = NULL";
    scenario.app.execute_sql(reopen).await;

    scenario.app.run_delivery_until_idle().await;

    assert_eq!(
        scenario
            .server
            .messages_per_recipient()
            .get("reader1@example.org"),
        Some(&1)
    );
    let deliveries = scenario.app.deliveries(Some(1)).await;
    let in_doubt = deliveries
        .iter()
        .filter(|row| row.state.as_str() == "in_doubt");
    assert_eq!(in_doubt.count(), 1, "{deliveries:?}");
}

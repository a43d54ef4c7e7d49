//! Processes that are killed during a send: no delivery is lost, and only messages in
//! transfer at that time are sent twice.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::newsletter::{Newsletter, as_text};
use crate::support::smtp_server::{ReceivedMessage, SmtpServer};

const SUBSCRIBERS: usize = 1_000;
/// More than one worker claims in advance, so that two workers share the issue.
const SHARED: usize = 2_500;
/// Slow enough to kill a process during the send.
const MESSAGE_DELAY: Duration = Duration::from_millis(15);
const CONNECTIONS: usize = 10;
/// Number of messages after which all connections are busy and the end is far.
const HALFWAY: usize = 400;
/// Number of lost replies after which a delivery is in doubt.
const MAX_LOST_REPLIES: u32 = 3;
/// Maximum time until the leases of a dead worker are reclaimed.
const RECLAIM_TIMEOUT: Duration = Duration::from_secs(15);

async fn newsletter_with_a_thousand(server: &SmtpServer) -> Newsletter {
    newsletter_with_subscribers(SUBSCRIBERS, server).await
}

async fn newsletter_with_subscribers(subscribers: usize, server: &SmtpServer) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with_setting("smtp.connections", CONNECTIONS.to_string());
    newsletter.import_subscribers(subscribers).await;
    newsletter
}

/// Asserts that each subscriber has received the issue, with at most `max_duplicates`
/// duplicates, and that each delivery is delivered, or in doubt after a crash in each attempt.
pub(super) async fn assert_all_delivered(
    newsletter: &Newsletter,
    server: &SmtpServer,
    result: &Value,
    max_duplicates: usize,
) {
    let subscribers = newsletter.run_json(&["subscribers", "list"]).await.len();
    assert_eq!(result["recipients"], subscribers, "{result}");
    for state in ["deferred", "bounced", "skipped", "queued"] {
        assert_eq!(result[state], 0, "{result}");
    }
    let messages = server.messages_per_recipient();
    assert_eq!(messages.len(), subscribers);
    let duplicates = messages.values().sum::<usize>() - subscribers;
    assert!(duplicates <= max_duplicates, "{duplicates} duplicates");
    assert_duplicates_are_identical(&server.received());
    assert_eq!(server.violations(), Vec::<String>::new());

    let deliveries = newsletter.deliveries().await;
    assert_eq!(deliveries.len(), subscribers);
    let mut in_doubt = 0;
    for delivery in &deliveries {
        if delivery["state"] != "delivered" {
            assert_eq!(delivery["state"], "in_doubt", "{delivery}");
            assert_eq!(delivery["attempts"], MAX_LOST_REPLIES, "{delivery}");
            in_doubt += 1;
        }
        assert!(
            messages.contains_key(&as_text(&delivery["address"])),
            "{delivery}"
        );
    }
    assert_eq!(result["in_doubt"], in_doubt, "{result}");
    assert_eq!(result["delivered"], subscribers - in_doubt, "{result}");
}

/// Asserts that the issue, if it exists, has one delivery per subscriber, and that each
/// delivered message was received.
pub(super) async fn assert_consistent(
    newsletter: &Newsletter,
    server: &SmtpServer,
    subscribers: usize,
    after: &str,
) {
    let deliveries = newsletter.deliveries().await;
    let count = deliveries.len();
    assert!(count == 0 || count == subscribers, "{after}: {count}");
    let messages = server.messages_per_recipient();
    for delivery in deliveries.iter().filter(|it| it["state"] == "delivered") {
        let address = as_text(&delivery["address"]);
        assert!(messages.contains_key(&address), "{after}: {delivery}");
    }
}

/// Asserts that duplicates have the same bytes, so that the recipient can detect them.
fn assert_duplicates_are_identical(received: &[ReceivedMessage]) {
    let mut first_by_recipient = HashMap::new();
    for message in received {
        let first = first_by_recipient
            .entry(&message.recipients)
            .or_insert(message);
        assert!(
            first.message == message.message,
            "different messages to {:?}",
            message.recipients
        );
    }
}

/// Returns the longest time between two messages since `since`.
fn longest_pause(received: &[ReceivedMessage], since: Instant) -> Duration {
    let times = received
        .iter()
        .map(|message| message.at)
        .filter(|at| *at > since);
    let mut pauses = Vec::new();
    let mut before = since;
    for at in times {
        pauses.push(at - before);
        before = at;
    }
    pauses.into_iter().max().unwrap_or_default()
}

async fn kill_digest_send_and_repeat() {
    let server = SmtpServer::with_delay(MESSAGE_DELAY);
    let newsletter = newsletter_with_a_thousand(&server).await;
    let sending = newsletter.start(&["digest", "send", "--wait"]);
    server.wait_for_messages(HALFWAY).await;
    sending.kill().await;
    assert!(server.received().len() < SUBSCRIBERS, "killed too late");

    let restarted = Instant::now();
    // `--wait-max` limits the wait for deferred deliveries, not for leases of dead workers.
    let result = newsletter.send_digest_and_wait(&["--wait-max", "1s"]).await;
    assert_eq!(result["result"], "sent", "{result}");
    assert_all_delivered(&newsletter, &server, &result, CONNECTIONS).await;
    let pause = longest_pause(&server.received(), restarted);
    assert!(pause <= RECLAIM_TIMEOUT, "reclaimed after {pause:?}");
}

async fn kill_worker_and_start_another() {
    let server = SmtpServer::with_delay(MESSAGE_DELAY);
    let newsletter = newsletter_with_a_thousand(&server).await;
    let worker = newsletter.start(&["worker"]);
    let (code, result) = newsletter.send_digest(&[]).await;
    assert_eq!(
        (code, result["result"].as_str()),
        (0, Some("sending")),
        "{result}"
    );
    server.wait_for_messages(HALFWAY).await;
    worker.kill().await;
    assert!(server.received().len() < SUBSCRIBERS, "killed too late");

    let worker = newsletter.start(&["worker"]);
    let result = newsletter.wait_until_sent().await;
    assert_all_delivered(&newsletter, &server, &result, CONNECTIONS).await;
    let ended = worker.terminate().await;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}

async fn kill_one_of_two_workers() {
    if std::env::var_os("BROADSHEET_TEST_DATABASE").is_none() {
        println!("skipped: several hosts can only share PostgreSQL");
        return;
    }
    let server = SmtpServer::with_delay(MESSAGE_DELAY);
    let newsletter = newsletter_with_subscribers(SHARED, &server).await;
    let [doomed, _survivor] = newsletter.start_workers().await;
    newsletter.send_digest(&[]).await;
    server.wait_for_messages(SHARED / 2).await;
    doomed.kill().await;
    let killed = Instant::now();
    assert!(server.received().len() < SHARED, "killed too late");
    let lease_holders = newsletter
        .query_number("SELECT COUNT(DISTINCT lease) FROM deliveries WHERE lease IS NOT NULL")
        .await;
    assert_eq!(lease_holders, 2, "workers with leases");

    let result = newsletter.wait_until_sent().await;
    assert_all_delivered(&newsletter, &server, &result, CONNECTIONS).await;
    let pause = longest_pause(&server.received(), killed);
    assert!(pause <= RECLAIM_TIMEOUT, "reclaimed after {pause:?}");
}

/// One test, so that the three waits of ten seconds until a worker is declared dead overlap.
#[tokio::test]
async fn killed_process_loses_no_delivery() {
    tokio::join!(
        kill_digest_send_and_repeat(),
        kill_worker_and_start_another(),
        kill_one_of_two_workers()
    );
}

#[tokio::test]
async fn stopped_worker_completes_and_next_one_continues() {
    let server = SmtpServer::with_delay(MESSAGE_DELAY);
    let newsletter = newsletter_with_a_thousand(&server).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send_digest(&[]).await;
    server.wait_for_messages(HALFWAY).await;
    let signalled = Instant::now();
    let ended = worker.terminate().await;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert!(
        signalled.elapsed() < Duration::from_secs(10),
        "{:?}",
        signalled.elapsed()
    );

    let sent = server.received().len();
    assert!(sent < SUBSCRIBERS, "stopped too late");
    let states = newsletter.delivery_counts().await;
    assert_eq!(states.get("delivered"), Some(&sent), "{states:?}");
    assert_eq!(
        states.get("queued"),
        Some(&(SUBSCRIBERS - sent)),
        "{states:?}"
    );

    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_all_delivered(&newsletter, &server, &result, CONNECTIONS).await;
    assert_eq!(
        server.received().len(),
        SUBSCRIBERS,
        "duplicates after a clean stop"
    );
}

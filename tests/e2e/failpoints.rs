//! Crashes at each step from freezing an issue to storing the results: no delivery is lost,
//! and only messages in transfer at that time are sent twice.
//!
//! Compiled with the feature `failpoints`, which `tests/run` enables in a separate step.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broadsheet::domain::signed_token::Purpose;
use futures_util::future::join_all;
use reqwest::StatusCode;
use sqlx::Executor;

use super::crashes::{assert_all_delivered, assert_consistent};
use super::subscriber_lifecycle::subscriber_token;
use crate::support::http_client::HttpClient;
use crate::support::newsletter::{Newsletter, as_text, parse_send_result, with_timeout};
use crate::support::process::{ProcessOutput, RunningProcess};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};
use crate::support::weekly_scenario::WeeklyScenario;

const SUBSCRIBERS: usize = 60;
const CONNECTIONS: usize = 4;
/// Number of messages that are sent before the crash.
const MIDDLE: usize = 20;
/// Number of subscribers whose deliveries are inserted in two batches.
const TWO_BATCHES: usize = 1_200;
/// Number of group commits before the crash.
const COMMITS: usize = 5;

/// Circumstances under which a failpoint is reached.
#[derive(Clone, Copy, PartialEq)]
enum Scenario {
    /// A send without further events.
    Send,
    /// Another process has crashed before.
    Reclaim,
    /// The SMTP server requires a login, so the issue is paused.
    Pause,
    /// A send with more than one fan-out batch.
    TwoBatches,
}
use Scenario::{Pause, Reclaim, Send, TwoBatches};

/// Each failpoint of the source, the number of passes before it panics, and the scenario.
const STEPS: &[(&str, usize, Scenario)] = &[
    ("freezing", 0, Send),
    ("frozen", 0, Send),
    ("fan-out-batch", 0, TwoBatches),
    ("registered", 0, Send),
    ("claiming", 0, Send),
    ("claimed", 0, Send),
    ("connected", 0, Send),
    ("ehlo-replied", 2, Send),
    ("intent-committed", MIDDLE, Send),
    ("composed", MIDDLE, Send),
    ("envelope-written", MIDDLE, Send),
    ("envelope-accepted", MIDDLE, Send),
    ("final-dot-written", MIDDLE, Send),
    ("reply-read", MIDDLE, Send),
    ("outcome-known", MIDDLE, Send),
    ("before-commit", COMMITS, Send),
    // After the first commit, which contains a delivery and may reset a count of rejections.
    ("outcomes-written", 1, Pause),
    ("intents-written", 1, Pause),
    ("before-acknowledgement", COMMITS, Send),
    ("finishing", 0, Send),
    ("finished", 0, Send),
    ("unregistering", 0, Send),
    ("unregistered", 0, Send),
    ("reclaiming", 0, Reclaim),
    ("reclaimed", 0, Reclaim),
    ("pausing", 0, Pause),
    ("releasing", 0, Pause),
];

/// Failpoints that do not panic: a reply timeout of one second after the final dot, database
/// operations whose acknowledgement is lost, and a failing read.
const WITHOUT_PANIC: &[&str] = &[
    "short-timeouts",
    "commit-ack-lost",
    "claim-ack-lost",
    "message-unreadable",
];

/// Adds the names of the failpoints in the source files of this folder to `found`.
fn find_failpoints(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            find_failpoints(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("a source file");
            let names = source.split("fail_point!(\"").skip(1);
            found.extend(names.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
}

#[test]
fn each_failpoint_is_tested() {
    let mut found = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    find_failpoints(&source, &mut found);
    for name in WITHOUT_PANIC {
        assert!(found.remove(*name), "{name}");
    }
    let tested: BTreeSet<String> = STEPS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(found, tested);
    assert_eq!(STEPS.len(), tested.len(), "duplicate failpoint");
}

/// Starts a server that requires a login once in [`Pause`].
fn server_for(scenario: Scenario) -> SmtpServer {
    SmtpServer::with_script(move |event| {
        let is_rejected =
            scenario == Pause && event.stage == Stage::Mail && event.transaction == MIDDLE;
        is_rejected.then_some(Fault::Reply("530 5.7.0 Log in first"))
    })
}

fn start_send_with_panic(newsletter: &Newsletter, name: &str, passed: usize) -> RunningProcess {
    let action = format!("{name}={passed}*off->panic");
    let arguments = ["digest", "send", "--wait", "--json"];
    newsletter
        .install
        .start_with_env(("FAILPOINTS", &action), &arguments)
}

fn assert_panicked(finished: &ProcessOutput, name: &str) {
    assert_eq!(finished.code(), None, "{name}: {finished:?}");
    assert!(finished.stderr.contains(name), "{name}: {finished:?}");
}

async fn assert_survives_crash(name: &str, passed: usize, scenario: Scenario) {
    let server = server_for(scenario);
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with_setting("smtp.connections", CONNECTIONS.to_string());
    let subscribers = if scenario == TwoBatches {
        TWO_BATCHES
    } else {
        SUBSCRIBERS
    };
    newsletter.import_subscribers(subscribers).await;
    if scenario == Reclaim {
        let crashed = start_send_with_panic(&newsletter, "final-dot-written", MIDDLE)
            .wait()
            .await;
        assert_panicked(&crashed, "final-dot-written");
    }
    let crashed = start_send_with_panic(&newsletter, name, passed)
        .wait()
        .await;
    assert_panicked(&crashed, name);
    // Listing deliveries completes the fan-out, which the worker has to do in this scenario.
    if scenario != TwoBatches {
        assert_consistent(&newsletter, &server, subscribers, name).await;
    }
    if scenario == Pause {
        newsletter
            .run_json(&["deliveries", "retry", "--issue", "1"])
            .await;
    }

    let again = newsletter.start(&["digest", "send", "--wait"]);
    if scenario != TwoBatches {
        assert_consistent(&newsletter, &server, subscribers, name).await;
    }
    let (code, result) = parse_send_result(&again.wait().await);
    assert_eq!(code, 0, "{name}: {result}");
    assert_eq!(result["issue"], 1, "{name}: {result}");
    assert_all_delivered(&newsletter, &server, &result, CONNECTIONS).await;
}

/// One test, so that the waits of ten seconds until a worker is declared dead overlap.
#[tokio::test]
async fn crash_at_any_step_loses_no_delivery() {
    let crashes = STEPS
        .iter()
        .map(|(name, passed, scenario)| assert_survives_crash(name, *passed, *scenario));
    join_all(crashes).await;
}

#[tokio::test]
async fn silence_after_final_dot_times_out_in_doubt() {
    let done = AtomicBool::new(false);
    let server = SmtpServer::with_script(move |event| {
        let is_match = event.stage == Stage::Dot && event.recipient == "reader3@example.com";
        (is_match && !done.swap(true, Ordering::Relaxed)).then_some(Fault::Silence)
    });
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(5).await;
    let arguments = ["digest", "send", "--wait", "--wait-max", "1s", "--json"];
    let failpoints = ("FAILPOINTS", "short-timeouts=return");
    let sending = newsletter.install.start_with_env(failpoints, &arguments);
    let (code, result) = parse_send_result(&sending.wait().await);
    assert_eq!((code, &result["deferred"]), (75, &1.into()), "{result}");
    let in_doubt = newsletter.delivery_to("reader3@example.com").await;
    let reply = as_text(&in_doubt["reply"]);
    assert_eq!(reply, "no reply within 1 s (after the message)");

    let retry = ["deliveries", "retry", "--issue", "1", "--deferred-only"];
    newsletter.run_json(&retry).await;
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_all_delivered(&newsletter, &server, &result, 1).await;
}

#[tokio::test]
async fn lost_database_acknowledgement_duplicates_nothing() {
    for failpoints in ["commit-ack-lost=4*off->3*return", "claim-ack-lost=1*return"] {
        let server = SmtpServer::start();
        let newsletter = Newsletter::new(&server.url()).await;
        newsletter.import_subscribers(SUBSCRIBERS).await;
        let arguments = ["digest", "send", "--wait", "--wait-max", "1s", "--json"];
        let failpoints = ("FAILPOINTS", failpoints);
        let sending = newsletter.install.start_with_env(failpoints, &arguments);
        let (code, result) = parse_send_result(&sending.wait().await);
        assert_eq!(code, 0, "{failpoints:?}: {result}");
        assert_all_delivered(&newsletter, &server, &result, 0).await;
    }
}

#[tokio::test]
async fn rolled_back_claim_duplicates_nothing() {
    let server = SmtpServer::with_delay(Duration::from_millis(20));
    let mut scenario = WeeklyScenario::start_with_server(server, SUBSCRIBERS).await;
    scenario.freeze_weekly_issue().await;
    // The clock is manual: all claims have the same time.
    fail::cfg("claim-ack-lost", "1*off->1*return->off").expect("a failpoint");
    scenario.app.run_delivery_until_idle().await;
    fail::remove("claim-ack-lost");
    let messages = scenario.server.messages_per_recipient();
    assert_eq!(messages.len(), SUBSCRIBERS);
    assert!(scenario.server.has_no_duplicates(), "{messages:?}");
}

#[tokio::test]
async fn failed_message_read_charges_no_attempt() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(SUBSCRIBERS).await;
    let arguments = ["digest", "send", "--wait", "--wait-max", "1s", "--json"];
    let failpoints = ("FAILPOINTS", "message-unreadable=2*return");
    let sending = newsletter.install.start_with_env(failpoints, &arguments);
    let (code, result) = parse_send_result(&sending.wait().await);
    assert_eq!((code, &result["deferred"]), (75, &2.into()), "{result}");
    let retry = ["deliveries", "retry", "--issue", "1", "--deferred-only"];
    newsletter.run_json(&retry).await;
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_all_delivered(&newsletter, &server, &result, 0).await;
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 1, "{delivery}");
    }
}

/// The subscriber that unsubscribes during the freeze.
const UNSUBSCRIBER: &str = "reader9@example.com";

/// Waits until a process holds a transaction open.
async fn wait_for_open_transaction(newsletter: &Newsletter) {
    let mut connection = newsletter.connect_to_database().await;
    if newsletter.database.url().starts_with("sqlite") {
        let no_wait = "PRAGMA busy_timeout = 0";
        connection.execute(no_wait).await.expect("a setting");
        while connection.execute("BEGIN IMMEDIATE").await.is_ok() {
            connection.execute("ROLLBACK").await.expect("a rollback");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        return;
    }
    let idle = "SELECT 1 AS found FROM pg_stat_activity WHERE state = 'idle in transaction'
        AND datname = current_database() AND clock_timestamp() - state_change > INTERVAL '200 ms'";
    while connection
        .fetch_optional(idle)
        .await
        .expect("a query result")
        .is_none()
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Runs `action` while an issue is being frozen, and asserts that [`UNSUBSCRIBER`] does not
/// receive the issue.
async fn assert_not_sent_after(action: impl AsyncFn(&Newsletter, &str)) {
    // An action that waits for the freeze completes before the last message, which would be
    // the one to UNSUBSCRIBER.
    let server = SmtpServer::with_delay(Duration::from_millis(200));
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with_setting("smtp.connections", "1");
    newsletter.import_subscribers(8).await;
    newsletter
        .run_json(&["subscribers", "add", UNSUBSCRIBER, "--source", "test"])
        .await;
    let slow_freeze = ("FAILPOINTS", "freezing=sleep(3000)");
    let arguments = ["digest", "send", "--wait", "--json"];
    let (newsletter, serving, site) = newsletter.serve().await;
    let sending = newsletter.install.start_with_env(slow_freeze, &arguments);
    with_timeout(
        wait_for_open_transaction(&newsletter),
        "the transaction of the freeze",
    )
    .await;
    action(&newsletter, &site).await;
    let (code, result) = parse_send_result(&sending.wait().await);
    assert_eq!(code, 0, "{result}");
    assert!(!server.messages_per_recipient().contains_key(UNSUBSCRIBER));
    assert_eq!(server.messages_per_recipient().len(), 8);
    assert_eq!(serving.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn erase_during_freeze_sends_no_issue() {
    assert_not_sent_after(async |newsletter, _| {
        newsletter
            .run_json(&["subscribers", "erase", UNSUBSCRIBER])
            .await;
        let deliveries = newsletter.deliveries().await;
        assert!(deliveries.iter().all(|row| row["address"] != UNSUBSCRIBER));
    })
    .await;
}

#[tokio::test]
async fn unsubscribe_during_freeze_sends_no_issue() {
    assert_not_sent_after(async |newsletter, site| {
        let token = subscriber_token(newsletter, Purpose::Unsubscribe, UNSUBSCRIBER).await;
        let link = format!("{site}/unsubscribe/{token}");
        let unsubscribed = HttpClient::new().post(&link, &[]).await;
        assert_eq!(unsubscribed.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn pause_during_freeze_sends_no_issue() {
    assert_not_sent_after(async |newsletter, site| {
        let token = subscriber_token(newsletter, Purpose::Preferences, UNSUBSCRIBER).await;
        let link = format!("{site}/preferences/{token}");
        let paused = HttpClient::new().post(&link, &[("action", "pause")]).await;
        assert_eq!(paused.status, StatusCode::SEE_OTHER, "{}", paused.html);
        assert!(paused.location.is_some_and(|to| to.contains("saved=1")));
    })
    .await;
}

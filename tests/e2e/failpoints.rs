//! The program dies at every step between a reader's row and the recorded outcome: each
//! time everybody gets their copy, and nobody a second one but those whose mail was on a
//! connection at that moment.
//!
//! Only with the feature `failpoints`, which `tests/run` turns on in a step of its own.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broadsheet::domain::signed_token::Purpose;
use futures_util::future::join_all;
use reqwest::StatusCode;
use sqlx::Executor;

use super::crashes::{assert_accounted, assert_all_served};
use super::outages::intruder;
use super::subscriber_lifecycle::{reader_token, serve};
use crate::support::browser::Browser;
use crate::support::newsletter::{Newsletter, result_of, text, within};
use crate::support::process::{Finished, Running};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};
use crate::support::weeks::Weeks;

const READERS: usize = 60;
const CONNECTIONS: usize = 4;
/// Mails of a whole send that go well before the one that the process dies at.
const MIDDLE: usize = 20;
/// Their queue is made in two parts.
const MANY: usize = 1_200;
/// Group commits that go well.
const SOME: usize = 5;

/// What has to happen for a step to be come by.
#[derive(Clone, Copy, PartialEq)]
enum Scene {
    /// A plain send.
    Send,
    /// Another process has died before.
    TakeUp,
    /// The server refuses our settings, so the issue is paused.
    Refused,
    /// To more readers than are queued at once.
    Many,
}
use Scene::{Many, Refused, Send, TakeUp};

/// Each failpoint of the source, how often it is passed before it kills, and where.
const STEPS: &[(&str, usize, Scene)] = &[
    ("freezing", 0, Send),
    ("frozen", 0, Send),
    ("lengthening", 0, Many),
    ("joined", 0, Send),
    ("claiming", 0, Send),
    ("claimed", 0, Send),
    ("connected", 0, Send),
    ("hello-said", 2, Send),
    ("marked", MIDDLE, Send),
    ("composed", MIDDLE, Send),
    ("envelope-written", MIDDLE, Send),
    ("envelope-accepted", MIDDLE, Send),
    ("dot-written", MIDDLE, Send),
    ("reply-read", MIDDLE, Send),
    ("outcome-known", MIDDLE, Send),
    ("before-commit", SOME, Send),
    // Past the commit of the first acceptance, which may end a streak.
    ("outcomes-written", 1, Refused),
    ("marks-written", 1, Refused),
    ("before-answer", SOME, Send),
    ("finishing", 0, Send),
    ("finished", 0, Send),
    ("resigning", 0, Send),
    ("resigned", 0, Send),
    ("taking-up", 0, TakeUp),
    ("taken-up", 0, TakeUp),
    ("pausing", 0, Refused),
    ("giving-back", 0, Refused),
];

/// Failpoints that are no deaths: the reply to the final dot is waited for one second only,
/// the database does what it is asked to and does not say so, or does not do it.
const OTHERS: &[&str] = &[
    "impatient",
    "commit-unanswered",
    "claim-unanswered",
    "mail-unread",
];

fn failpoints_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            failpoints_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("a source file");
            let names = source.split("fail_point!(\"").skip(1);
            found.extend(names.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
}

#[test]
fn each_failpoint_of_the_source_has_its_death() {
    let mut found = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    failpoints_in(&source, &mut found);
    for other in OTHERS {
        assert!(found.remove(*other), "{other}");
    }
    let tested: BTreeSet<String> = STEPS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(found, tested);
    assert_eq!(STEPS.len(), tested.len(), "one death each");
}

/// Refuses our settings once, in the middle, where the scene is about that.
fn server_for(scene: Scene) -> SmtpServer {
    SmtpServer::scripted(move |moment| {
        let refuses = scene == Refused && moment.stage == Stage::Mail && moment.mail == MIDDLE;
        refuses.then_some(Fault::Reply("530 5.7.0 Log in first"))
    })
}

fn sends_until(newsletter: &Newsletter, name: &str, passed: usize) -> Running {
    let action = format!("{name}={passed}*off->panic");
    let arguments = ["digest", "send", "--wait", "--json"];
    newsletter
        .installation
        .start_with(("FAILPOINTS", &action), &arguments)
}

fn assert_died(finished: &Finished, name: &str) {
    assert_eq!(finished.code(), None, "{name}: {finished:?}");
    assert!(finished.stderr.contains(name), "{name}: {finished:?}");
}

async fn survives(name: &str, passed: usize, scene: Scene) {
    let server = server_for(scene);
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with("smtp.connections", CONNECTIONS.to_string());
    let readers = if scene == Many { MANY } else { READERS };
    newsletter.import_readers(readers).await;
    if scene == TakeUp {
        let dead = sends_until(&newsletter, "dot-written", MIDDLE).wait().await;
        assert_died(&dead, "dot-written");
    }
    let dead = sends_until(&newsletter, name, passed).wait().await;
    assert_died(&dead, name);
    // Who lists the copies makes those that are missing, which here the engine is to do.
    if scene != Many {
        assert_accounted(&newsletter, &server, readers, name).await;
    }
    if scene == Refused {
        newsletter
            .json(&["deliveries", "retry", "--issue", "1"])
            .await;
    }

    let again = newsletter.start(&["digest", "send", "--wait"]);
    if scene != Many {
        assert_accounted(&newsletter, &server, readers, name).await;
    }
    let (code, result) = result_of(&again.wait().await);
    assert_eq!(code, 0, "{name}: {result}");
    assert_eq!(result["issue"], 1, "{name}: {result}");
    assert_all_served(&newsletter, &server, &result, CONNECTIONS).await;
}

/// One test, so that the ten seconds in which the dead are given up are waited out side
/// by side.
#[tokio::test]
async fn a_death_at_any_step_costs_nobody_their_copy() {
    let deaths = STEPS
        .iter()
        .map(|(name, passed, scene)| survives(name, *passed, *scene));
    join_all(deaths).await;
}

#[tokio::test]
async fn silence_after_the_dot_has_an_end_and_leaves_a_doubt() {
    let heard = AtomicBool::new(false);
    let server = SmtpServer::scripted(move |moment| {
        let here = moment.stage == Stage::Dot && moment.recipient == "reader3@example.com";
        (here && !heard.swap(true, Ordering::Relaxed)).then_some(Fault::Silence)
    });
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_readers(5).await;
    let arguments = ["digest", "send", "--wait", "--wait-max", "1s", "--json"];
    let failpoints = ("FAILPOINTS", "impatient=return");
    let sending = newsletter.installation.start_with(failpoints, &arguments);
    let (code, result) = result_of(&sending.wait().await);
    assert_eq!((code, &result["deferred"]), (75, &1.into()), "{result}");
    let doubted = newsletter.delivery_to("reader3@example.com").await;
    let reply = text(&doubted["reply"]);
    assert_eq!(reply, "no reply within 1 s (after the message)");

    let retry = ["deliveries", "retry", "--issue", "1", "--deferred-only"];
    newsletter.json(&retry).await;
    let result = newsletter.send_to_the_end(&[]).await;
    assert_all_served(&newsletter, &server, &result, 1).await;
}

#[tokio::test]
async fn work_that_the_database_did_without_saying_so_is_neither_lost_nor_done_twice() {
    for failpoints in [
        "commit-unanswered=4*off->3*return",
        "claim-unanswered=1*return",
    ] {
        let server = SmtpServer::start();
        let newsletter = Newsletter::new(&server.url()).await;
        newsletter.import_readers(READERS).await;
        let arguments = ["digest", "send", "--wait", "--wait-max", "1s", "--json"];
        let failpoints = ("FAILPOINTS", failpoints);
        let sending = newsletter.installation.start_with(failpoints, &arguments);
        let (code, result) = result_of(&sending.wait().await);
        assert_eq!(code, 0, "{failpoints:?}: {result}");
        assert_all_served(&newsletter, &server, &result, 0).await;
    }
}

#[tokio::test]
async fn a_claim_that_is_put_back_sends_nothing_twice() {
    let server = SmtpServer::unhurried(Duration::from_millis(20));
    let mut weeks = Weeks::begin_with(server, READERS).await;
    weeks.issue().await;
    // The clock of this newsletter stands still: all claims are of one moment.
    fail::cfg("claim-unanswered", "1*off->1*return->off").expect("a failpoint");
    weeks.app.delivers().await;
    fail::remove("claim-unanswered");
    let copies = weeks.server.copies();
    assert_eq!(copies.len(), READERS);
    assert!(copies.values().all(|&copies| copies == 1), "{copies:?}");
}

#[tokio::test]
async fn a_database_that_fails_while_a_mail_is_composed_stops_nothing_and_charges_nobody() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_readers(READERS).await;
    let arguments = ["digest", "send", "--wait", "--wait-max", "1s", "--json"];
    let failpoints = ("FAILPOINTS", "mail-unread=2*return");
    let sending = newsletter.installation.start_with(failpoints, &arguments);
    let (code, result) = result_of(&sending.wait().await);
    assert_eq!((code, &result["deferred"]), (75, &2.into()), "{result}");
    let retry = ["deliveries", "retry", "--issue", "1", "--deferred-only"];
    newsletter.json(&retry).await;
    let result = newsletter.send_to_the_end(&[]).await;
    assert_all_served(&newsletter, &server, &result, 0).await;
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 1, "{delivery}");
    }
}

const LEAVER: &str = "reader9@example.com";

/// Waits for someone to stand still in the middle of a transaction.
async fn is_freezing(newsletter: &Newsletter) {
    let mut intruder = intruder(newsletter).await;
    if newsletter.database.url().starts_with("sqlite") {
        let patience = "PRAGMA busy_timeout = 0";
        intruder.execute(patience).await.expect("no patience");
        while intruder.execute("BEGIN IMMEDIATE").await.is_ok() {
            intruder.execute("ROLLBACK").await.expect("the lock let go");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        return;
    }
    let standing = "SELECT 1 AS it FROM pg_stat_activity WHERE state = 'idle in transaction'
        AND datname = current_database() AND clock_timestamp() - state_change > INTERVAL '200 ms'";
    while intruder
        .fetch_optional(standing)
        .await
        .expect("an answer")
        .is_none()
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An issue is being frozen, and before that is done this happens.
async fn nobody_gets_it_who(leaves: impl AsyncFn(&Newsletter, &str)) {
    // Who has to wait for the freezing comes in before the last one is written to, who was
    // the last to come.
    let server = SmtpServer::unhurried(Duration::from_millis(200));
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with("smtp.connections", "1");
    newsletter.import_readers(8).await;
    newsletter
        .json(&["subscribers", "add", LEAVER, "--source", "test"])
        .await;
    let hold = ("FAILPOINTS", "freezing=sleep(3000)");
    let arguments = ["digest", "send", "--wait", "--json"];
    let (newsletter, serving, site) = serve(newsletter).await;
    let sending = newsletter.installation.start_with(hold, &arguments);
    within(is_freezing(&newsletter), "an issue that is being frozen").await;
    leaves(&newsletter, &site).await;
    let (code, result) = result_of(&sending.wait().await);
    assert_eq!(code, 0, "{result}");
    assert!(!server.copies().contains_key(LEAVER));
    assert_eq!(server.copies().len(), 8);
    assert_eq!(serving.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn who_is_erased_while_an_issue_is_frozen_gets_no_copy_of_it() {
    nobody_gets_it_who(async |newsletter, _| {
        newsletter.json(&["subscribers", "erase", LEAVER]).await;
        let left = newsletter.deliveries().await;
        assert!(left.iter().all(|row| row["address"] != LEAVER));
    })
    .await;
}

#[tokio::test]
async fn who_leaves_while_an_issue_is_frozen_gets_no_copy_of_it() {
    nobody_gets_it_who(async |newsletter, site| {
        let token = reader_token(newsletter, Purpose::Unsubscribe, LEAVER).await;
        let link = format!("{site}/unsubscribe/{token}");
        let left = Browser::new().post(&link, &[]).await;
        assert_eq!(left.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn who_pauses_while_an_issue_is_frozen_gets_no_copy_of_it() {
    nobody_gets_it_who(async |newsletter, site| {
        let token = reader_token(newsletter, Purpose::Preferences, LEAVER).await;
        let link = format!("{site}/preferences/{token}");
        let paused = Browser::new().post(&link, &[("action", "pause")]).await;
        assert_eq!(paused.status, StatusCode::SEE_OTHER, "{}", paused.html);
        assert!(paused.location.is_some_and(|to| to.contains("saved=1")));
    })
    .await;
}

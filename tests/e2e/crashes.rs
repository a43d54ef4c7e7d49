//! Processes die in the middle of a send: nobody is lost, and nobody gets two copies but
//! those whose mail was on a connection at that moment.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::newsletter::{Newsletter, text, until_logged};
use crate::support::smtp_server::{Received, SmtpServer};

const READERS: usize = 1_000;
/// More than one worker takes up ahead, so that two have to share.
const SHARED: usize = 2_500;
/// Slow enough that a kill comes in the middle.
const A_MAIL: Duration = Duration::from_millis(15);
const CONNECTIONS: usize = 10;
/// Far enough in for every connection to be busy, and far from the end.
const HALFWAY: usize = 400;
/// So many replies to one copy are lost before it is held for the editor.
const LOSSES: u32 = 3;
/// The promise of how soon what the dead had leased is taken up.
const TAKE_UP: Duration = Duration::from_secs(15);

async fn with_a_thousand_readers(server: &SmtpServer) -> Newsletter {
    with_readers(READERS, server).await
}

async fn with_readers(readers: usize, server: &SmtpServer) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with("smtp.connections", CONNECTIONS.to_string());
    newsletter.import_readers(readers).await;
    newsletter
}

/// Every reader has their copy, at most `most_extra` more copies went out, and the list
/// accounts for all: as delivered, or as held, where it was on a connection at every crash.
pub(super) async fn assert_all_served(
    newsletter: &Newsletter,
    server: &SmtpServer,
    result: &Value,
    most_extra: usize,
) {
    let readers = newsletter.json(&["subscribers", "list"]).await.len();
    assert_eq!(result["recipients"], readers, "{result}");
    for none in ["deferred", "bounced", "skipped", "queued"] {
        assert_eq!(result[none], 0, "{result}");
    }
    let copies = server.copies();
    assert_eq!(copies.len(), readers);
    let extra = copies.values().sum::<usize>() - readers;
    assert!(extra <= most_extra, "{extra} further copies");
    assert_twins_are_alike(&server.received());
    assert_eq!(server.violations(), Vec::<String>::new());

    let deliveries = newsletter.deliveries().await;
    assert_eq!(deliveries.len(), readers);
    let mut held = 0;
    for delivery in &deliveries {
        if delivery["state"] != "delivered" {
            assert_eq!(delivery["state"], "in_doubt", "{delivery}");
            assert_eq!(delivery["attempts"], LOSSES, "{delivery}");
            held += 1;
        }
        assert!(
            copies.contains_key(&text(&delivery["address"])),
            "{delivery}"
        );
    }
    assert_eq!(result["in_doubt"], held, "{result}");
    assert_eq!(result["delivered"], readers - held, "{result}");
}

/// Every one of `readers` is in one state, if there is an issue yet, and nobody counts as
/// served who was not.
pub(super) async fn assert_accounted(
    newsletter: &Newsletter,
    server: &SmtpServer,
    readers: usize,
    after: &str,
) {
    let deliveries = newsletter.deliveries().await;
    let count = deliveries.len();
    assert!(count == 0 || count == readers, "{after}: {count}");
    let copies = server.copies();
    for delivery in deliveries.iter().filter(|it| it["state"] == "delivered") {
        let address = text(&delivery["address"]);
        assert!(copies.contains_key(&address), "{after}: {delivery}");
    }
}

/// A second copy is the same bytes, so that a receiver can tell.
fn assert_twins_are_alike(received: &[Received]) {
    let mut firsts = HashMap::new();
    for mail in received {
        let first = firsts.entry(&mail.recipients).or_insert(mail);
        assert!(
            first.message == mail.message,
            "{:?} got two different mails",
            mail.recipients
        );
    }
}

fn longest_pause(received: &[Received], since: Instant) -> Duration {
    let times = received.iter().map(|mail| mail.at).filter(|at| *at > since);
    let mut pauses = Vec::new();
    let mut before = since;
    for at in times {
        pauses.push(at - before);
        before = at;
    }
    pauses.into_iter().max().unwrap_or_default()
}

async fn killed_while_it_waits() {
    let server = SmtpServer::unhurried(A_MAIL);
    let newsletter = with_a_thousand_readers(&server).await;
    let sending = newsletter.start(&["digest", "send", "--wait"]);
    server.wait_for(HALFWAY).await;
    sending.kill().await;
    assert!(server.received().len() < READERS, "the kill came too late");

    let again = Instant::now();
    // However short the wait for deferred mail, what the dead had leased is waited for.
    let result = newsletter.send_to_the_end(&["--wait-max", "1s"]).await;
    assert_eq!(result["result"], "sent", "{result}");
    assert_all_served(&newsletter, &server, &result, CONNECTIONS).await;
    let pause = longest_pause(&server.received(), again);
    assert!(pause <= TAKE_UP, "taken up after {pause:?}");
}

async fn killed_while_it_works() {
    let server = SmtpServer::unhurried(A_MAIL);
    let newsletter = with_a_thousand_readers(&server).await;
    let worker = newsletter.start(&["worker"]);
    let (code, result) = newsletter.send(&[]).await;
    assert_eq!(
        (code, result["result"].as_str()),
        (0, Some("sending")),
        "{result}"
    );
    server.wait_for(HALFWAY).await;
    worker.kill().await;
    assert!(server.received().len() < READERS, "the kill came too late");

    let worker = newsletter.start(&["worker"]);
    let result = newsletter.until_sent().await;
    assert_all_served(&newsletter, &server, &result, CONNECTIONS).await;
    let ended = worker.terminate().await;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
}

async fn one_of_two_workers_dies_for_good() {
    if std::env::var_os("BROADSHEET_TEST_DATABASE").is_none() {
        println!("skipped: several machines work on one PostgreSQL, not on a SQLite file");
        return;
    }
    let server = SmtpServer::unhurried(A_MAIL);
    let newsletter = with_readers(SHARED, &server).await;
    let (doomed, survivor) = (newsletter.start(&["worker"]), newsletter.start(&["worker"]));
    until_logged(&doomed, "delivery worker started").await;
    until_logged(&survivor, "delivery worker started").await;
    newsletter.send(&[]).await;
    server.wait_for(SHARED / 2).await;
    doomed.kill().await;
    let killed = Instant::now();
    assert!(server.received().len() < SHARED, "the kill came too late");

    let result = newsletter.until_sent().await;
    assert_all_served(&newsletter, &server, &result, CONNECTIONS).await;
    let pause = longest_pause(&server.received(), killed);
    assert!(pause <= TAKE_UP, "taken up after {pause:?}");
    let (_, log) = survivor.said();
    assert!(
        log.contains("a process died"),
        "the dead one had nothing left: {log}"
    );
}

/// One test, so that ten seconds of standing still are waited out side by side.
#[tokio::test]
async fn a_process_killed_halfway_costs_nobody_their_copy() {
    tokio::join!(
        killed_while_it_waits(),
        killed_while_it_works(),
        one_of_two_workers_dies_for_good()
    );
}

#[tokio::test]
async fn a_worker_told_to_stop_ends_cleanly_and_the_next_one_goes_on() {
    let server = SmtpServer::unhurried(A_MAIL);
    let newsletter = with_a_thousand_readers(&server).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send(&[]).await;
    server.wait_for(HALFWAY).await;
    let asked = Instant::now();
    let ended = worker.terminate().await;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert!(
        asked.elapsed() < Duration::from_secs(10),
        "{:?}",
        asked.elapsed()
    );

    let sent = server.received().len();
    assert!(sent < READERS, "the stop came too late");
    let states = newsletter.states().await;
    assert_eq!(states.get("delivered"), Some(&sent), "{states:?}");
    assert_eq!(states.get("queued"), Some(&(READERS - sent)), "{states:?}");

    let result = newsletter.send_to_the_end(&[]).await;
    assert_all_served(&newsletter, &server, &result, CONNECTIONS).await;
    assert_eq!(
        server.received().len(),
        READERS,
        "nobody gets a second copy"
    );
}

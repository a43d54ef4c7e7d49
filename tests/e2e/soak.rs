//! Workers start, stop and are killed at random times.

use std::io::Write;
use std::time::Duration;

use broadsheet::domain::random::Random;
use futures_util::future::join_all;

use super::crashes::{assert_all_delivered, assert_consistent};
use crate::support::newsletter::Newsletter;
use crate::support::process::RunningProcess;
use crate::support::smtp_server::SmtpServer;

const SUBSCRIBERS: usize = 500;
const CONNECTIONS: usize = 4;

/// Slow enough to kill a process during a send.
const MESSAGE_DELAY: Duration = Duration::from_millis(4);

async fn newsletter(server: &SmtpServer, subscribers: usize) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with_setting("smtp.connections", CONNECTIONS.to_string());
    newsletter.import_subscribers(subscribers).await;
    newsletter
}

/// Waits for a random time: mostly until messages are being sent, sometimes only until the
/// process starts or waits for the leases of the previous one.
async fn wait_randomly(random: &Random, server: &SmtpServer) {
    let [kind, messages, low, high] = random.bytes();
    let span = u64::from(u16::from_le_bytes([low, high]));
    if kind % 4 == 0 {
        tokio::time::sleep(Duration::from_millis(span % 12_000)).await;
    } else {
        let more = server.received().len() + 1 + usize::from(messages % 64);
        server.wait_for_messages(more.min(SUBSCRIBERS)).await;
        tokio::time::sleep(Duration::from_micros(span)).await;
    }
}

async fn assert_survives_kills(kills: usize, seed: u64) {
    let random = Random::seeded(seed);
    let server = SmtpServer::with_delay(MESSAGE_DELAY);
    let newsletter = newsletter(&server, SUBSCRIBERS).await;
    for kill in 1..=kills {
        let sending = newsletter.start(&["digest", "send", "--wait"]);
        wait_randomly(&random, &server).await;
        sending.kill().await;
        let after = format!("seed {seed}, kill {kill}");
        assert_consistent(&newsletter, &server, SUBSCRIBERS, &after).await;
    }
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(result["issue"], 1, "{result}");
    assert_all_delivered(&newsletter, &server, &result, CONNECTIONS * kills).await;
}

/// Runs `kills` kills in each of several newsletters. Concurrently, because after each kill
/// the worker is declared dead only after ten seconds.
async fn run_soak(newsletters: u64, kills: usize) {
    let seed = match std::env::var("SOAK_SEED") {
        Ok(seed) => seed.parse().expect("SOAK_SEED is a number"),
        Err(_) => {
            let random = Random::from_os().expect("randomness");
            u64::from(u32::from_le_bytes(random.bytes()))
        }
    };
    // Written to the standard error directly, because the test harness captures `eprintln!`:
    // the seed is needed to repeat a run.
    let summary = format!(
        "{} kills with SOAK_SEED={seed}",
        newsletters as usize * kills
    );
    writeln!(std::io::stderr(), "{summary}").expect("a writable standard error");
    join_all((0..newsletters).map(|number| assert_survives_kills(kills, seed + number))).await;
}

#[tokio::test]
async fn kills_at_random_times_lose_no_delivery() {
    run_soak(5, 1).await;
}

#[tokio::test]
#[ignore = "takes some minutes"]
async fn two_hundred_kills_lose_no_delivery() {
    run_soak(20, 10).await;
}

#[tokio::test]
async fn workers_joining_leaving_and_dying_lose_no_delivery() {
    if std::env::var_os("BROADSHEET_TEST_DATABASE").is_none() {
        return; // Several hosts can only share PostgreSQL.
    }
    let subscribers = 3 * SUBSCRIBERS;
    let server = SmtpServer::with_delay(MESSAGE_DELAY);
    let newsletter = newsletter(&server, subscribers).await;
    let start = || newsletter.start(&["worker"]);
    let mut workers: Vec<RunningProcess> = (0..3).map(|_| start()).collect();
    newsletter.send_digest(&[]).await;
    let mut kills = 0;
    for (round, event) in ["kill", "join", "leave", "kill", "join", "leave", "join"]
        .iter()
        .enumerate()
    {
        server.wait_for_messages(100 + 80 * round).await;
        match *event {
            "join" => workers.push(start()),
            "leave" => assert_eq!(workers.remove(0).terminate().await.code(), Some(0)),
            _ => {
                kills += 1;
                workers.remove(0).kill().await;
            }
        }
        assert_consistent(&newsletter, &server, subscribers, event).await;
    }
    let result = newsletter.wait_until_sent().await;
    assert_all_delivered(&newsletter, &server, &result, CONNECTIONS * kills).await;
}

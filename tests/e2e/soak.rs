//! Processes come, go and die at moments that nobody chose.

use std::io::Write;
use std::time::Duration;

use broadsheet::domain::random::Random;
use futures_util::future::join_all;

use super::crashes::{assert_accounted, assert_all_served};
use crate::support::newsletter::Newsletter;
use crate::support::process::Running;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const READERS: usize = 500;
const CONNECTIONS: usize = 4;

/// A server slow enough that a kill comes in the middle.
fn server() -> SmtpServer {
    SmtpServer::scripted(|moment| {
        (moment.stage == Stage::Dot).then_some(Fault::Delay(Duration::from_millis(4)))
    })
}

async fn newsletter(server: &SmtpServer, readers: usize) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with("smtp.connections", CONNECTIONS.to_string());
    newsletter.import_readers(readers).await;
    newsletter
}

/// Waits for a moment that comes as it likes: mostly while mail is on its way, now and then
/// while the process starts, or waits for the leases of the one before.
async fn some_moment(random: &Random, server: &SmtpServer) {
    let [kind, mails, low, high] = random.bytes();
    let span = u64::from(u16::from_le_bytes([low, high]));
    if kind % 4 == 0 {
        tokio::time::sleep(Duration::from_millis(span % 12_000)).await;
    } else {
        let more = server.received().len() + 1 + usize::from(mails % 64);
        server.wait_for(more.min(READERS)).await;
        tokio::time::sleep(Duration::from_micros(span)).await;
    }
}

async fn killed(kills: usize, seed: u64) {
    let random = Random::seeded(seed);
    let server = server();
    let newsletter = newsletter(&server, READERS).await;
    for kill in 1..=kills {
        let sending = newsletter.start(&["digest", "send", "--wait"]);
        some_moment(&random, &server).await;
        sending.kill().await;
        let after = format!("seed {seed}, kill {kill}");
        assert_accounted(&newsletter, &server, READERS, &after).await;
    }
    let result = newsletter.send_to_the_end(&[]).await;
    assert_eq!(result["issue"], 1, "{result}");
    assert_all_served(&newsletter, &server, &result, CONNECTIONS * kills).await;
}

/// So many kills for each of so many newsletters, side by side: after each of them ten
/// seconds go by until the dead one is given up.
async fn soak(newsletters: u64, kills: usize) {
    let seed = match std::env::var("SOAK_SEED") {
        Ok(seed) => seed.parse().expect("SOAK_SEED is a number"),
        Err(_) => {
            let random = Random::from_os().expect("randomness");
            u64::from(u32::from_le_bytes(random.bytes()))
        }
    };
    // Said past the harness, so that a run can be told apart from the others, and done again.
    let words = format!(
        "{} kills with SOAK_SEED={seed}",
        newsletters as usize * kills
    );
    writeln!(std::io::stderr(), "{words}").expect("a standard error to write to");
    join_all((0..newsletters).map(|number| killed(kills, seed + number))).await;
}

#[tokio::test]
async fn kills_at_random_moments_cost_nobody_their_copy() {
    soak(5, 1).await;
}

#[tokio::test]
#[ignore = "takes some minutes"]
async fn two_hundred_kills_at_random_moments_cost_nobody_their_copy() {
    soak(20, 10).await;
}

#[tokio::test]
async fn workers_join_leave_and_die_at_will() {
    if std::env::var_os("BROADSHEET_TEST_DATABASE").is_none() {
        return; // several machines work on one PostgreSQL, not on a SQLite file
    }
    let readers = 3 * READERS;
    let server = server();
    let newsletter = newsletter(&server, readers).await;
    let start = || newsletter.start(&["worker"]);
    let mut workers: Vec<Running> = (0..3).map(|_| start()).collect();
    newsletter.send(&[]).await;
    let mut kills = 0;
    for (round, event) in ["kill", "join", "leave", "kill", "join", "leave", "join"]
        .iter()
        .enumerate()
    {
        server.wait_for(100 + 80 * round).await;
        match *event {
            "join" => workers.push(start()),
            "leave" => assert_eq!(workers.remove(0).terminate().await.code(), Some(0)),
            _ => {
                kills += 1;
                workers.remove(0).kill().await;
            }
        }
        assert_accounted(&newsletter, &server, readers, event).await;
    }
    let result = newsletter.until_sent().await;
    assert_all_served(&newsletter, &server, &result, CONNECTIONS * kills).await;
}

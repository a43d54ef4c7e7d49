//! Outages of the database and full disks: no message is sent whose result cannot be stored,
//! and sending continues automatically.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::Executor;
use tempfile::TempDir;

use super::crashes::assert_all_delivered;
use crate::support::newsletter::{Newsletter, parse_send_result, wait_until};
use crate::support::postgres::TestPostgres;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const SUBSCRIBERS: usize = 400;
const MESSAGE_DELAY: Duration = Duration::from_millis(10);
const CONNECTIONS: usize = 4;
const EARLY: usize = 60;
/// Longer than the time after which a worker without heartbeat is declared dead.
const LOCK_DURATION: Duration = Duration::from_secs(11);

async fn newsletter_on(server: &SmtpServer) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.with_setting("smtp.connections", CONNECTIONS.to_string())
}

#[tokio::test]
async fn locked_database_delays_and_loses_no_delivery() {
    let server = SmtpServer::with_delay(MESSAGE_DELAY);
    let newsletter = newsletter_on(&server).await;
    newsletter.import_subscribers(SUBSCRIBERS).await;
    let sending = newsletter.start(&["digest", "send", "--wait"]);
    server.wait_for_messages(EARLY).await;
    let mut connection = newsletter.connect_to_database().await;
    let lock: &[&str] = match newsletter.database.url().starts_with("sqlite") {
        true => &["PRAGMA busy_timeout = 10000", "BEGIN IMMEDIATE"],
        false => &[
            "BEGIN",
            "LOCK TABLE deliveries, workers IN ACCESS EXCLUSIVE MODE",
        ],
    };
    for statement in lock {
        connection.execute(*statement).await.expect("a lock");
    }
    let locked = Instant::now();
    tokio::time::sleep(LOCK_DURATION).await;
    let released = Instant::now();
    connection.execute("COMMIT").await.expect("a released lock");
    let ended = sending.wait().await;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let received = server.received();
    let while_locked = received
        .iter()
        .filter(|message| message.at > locked && message.at < released)
        .count();
    assert!(
        while_locked <= CONNECTIONS,
        "{while_locked} messages sent without a stored result"
    );
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_all_delivered(&newsletter, &server, &result, 0).await;
}

/// Creates a newsletter on its own PostgreSQL server. Returns `None` if this test run does not
/// use PostgreSQL.
async fn newsletter_on_own_postgres() -> Option<(TestPostgres, SmtpServer, Newsletter)> {
    std::env::var_os("BROADSHEET_TEST_DATABASE")?;
    let postgres = TestPostgres::start();
    let server = SmtpServer::with_delay(MESSAGE_DELAY);
    let newsletter = newsletter_on(&server)
        .await
        .with_setting("database.url", postgres.url());
    newsletter.import_subscribers(SUBSCRIBERS).await;
    Some((postgres, server, newsletter))
}

#[tokio::test]
async fn worker_waits_for_restart_of_crashed_database() {
    let Some((postgres, server, newsletter)) = newsletter_on_own_postgres().await else {
        return;
    };
    let worker = newsletter.start(&["worker"]);
    newsletter.send_digest(&[]).await;
    for messages in [EARLY, 3 * EARLY, 5 * EARLY] {
        server.wait_for_messages(messages).await;
        postgres.crash_and_restart();
    }
    let result = newsletter.wait_until_sent().await;
    assert_all_delivered(&newsletter, &server, &result, 0).await;
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn hanging_database_does_not_delay_shutdown() {
    let Some((postgres, server, newsletter)) = newsletter_on_own_postgres().await else {
        return;
    };
    let worker = newsletter.start(&["worker"]);
    newsletter.send_digest(&[]).await;
    server.wait_for_messages(EARLY).await;
    postgres.hang();
    let signalled = Instant::now();
    let ended = worker.terminate().await;
    assert!(
        signalled.elapsed() < Duration::from_secs(10),
        "{:?}, {ended:?}",
        signalled.elapsed()
    );
    postgres.resume();
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_all_delivered(&newsletter, &server, &result, CONNECTIONS).await;
}

#[tokio::test]
async fn send_waits_for_restart_of_crashed_database() {
    let Some((postgres, server, newsletter)) = newsletter_on_own_postgres().await else {
        return;
    };
    let sending = newsletter.start(&["digest", "send", "--wait"]);
    for messages in [EARLY, 3 * EARLY] {
        server.wait_for_messages(messages).await;
        postgres.crash_and_restart();
    }
    let (code, result) = parse_send_result(&sending.wait().await);
    assert_eq!(code, 0, "{result}");
    assert_all_delivered(&newsletter, &server, &result, 0).await;
}

/// A file system of 16 MB. Unmounted on drop.
struct Tmpfs(TempDir);

impl Tmpfs {
    /// Returns `None` if this user may not mount a file system.
    fn mount() -> Option<Self> {
        let folder = TempDir::new().expect("a temporary folder");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(folder.path())
            .output();
        mount
            .is_ok_and(|done| done.status.success())
            .then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the file system with a file and returns its path.
    fn fill(&self) -> PathBuf {
        let filler = self.path().join("filler");
        let mut file = std::fs::File::create(&filler).expect("a file");
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
        filler
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test]
async fn full_disk_stops_sending_until_space_is_free() {
    if std::env::var_os("BROADSHEET_TEST_DATABASE").is_some() {
        return; // About the file of SQLite.
    }
    let Some(disk) = Tmpfs::mount() else {
        println!("skipped: only root may mount a file system");
        return;
    };
    let server = SmtpServer::with_delay(MESSAGE_DELAY);
    let database = format!("sqlite:{}", disk.path().join("small.db").display());
    let newsletter = newsletter_on(&server)
        .await
        .with_setting("database.url", database);
    newsletter.import_subscribers(SUBSCRIBERS).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send_digest(&[]).await;
    server.wait_for_messages(EARLY).await;
    let filler = disk.fill();
    // The connections wait for a commit: no message arrives in the time of a hundred.
    let mut received = 0;
    wait_until("the end of sending", async || {
        let before = std::mem::replace(&mut received, server.received().len());
        tokio::time::sleep(100 * MESSAGE_DELAY).await;
        (received == before).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let later = server.received().len() - received;
    assert_eq!(later, 0, "messages sent without a stored result");
    assert!(received < SUBSCRIBERS, "the disk was full too late");

    std::fs::remove_file(filler).expect("the filler");
    let result = newsletter.wait_until_sent().await;
    assert_all_delivered(&newsletter, &server, &result, 0).await;
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn unresponsive_smtp_server_does_not_delay_shutdown() {
    let server = SmtpServer::with_script(|event| {
        (event.stage == Stage::Dot && event.transaction > EARLY).then_some(Fault::Silence)
    });
    let newsletter = newsletter_on(&server).await;
    newsletter.import_subscribers(SUBSCRIBERS).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send_digest(&[]).await;
    server.wait_for_messages(EARLY + CONNECTIONS).await;
    let signalled = Instant::now();
    let ended = worker.terminate().await;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert!(
        signalled.elapsed() < Duration::from_secs(10),
        "{:?}",
        signalled.elapsed()
    );
    let states = newsletter.delivery_counts().await;
    assert_eq!(states.get("delivered"), Some(&EARLY), "{states:?}");
    // Sent with an unknown result; `smtp.in_doubt` is `resend`.
    assert_eq!(states.get("deferred"), Some(&CONNECTIONS), "{states:?}");
    assert_eq!(
        states.get("queued"),
        Some(&(SUBSCRIBERS - EARLY - CONNECTIONS)),
        "{states:?}"
    );
}

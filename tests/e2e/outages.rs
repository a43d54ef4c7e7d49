//! The database is busy, goes away or has no room; a server dawdles: nothing is sent that
//! could not be written down, and it goes on by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::any::{AnyConnectOptions, install_default_drivers};
use sqlx::{AnyConnection, ConnectOptions, Executor};
use tempfile::TempDir;

use super::crashes::assert_all_served;
use crate::support::newsletter::{Newsletter, result_of, until_logged};
use crate::support::postgres::Cluster;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const READERS: usize = 400;
const A_MAIL: Duration = Duration::from_millis(10);
const CONNECTIONS: usize = 4;
const EARLY: usize = 60;
/// Longer than the time in which a silent process is taken for dead.
const BUSY: Duration = Duration::from_secs(11);

async fn newsletter_on(server: &SmtpServer) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.with("smtp.connections", CONNECTIONS.to_string())
}

/// A connection of someone else's to the newsletter's database.
pub(super) async fn intruder(newsletter: &Newsletter) -> AnyConnection {
    install_default_drivers();
    let options: AnyConnectOptions = newsletter.database.url().parse().expect("a URL");
    options.connect().await.expect("a connection")
}

#[tokio::test]
async fn a_database_held_busy_delays_and_loses_nothing() {
    let server = SmtpServer::unhurried(A_MAIL);
    let newsletter = newsletter_on(&server).await;
    newsletter.import_readers(READERS).await;
    let sending = newsletter.start(&["digest", "send", "--wait"]);
    server.wait_for(EARLY).await;
    let mut intruder = intruder(&newsletter).await;
    let hold: &[&str] = match newsletter.database.url().starts_with("sqlite") {
        true => &["PRAGMA busy_timeout = 10000", "BEGIN IMMEDIATE"],
        false => &[
            "BEGIN",
            "LOCK TABLE deliveries, workers IN ACCESS EXCLUSIVE MODE",
        ],
    };
    for statement in hold {
        intruder.execute(*statement).await.expect("the lock");
    }
    let held = Instant::now();
    tokio::time::sleep(BUSY).await;
    let released = Instant::now();
    intruder.execute("COMMIT").await.expect("the lock let go");
    let ended = sending.wait().await;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    let meanwhile = server.received();
    let meanwhile = meanwhile
        .iter()
        .filter(|mail| mail.at > held && mail.at < released);
    let meanwhile = meanwhile.count();
    assert!(
        meanwhile <= CONNECTIONS,
        "{meanwhile} mails that could not be written down"
    );
    let result = newsletter.send_to_the_end(&[]).await;
    assert_all_served(&newsletter, &server, &result, 0).await;
}

/// A newsletter with readers whose database can be stopped; `None` when this run of the
/// suite is not about PostgreSQL.
async fn on_a_postgres_of_its_own() -> Option<(Cluster, SmtpServer, Newsletter)> {
    std::env::var_os("BROADSHEET_TEST_DATABASE")?;
    let cluster = Cluster::start();
    let server = SmtpServer::unhurried(A_MAIL);
    let newsletter = newsletter_on(&server)
        .await
        .with("database.url", cluster.url());
    newsletter.import_readers(READERS).await;
    Some((cluster, server, newsletter))
}

#[tokio::test]
async fn a_database_that_crashes_and_comes_back_is_waited_for() {
    let Some((cluster, server, newsletter)) = on_a_postgres_of_its_own().await else {
        return;
    };
    let worker = newsletter.start(&["worker"]);
    newsletter.send(&[]).await;
    for mails in [EARLY, 3 * EARLY, 5 * EARLY] {
        server.wait_for(mails).await;
        cluster.crash_and_restart();
    }
    let result = newsletter.until_sent().await;
    assert_all_served(&newsletter, &server, &result, 0).await;
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_database_that_hangs_does_not_hold_up_the_end() {
    let Some((cluster, server, newsletter)) = on_a_postgres_of_its_own().await else {
        return;
    };
    let worker = newsletter.start(&["worker"]);
    newsletter.send(&[]).await;
    server.wait_for(EARLY).await;
    cluster.hang();
    let asked = Instant::now();
    let ended = worker.terminate().await;
    assert!(
        asked.elapsed() < Duration::from_secs(10),
        "{:?}, {ended:?}",
        asked.elapsed()
    );
    cluster.go_on();
    let result = newsletter.send_to_the_end(&[]).await;
    assert_all_served(&newsletter, &server, &result, CONNECTIONS).await;
}

#[tokio::test]
async fn whoever_waits_for_a_send_waits_for_the_database_too() {
    let Some((cluster, server, newsletter)) = on_a_postgres_of_its_own().await else {
        return;
    };
    let sending = newsletter.start(&["digest", "send", "--wait"]);
    for mails in [EARLY, 3 * EARLY] {
        server.wait_for(mails).await;
        cluster.crash_and_restart();
    }
    let (code, result) = result_of(&sending.wait().await);
    assert_eq!(code, 0, "{result}");
    assert_all_served(&newsletter, &server, &result, 0).await;
}

/// A file system of a few megabytes.
struct Tmpfs(TempDir);

impl Tmpfs {
    /// `None` for whoever may not mount.
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

    /// Leaves no room; gives back the file to remove.
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
async fn a_full_disk_stops_the_mail_and_room_lets_it_go_on() {
    if std::env::var_os("BROADSHEET_TEST_DATABASE").is_some() {
        return; // it is about the SQLite file
    }
    let Some(disk) = Tmpfs::mount() else {
        println!("skipped: only root may mount a small disk to fill");
        return;
    };
    let server = SmtpServer::unhurried(A_MAIL);
    let database = format!("sqlite:{}", disk.path().join("small.db").display());
    let newsletter = newsletter_on(&server).await.with("database.url", database);
    newsletter.import_readers(READERS).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send(&[]).await;
    server.wait_for(EARLY).await;
    let filler = disk.fill();
    until_logged(&worker, "cannot commit delivery results; retrying").await;
    let written = server.received().len();
    // Long enough for several hundred mails.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let begun = server.received().len() - written;
    assert!(
        begun <= CONNECTIONS,
        "{begun} mails that could not be written down"
    );
    assert!(written + begun < READERS, "the disk was full too late");

    std::fs::remove_file(filler).expect("the filler");
    let result = newsletter.until_sent().await;
    assert_all_served(&newsletter, &server, &result, 0).await;
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_server_that_dawdles_does_not_hold_up_the_end() {
    let server = SmtpServer::scripted(|moment| {
        (moment.stage == Stage::Dot && moment.mail > EARLY).then_some(Fault::Silence)
    });
    let newsletter = newsletter_on(&server).await;
    newsletter.import_readers(READERS).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send(&[]).await;
    server.wait_for(EARLY + CONNECTIONS).await;
    let asked = Instant::now();
    let ended = worker.terminate().await;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert!(
        asked.elapsed() < Duration::from_secs(10),
        "{:?}",
        asked.elapsed()
    );
    let states = newsletter.states().await;
    assert_eq!(states.get("delivered"), Some(&EARLY), "{states:?}");
    // In doubt, and to be sent again.
    assert_eq!(states.get("deferred"), Some(&CONNECTIONS), "{states:?}");
    assert_eq!(
        states.get("queued"),
        Some(&(READERS - EARLY - CONNECTIONS)),
        "{states:?}"
    );
}

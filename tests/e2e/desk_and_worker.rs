//! What the editor decides at the desk, or at a terminal, holds at once in every process
//! that delivers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;

use crate::support::browser::Browser;
use crate::support::newsletter::{Newsletter, text, within};
use crate::support::process::{Running, free_address};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const READERS: usize = 600;
const CONNECTIONS: usize = 2;
/// One that delivers beside the desk, and one of its own.
const PROCESSES: usize = 2;
const PASSWORD: &str = "correct horse battery";

/// An editor who is logged in.
struct Desk {
    browser: Browser,
    issue: String,
    _serve: Running,
}

impl Desk {
    async fn open(newsletter: Newsletter) -> (Newsletter, Self) {
        let address = free_address();
        let site = format!("http://{address}");
        let newsletter = newsletter
            .with("server.listen", address.to_string())
            .with("server.public_url", &site);
        let mut serve = newsletter.start(&["serve"]);
        serve.ready(address).await;
        let link = newsletter
            .json(&["admin", "create", "ed@example.com"])
            .await;
        let link = text(&link[0]["link"]);
        let token = link.split_once("token=").expect("a one-time link").1;
        let browser = Browser::new();
        let fields = [
            ("token", token),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        let entered = browser.post(&format!("{site}/admin/setup"), &fields).await;
        assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.html);
        let desk = Self {
            browser,
            issue: format!("{site}/admin/issues/1"),
            _serve: serve,
        };
        (newsletter, desk)
    }

    async fn does(&self, action: &str) {
        let csrf = self.browser.get(&self.issue).await.field("csrf");
        let fields = [("csrf", csrf.as_str()), ("action", action)];
        let done = self.browser.post(&self.issue, &fields).await;
        assert_eq!(
            done.status,
            StatusCode::SEE_OTHER,
            "{action}: {}",
            done.html
        );
        let went = done.location.unwrap_or_default();
        assert!(went.contains("done="), "{action} changed nothing: {went}");
    }
}

async fn until_none_is(newsletter: &Newsletter, state: &str) {
    let none = async {
        while newsletter.states().await.contains_key(state) {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    within(none, &format!("nothing {state}")).await;
}

#[tokio::test]
async fn pausing_resuming_and_cancelling_hold_at_once_and_everywhere() {
    let server = SmtpServer::scripted(|moment| {
        (moment.stage == Stage::Dot).then_some(Fault::Delay(Duration::from_millis(20)))
    });
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with("smtp.connections", CONNECTIONS.to_string());
    newsletter.import_readers(READERS).await;
    let (newsletter, desk) = Desk::open(newsletter).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send(&[]).await;
    server.wait_for(40).await;

    desk.does("pause").await;
    let paused = server.received().len();
    until_none_is(&newsletter, "sending").await;
    let on_the_wire = server.received().len() - paused;
    assert!(
        on_the_wire <= CONNECTIONS * PROCESSES,
        "{on_the_wire} mails after the pause"
    );
    // What was leased ahead is tried, refused and given back: none of it is sent.
    until_none_is(&newsletter, "leased").await;
    assert_eq!(server.received().len(), paused + on_the_wire);

    desk.does("resume").await;
    server.wait_for(paused + 40).await;
    desk.does("cancel").await;
    let cancelled = server.received().len();
    until_none_is(&newsletter, "sending").await;
    let sent = server.received().len();
    assert!(
        sent - cancelled <= CONNECTIONS * PROCESSES,
        "{} after the end",
        sent - cancelled
    );
    let states = newsletter.states().await;
    assert_eq!(states.get("delivered"), Some(&sent), "{states:?}");
    assert_eq!(states.get("skipped"), Some(&(READERS - sent)), "{states:?}");
    assert!(server.copies().values().all(|&copies| copies == 1));
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn trying_now_and_sending_again_are_begun_by_whoever_delivers() {
    let open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&open);
    let server = SmtpServer::scripted(move |moment| {
        if moment.stage != Stage::Rcpt || opened.load(Ordering::Relaxed) {
            return None;
        }
        match moment.recipient {
            "reader1@example.com" => Some(Fault::Reply("451 4.7.1 Greylisted")),
            "reader2@example.com" => Some(Fault::Reply("554 5.7.1 Not today")),
            _ => None,
        }
    });
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_readers(10).await;
    let (newsletter, desk) = Desk::open(newsletter).await;
    newsletter.send(&[]).await;
    server.wait_for(8).await;
    until_none_is(&newsletter, "sending").await;
    until_none_is(&newsletter, "leased").await;

    open.store(true, Ordering::Relaxed);
    desk.does("try_now").await;
    server.wait_for(9).await;
    desk.does("send_again").await;
    server.wait_for(10).await;
    let result = newsletter.until_sent().await;
    assert_eq!(result["delivered"], 10, "{result}");
    assert!(server.copies().values().all(|&copies| copies == 1));
}

#[tokio::test]
async fn what_was_on_a_connection_when_the_issue_was_cancelled_is_not_left_waiting() {
    let cancelled = Arc::new(AtomicBool::new(false));
    let waits_for = Arc::clone(&cancelled);
    let server = SmtpServer::scripted(move |moment| {
        if moment.stage != Stage::Dot {
            return None;
        }
        while !waits_for.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Fault::Reply("451 4.3.0 Not just now"))
    });
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with("smtp.connections", "1");
    newsletter.import_readers(5).await;
    let (newsletter, desk) = Desk::open(newsletter).await;
    newsletter.send(&[]).await;
    let begun = async { while !newsletter.states().await.contains_key("sending") {} };
    within(begun, "a mail on its way").await;
    desk.does("cancel").await;
    cancelled.store(true, Ordering::Relaxed);
    until_none_is(&newsletter, "sending").await;
    let states = newsletter.states().await;
    assert_eq!(states.get("skipped"), Some(&5), "{states:?}");
}

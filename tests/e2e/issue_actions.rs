//! Actions on an issue in the admin UI take effect immediately in all workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;

use crate::support::admin_client::AdminClient;
use crate::support::newsletter::Newsletter;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const SUBSCRIBERS: usize = 600;
const CONNECTIONS: usize = 2;
/// `serve`, which also sends, and a separate worker.
const PROCESSES: usize = 2;
/// Path of the first issue.
const ISSUE: &str = "/admin/issues/1";

/// Submits an action on the page of the first issue, which must change something.
async fn submit_action(admin: &AdminClient, action: &str) {
    let page = admin.submit_form(ISSUE, ISSUE, &[("action", action)]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{action}: {page:?}");
    let location = page.location.unwrap_or_default();
    assert!(location.contains("done="), "{action}: {location}");
}

#[tokio::test]
async fn pause_resume_and_cancel_apply_to_all_workers() {
    let server = SmtpServer::with_script(|event| {
        (event.stage == Stage::Dot).then_some(Fault::Delay(Duration::from_millis(20)))
    });
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with_setting("smtp.connections", CONNECTIONS.to_string());
    newsletter.import_subscribers(SUBSCRIBERS).await;
    let (newsletter, _server, site) = newsletter.serve().await;
    let admin = AdminClient::create_admin(&newsletter, &site).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send_digest(&[]).await;
    server.wait_for_messages(40).await;

    submit_action(&admin, "pause").await;
    let paused = server.received().len();
    newsletter.wait_until_none_in("sending").await;
    let in_transfer = server.received().len() - paused;
    assert!(
        in_transfer <= CONNECTIONS * PROCESSES,
        "{in_transfer} messages after the pause"
    );
    // Leased deliveries of a paused issue are released without being sent.
    newsletter.wait_until_none_in("leased").await;
    assert_eq!(server.received().len(), paused + in_transfer);

    submit_action(&admin, "resume").await;
    server.wait_for_messages(paused + 40).await;
    submit_action(&admin, "cancel").await;
    let cancelled = server.received().len();
    newsletter.wait_until_none_in("sending").await;
    let sent = server.received().len();
    assert!(
        sent - cancelled <= CONNECTIONS * PROCESSES,
        "{} messages after the cancellation",
        sent - cancelled
    );
    let states = newsletter.delivery_counts().await;
    assert_eq!(states.get("delivered"), Some(&sent), "{states:?}");
    assert_eq!(
        states.get("skipped"),
        Some(&(SUBSCRIBERS - sent)),
        "{states:?}"
    );
    assert!(server.has_no_duplicates());
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn retry_and_requeue_are_sent_by_running_worker() {
    let accepts = Arc::new(AtomicBool::new(false));
    let is_accepting = Arc::clone(&accepts);
    let server = SmtpServer::with_script(move |event| {
        if event.stage != Stage::Rcpt || is_accepting.load(Ordering::Relaxed) {
            return None;
        }
        match event.recipient {
            "reader1@example.com" => Some(Fault::Reply("451 4.7.1 Greylisted")),
            "reader2@example.com" => Some(Fault::Reply("554 5.7.1 Not today")),
            _ => None,
        }
    });
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(10).await;
    let (newsletter, _server, site) = newsletter.serve().await;
    let admin = AdminClient::create_admin(&newsletter, &site).await;
    newsletter.send_digest(&[]).await;
    server.wait_for_messages(8).await;
    newsletter.wait_until_none_in("sending").await;
    newsletter.wait_until_none_in("leased").await;

    accepts.store(true, Ordering::Relaxed);
    submit_action(&admin, "try_now").await;
    server.wait_for_messages(9).await;
    submit_action(&admin, "send_again").await;
    server.wait_for_messages(10).await;
    let result = newsletter.wait_until_sent().await;
    assert_eq!(result["delivered"], 10, "{result}");
    assert!(server.has_no_duplicates());
}

#[tokio::test]
async fn deferral_after_cancellation_skips_delivery() {
    let cancelled = Arc::new(AtomicBool::new(false));
    let may_reply = Arc::clone(&cancelled);
    let server = SmtpServer::with_script(move |event| {
        if event.stage != Stage::Dot {
            return None;
        }
        while !may_reply.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Fault::Reply("451 4.3.0 Not just now"))
    });
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with_setting("smtp.connections", "1");
    newsletter.import_subscribers(5).await;
    let (newsletter, _server, site) = newsletter.serve().await;
    let admin = AdminClient::create_admin(&newsletter, &site).await;
    newsletter.send_digest(&[]).await;
    newsletter.wait_for_state("sending").await;
    submit_action(&admin, "cancel").await;
    cancelled.store(true, Ordering::Relaxed);
    newsletter.wait_until_none_in("sending").await;
    let states = newsletter.delivery_counts().await;
    assert_eq!(states.get("skipped"), Some(&5), "{states:?}");
}

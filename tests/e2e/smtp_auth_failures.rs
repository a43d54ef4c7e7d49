//! Rejected SMTP logins: a failed login is not repeated for each delivery, because the server
//! could lock the account or the address out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::newsletter::{Newsletter, wait_until};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const CONNECTIONS: usize = 4;
const EARLY: usize = 60;
/// More than one worker claims at once.
const SUBSCRIBERS: usize = 900;

/// An SMTP server whose password can be revoked.
struct LoginServer {
    server: SmtpServer,
    revoked: Arc<AtomicBool>,
    failed_logins: Arc<AtomicUsize>,
}

impl LoginServer {
    /// Revokes the password after `messages` and then closes authenticated connections.
    fn revoking_after(messages: usize) -> Self {
        let revoked = Arc::new(AtomicBool::new(messages == 0));
        let failed_logins = Arc::new(AtomicUsize::new(0));
        let (is_revoked, counter) = (Arc::clone(&revoked), Arc::clone(&failed_logins));
        let server = SmtpServer::with_script(move |event| match event.stage {
            Stage::Ehlo => Some(Fault::Reply("250-recorder.test\r\n250 AUTH PLAIN LOGIN")),
            Stage::Auth if is_revoked.load(Ordering::SeqCst) => {
                counter.fetch_add(1, Ordering::SeqCst);
                Some(Fault::Reply("535 5.7.8 Wrong password"))
            }
            Stage::Mail => {
                if event.transaction == messages + 1 {
                    is_revoked.store(true, Ordering::SeqCst);
                }
                is_revoked.load(Ordering::SeqCst).then_some(Fault::Drop)
            }
            _ => None,
        });
        Self {
            server,
            revoked,
            failed_logins,
        }
    }

    async fn newsletter(&self) -> Newsletter {
        let newsletter = Newsletter::new(&self.server.url_with_login()).await;
        newsletter.with_setting("smtp.connections", CONNECTIONS.to_string())
    }

    fn failed_logins(&self) -> usize {
        self.failed_logins.load(Ordering::SeqCst)
    }
}

/// Waits until `count` deliveries are in this state, and all others are delivered.
async fn wait_until_all_in(newsletter: &Newsletter, state: &str, count: usize) {
    wait_until(state, async || {
        let mut counts = newsletter.delivery_counts().await;
        counts.remove("delivered");
        (counts.len() == 1 && counts.get(state) == Some(&count)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn password_revoked_during_send_fails_once_per_connection() {
    let login = LoginServer::revoking_after(EARLY);
    let newsletter = login.newsletter().await;
    newsletter.import_subscribers(SUBSCRIBERS).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send_digest(&[]).await;
    newsletter.wait_until_paused().await;
    wait_until_all_in(&newsletter, "queued", SUBSCRIBERS - EARLY).await;
    let failed = login.failed_logins();
    assert!(
        (1..=CONNECTIONS).contains(&failed),
        "{failed} failed logins"
    );
    for delivery in newsletter.deliveries().await {
        let attempts = usize::from(delivery["state"] == "delivered");
        assert_eq!(delivery["attempts"], attempts, "{delivery}");
    }

    // Resuming the issue resets the circuit breaker: no cooldown.
    login.revoked.store(false, Ordering::SeqCst);
    newsletter
        .run_json(&["deliveries", "retry", "--issue", "1"])
        .await;
    let result = newsletter.wait_until_sent().await;
    assert_eq!(result["delivered"], SUBSCRIBERS, "{result}");
    assert!(login.server.has_no_duplicates());
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn wrong_password_is_not_tried_per_confirmation() {
    const SIGN_UPS: usize = 30;
    let login = LoginServer::revoking_after(0);
    let newsletter = login.newsletter().await;
    let rows: String = (1..=SIGN_UPS)
        .map(|number| format!("reader{number}@example.com\n"))
        .collect();
    let file = newsletter.install.folder().join("sign-ups.csv");
    std::fs::write(&file, format!("email\n{rows}")).expect("a file of sign-ups");
    let import = ["subscribers", "import", "--pending", "sign-ups.csv"];
    newsletter.run_json(&import).await;
    let worker = newsletter.start(&["worker"]);
    wait_until_all_in(&newsletter, "deferred", SIGN_UPS).await;
    assert_eq!(login.failed_logins(), 1);
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 0, "{delivery}");
    }
    assert_eq!(worker.terminate().await.code(), Some(0));
}

/// The server closes the first connections before it rejects the login.
#[tokio::test]
async fn slowly_starting_server_gets_wrong_password_once() {
    let (connections, failed_logins) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&failed_logins);
    let server = SmtpServer::with_script(move |event| match event.stage {
        Stage::Connect => {
            let is_early = connections.fetch_add(1, Ordering::SeqCst) < 2 * CONNECTIONS;
            is_early.then_some(Fault::Drop)
        }
        Stage::Ehlo => Some(Fault::Reply("250-recorder.test\r\n250 AUTH PLAIN LOGIN")),
        Stage::Auth => {
            counter.fetch_add(1, Ordering::SeqCst);
            Some(Fault::Reply("535 5.7.8 Wrong password"))
        }
        _ => None,
    });
    let newsletter = Newsletter::new(&server.url_with_login()).await;
    let newsletter = newsletter.with_setting("smtp.connections", CONNECTIONS.to_string());
    newsletter.import_subscribers(20).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send_digest(&[]).await;
    newsletter.wait_until_paused().await;
    assert_eq!(failed_logins.load(Ordering::SeqCst), 1);
    assert_eq!(worker.terminate().await.code(), Some(0));
}

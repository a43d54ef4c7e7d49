//! A password that the mail server does not take (any more): a failed log-in is not
//! repeated for each mail that waits, which would lock the account or the address out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::newsletter::{Newsletter, within};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const CONNECTIONS: usize = 4;
const EARLY: usize = 60;
/// More than are in hand at once.
const READERS: usize = 900;

/// A server with a password that can be revoked.
struct Guarded {
    server: SmtpServer,
    revoked: Arc<AtomicBool>,
    /// Log-ins that failed.
    refused: Arc<AtomicUsize>,
}

impl Guarded {
    /// Revokes the password after `mails`, and then hangs up on whoever is logged in.
    fn until(mails: usize) -> Self {
        let revoked = Arc::new(AtomicBool::new(mails == 0));
        let refused = Arc::new(AtomicUsize::new(0));
        let (is_revoked, counted) = (Arc::clone(&revoked), Arc::clone(&refused));
        let server = SmtpServer::scripted(move |moment| match moment.stage {
            Stage::Ehlo => Some(Fault::Reply("250-recorder.test\r\n250 AUTH PLAIN LOGIN")),
            Stage::Auth if is_revoked.load(Ordering::SeqCst) => {
                counted.fetch_add(1, Ordering::SeqCst);
                Some(Fault::Reply("535 5.7.8 Wrong password"))
            }
            Stage::Mail => {
                if moment.mail == mails + 1 {
                    is_revoked.store(true, Ordering::SeqCst);
                }
                is_revoked.load(Ordering::SeqCst).then_some(Fault::Drop)
            }
            _ => None,
        });
        Self {
            server,
            revoked,
            refused,
        }
    }

    async fn newsletter(&self) -> Newsletter {
        let url = format!("smtp://baker:y3asty@{}", self.server.address());
        let newsletter = Newsletter::new(&url).await;
        newsletter.with("smtp.connections", CONNECTIONS.to_string())
    }

    fn failed_log_ins(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

/// Waits until there are so many deliveries in this state, and all others were delivered.
async fn until_all_are(newsletter: &Newsletter, state: &str, count: usize) {
    let settled = async {
        loop {
            let mut states = newsletter.states().await;
            states.remove("delivered");
            if states.len() == 1 && states.get(state) == Some(&count) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    within(settled, state).await;
}

async fn until_paused(newsletter: &Newsletter) {
    let paused = async { while newsletter.send(&[]).await.1["result"] != "paused" {} };
    within(paused, "the pause").await;
}

#[tokio::test]
async fn a_password_revoked_in_the_middle_of_a_send_is_not_tried_for_each_mail() {
    let guarded = Guarded::until(EARLY);
    let newsletter = guarded.newsletter().await;
    newsletter.import_readers(READERS).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send(&[]).await;
    until_paused(&newsletter).await;
    until_all_are(&newsletter, "queued", READERS - EARLY).await;
    let failed = guarded.failed_log_ins();
    assert!(
        (1..=CONNECTIONS).contains(&failed),
        "{failed} failed log-ins"
    );
    for delivery in newsletter.deliveries().await {
        let tries = usize::from(delivery["state"] == "delivered");
        assert_eq!(delivery["attempts"], tries, "{delivery}");
    }

    // Whoever sets it right and resumes does not wait for anything.
    guarded.revoked.store(false, Ordering::SeqCst);
    newsletter
        .json(&["deliveries", "retry", "--issue", "1"])
        .await;
    let result = newsletter.until_sent().await;
    assert_eq!(result["delivered"], READERS, "{result}");
    assert!(guarded.server.copies().values().all(|&copies| copies == 1));
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_for_each_confirmation_that_waits() {
    const SIGN_UPS: usize = 30;
    let guarded = Guarded::until(0);
    let newsletter = guarded.newsletter().await;
    let rows: String = (1..=SIGN_UPS)
        .map(|number| format!("reader{number}@example.com\n"))
        .collect();
    let file = newsletter.installation.folder().join("sign-ups.csv");
    std::fs::write(&file, format!("email\n{rows}")).expect("a file of sign-ups");
    let asked = ["subscribers", "import", "--pending", "sign-ups.csv"];
    newsletter.json(&asked).await;
    let worker = newsletter.start(&["worker"]);
    until_all_are(&newsletter, "deferred", SIGN_UPS).await;
    assert_eq!(guarded.failed_log_ins(), 1);
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 0, "{delivery}");
    }
    assert_eq!(worker.terminate().await.code(), Some(0));
}

/// The mail server comes back before it knows its users again, and takes its time to say so.
#[tokio::test]
async fn a_server_that_starts_slowly_hears_a_wrong_password_once() {
    let (calls, refused) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&refused);
    let server = SmtpServer::scripted(move |moment| match moment.stage {
        Stage::Connect => {
            let early = calls.fetch_add(1, Ordering::SeqCst) < 2 * CONNECTIONS;
            early.then_some(Fault::Drop)
        }
        Stage::Ehlo => Some(Fault::Reply("250-recorder.test\r\n250 AUTH PLAIN LOGIN")),
        Stage::Auth => {
            counted.fetch_add(1, Ordering::SeqCst);
            Some(Fault::Reply("535 5.7.8 Wrong password"))
        }
        _ => None,
    });
    let url = format!("smtp://baker:y3asty@{}", server.address());
    let newsletter = Newsletter::new(&url).await;
    let newsletter = newsletter.with("smtp.connections", CONNECTIONS.to_string());
    newsletter.import_readers(20).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send(&[]).await;
    until_paused(&newsletter).await;
    assert_eq!(refused.load(Ordering::SeqCst), 1);
    assert_eq!(worker.terminate().await.code(), Some(0));
}

//! Alerts to the owner: one per event, also if all other recipients are rejected.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::message_format::{parse, plain_text};
use crate::support::newsletter::{Newsletter, post};
use crate::support::smtp_server::{Fault, ReceivedMessage, SmtpServer, Stage};

const OWNER: &str = "owner@example.net";

async fn newsletter_with_owner(server: &SmtpServer) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(2).await;
    newsletter.with_setting("alerts.to", OWNER)
}

fn alerts(received: &[ReceivedMessage]) -> Vec<&ReceivedMessage> {
    let is_to_owner = |message: &&ReceivedMessage| message.recipients == [OWNER];
    received.iter().filter(is_to_owner).collect()
}

#[tokio::test]
async fn sent_issue_with_two_workers_raises_one_alert() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_owner(&server).await;
    let _workers = newsletter.start_workers::<2>().await;

    newsletter.send_digest(&[]).await;
    let received = server.wait_for_messages(3).await;

    let mail = parse(&alerts(&received)[0].message);
    assert_eq!(mail.subject(), Some("No. 1 was sent to 2"));
    let text = plain_text(&mail);
    assert!(
        text.contains("2 delivered") && text.contains("/weekly/admin/issues/1"),
        "{text}"
    );
    assert_eq!(mail.header("List-Unsubscribe"), None);

    // Both workers have polled again before the alert of a second issue is sent.
    newsletter.blog.publish(post("two", "Two", 1));
    newsletter.send_digest(&["--extra"]).await;
    let received = server.wait_for_messages(6).await;
    assert_eq!(alerts(&received).len(), 2);
}

#[tokio::test]
async fn paused_issue_raises_alert_with_smtp_reply() {
    let rejections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&rejections);
    let server = SmtpServer::with_script(move |event| {
        let is_rejected = event.stage == Stage::Rcpt && event.recipient.starts_with("reader");
        is_rejected.then(|| {
            count.fetch_add(1, Ordering::Relaxed);
            Fault::Reply("530 5.7.0 Log in first")
        })
    });
    let newsletter = newsletter_with_owner(&server).await;
    let _worker = newsletter.start(&["worker"]);
    newsletter.send_digest(&[]).await;
    let received = server.wait_for_messages(1).await;
    assert!(rejections.load(Ordering::Relaxed) > 0);
    let mail = parse(&alerts(&received)[0].message);
    assert_eq!(
        mail.subject(),
        Some("No. 1 is paused and needs your attention")
    );
    assert!(plain_text(&mail).contains("530 5.7.0 Log in first"));
}

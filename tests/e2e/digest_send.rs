//! `digest send`: one issue per week, and the reasons for a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::newsletter::{Newsletter, parse_send_result, post};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

async fn newsletter_with_subscribers(server: &SmtpServer, subscribers: usize) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(subscribers).await;
    newsletter
}

#[tokio::test]
async fn second_send_of_a_week_sends_nothing() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_subscribers(&server, 3).await;
    let first = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(first["result"], "sent", "{first}");
    assert_eq!(
        (&first["issue"], &first["recipients"]),
        (&1.into(), &3.into())
    );
    let slot = first["slot"].as_str().expect("the week's slot");
    assert!(slot.len() == 8 && slot.contains("-W"), "{slot}");

    newsletter
        .blog
        .publish(post("late", "Too late for this week", 1));
    let second = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(second["result"], "already_sent", "{second}");
    assert_eq!(
        (&second["issue"], &second["delivered"]),
        (&1.into(), &3.into())
    );
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn four_concurrent_sends_create_one_issue() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_subscribers(&server, 40).await;
    let all: Vec<_> = (0..4)
        .map(|_| newsletter.start(&["digest", "send", "--wait"]))
        .collect();
    for running in all {
        let (code, result) = parse_send_result(&running.wait().await);
        assert_eq!(code, 0, "{result}");
        assert_eq!(
            (&result["issue"], &result["delivered"]),
            (&1.into(), &40.into()),
            "{result}"
        );
        let name = result["result"].as_str();
        assert!(matches!(name, Some("sent" | "already_sent")), "{result}");
    }
    let messages = server.messages_per_recipient();
    assert_eq!(messages.len(), 40);
    assert!(server.has_no_duplicates(), "{messages:?}");
}

#[tokio::test]
async fn running_worker_sends_within_two_seconds() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_subscribers(&server, 2).await;
    let [_worker] = newsletter.start_workers().await;
    let (code, result) = newsletter.send_digest(&[]).await;
    let enqueued = Instant::now();
    assert_eq!(
        (code, result["result"].as_str()),
        (0, Some("sending")),
        "{result}"
    );
    let received = server.wait_for_messages(2).await;
    let delay = received[0].at.saturating_duration_since(enqueued);
    assert!(delay < Duration::from_secs(2), "sent after {delay:?}");
    newsletter.wait_until_sent().await;
}

#[tokio::test]
async fn extra_issue_has_no_slot() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_subscribers(&server, 2).await;
    newsletter.send_digest_and_wait(&[]).await;
    newsletter.blog.publish(post("news", "This cannot wait", 1));
    let extra = newsletter.send_digest_and_wait(&["--extra"]).await;
    assert_eq!(extra["slot"], Value::Null, "{extra}");
    assert_eq!(
        (&extra["result"], &extra["issue"]),
        (&"sent".into(), &2.into())
    );
    assert_eq!(server.received().len(), 4);
}

#[tokio::test]
async fn issue_can_be_sent_for_another_slot() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_subscribers(&server, 1).await;
    let sent = newsletter
        .send_digest_and_wait(&["--slot", "2026-W40"])
        .await;
    assert_eq!(
        (&sent["result"], &sent["slot"]),
        (&"sent".into(), &"2026-W40".into())
    );
    let again = newsletter
        .send_digest_and_wait(&["--slot", "2026-W40"])
        .await;
    assert_eq!(again["result"], "already_sent");

    let rejected = newsletter
        .run(&["digest", "send", "--slot", "2026-W54"])
        .await;
    assert_eq!(rejected.code(), Some(2), "{rejected:?}");
    assert!(
        rejected.stderr.contains("--slot") && rejected.stderr.contains("53"),
        "{rejected:?}"
    );
}

#[tokio::test]
async fn dry_run_changes_nothing() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_subscribers(&server, 2).await;
    for more in [&["--dry-run"][..], &["--dry-run", "--wait"]] {
        let (code, result) = newsletter.send_digest(more).await;
        assert_eq!(
            (code, &result["result"]),
            (0, &"dry_run".into()),
            "{result}"
        );
        assert_eq!(result["recipients"], 2);
    }
    assert_eq!(newsletter.deliveries().await, Vec::<Value>::new());
    assert_eq!(server.received().len(), 0);
    let sent = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(
        (&sent["result"], &sent["issue"]),
        (&"sent".into(), &1.into())
    );
}

#[tokio::test]
async fn send_without_subscribers_leaves_slot_unused() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    let (code, result) = newsletter.send_digest(&["--wait"]).await;
    assert_eq!(
        (code, &result["result"]),
        (0, &"nothing_new".into()),
        "{result}"
    );
    newsletter.import_subscribers(1).await;
    let sent = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(
        (&sent["result"], &sent["issue"]),
        (&"sent".into(), &1.into())
    );
}

/// Asserts that `digest send` pauses the issue, charges no attempt, and that a delivery has
/// a reply that contains `reply`.
async fn assert_paused_without_attempts(server: &SmtpServer, newsletter: &Newsletter, reply: &str) {
    let (code, result) = newsletter.send_digest(&["--wait"]).await;
    assert_eq!((code, &result["result"]), (1, &"paused".into()), "{result}");
    assert_eq!(result["queued"], 30, "{result}");
    assert_eq!(server.received().len(), 0);
    let deliveries = newsletter.deliveries().await;
    assert_eq!(deliveries.len(), 30);
    let mut with_reply = 0;
    for delivery in &deliveries {
        assert_eq!(
            (&delivery["state"], &delivery["attempts"]),
            (&"queued".into(), &0.into())
        );
        with_reply += usize::from(
            delivery["reply"]
                .as_str()
                .is_some_and(|text| text.contains(reply)),
        );
    }
    assert!(with_reply > 0, "no reply recorded: {deliveries:?}");
    // Another `digest send`, for example by cron, does not resume it.
    let (code, again) = newsletter.send_digest(&["--wait"]).await;
    assert_eq!((code, &again["result"]), (1, &"paused".into()), "{again}");
}

#[tokio::test]
async fn smtp_server_requiring_login_pauses_issue() {
    let server = SmtpServer::with_script(|event| {
        let rejection = Fault::Reply("530 5.7.0 Log in first");
        (event.stage == Stage::Mail).then_some(rejection)
    });
    let newsletter = newsletter_with_subscribers(&server, 30).await;
    assert_paused_without_attempts(&server, &newsletter, "Log in first").await;
}

#[tokio::test]
async fn wrong_password_pauses_issue_and_is_not_shown() {
    let server = SmtpServer::with_script(|event| match event.stage {
        Stage::Ehlo => Some(Fault::Reply("250-recorder.test\r\n250 AUTH PLAIN LOGIN")),
        Stage::Auth => Some(Fault::Reply("535 5.7.8 Wrong password")),
        _ => None,
    });
    let newsletter = newsletter_with_subscribers(&server, 30).await;
    let newsletter = newsletter.with_setting("smtp.url", server.url_with_login());
    let (code, result) = newsletter.send_digest(&["--wait"]).await;
    assert_eq!((code, &result["result"]), (1, &"paused".into()), "{result}");
    for delivery in newsletter.deliveries().await {
        assert_eq!(
            (&delivery["state"], &delivery["attempts"]),
            (&"queued".into(), &0.into())
        );
        assert!(!delivery.to_string().contains("y3asty"), "{delivery}");
    }
}

#[tokio::test]
async fn malformed_message_reply_pauses_issue() {
    let server = SmtpServer::with_script(|event| {
        let rejection = Fault::Reply("554 5.5.2 Malformed message");
        (event.stage == Stage::Dot).then_some(rejection)
    });
    let newsletter = newsletter_with_subscribers(&server, 30).await;
    assert_paused_without_attempts(&server, &newsletter, "Malformed message").await;
}

#[tokio::test]
async fn send_without_wait_sends_due_deliveries() {
    let greylists = Arc::new(AtomicBool::new(true));
    let is_greylisting = Arc::clone(&greylists);
    let server = SmtpServer::with_script(move |event| {
        let is_rejected = event.stage == Stage::Rcpt && is_greylisting.load(Ordering::Relaxed);
        is_rejected.then_some(Fault::Reply("451 4.7.1 Greylisted, try later"))
    });
    let newsletter = newsletter_with_subscribers(&server, 10).await;
    let no_time: &[&str] = &["--wait", "--wait-max", "0s"];
    let (code, result) = newsletter.send_digest(no_time).await;
    assert_eq!((code, &result["deferred"]), (75, &10.into()), "{result}");
    let connections = server.connections();
    let (code, result) = newsletter.send_digest(no_time).await;
    assert_eq!((code, &result["deferred"]), (75, &10.into()), "{result}");
    assert_eq!(server.connections(), connections, "no delivery was due");

    newsletter.retry_deferred().await;
    greylists.store(false, Ordering::Relaxed);
    let (code, result) = newsletter.send_digest(no_time).await;
    assert_eq!((code, &result["result"]), (0, &"sent".into()), "{result}");
}

//! SMTP rejections, disconnects and lost replies: retries, suppression, and no attempt charged
//! for failures of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::support::newsletter::{Newsletter, parse_send_result, post, wait_for_log, with_timeout};
use crate::support::process::free_address;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

/// The recipient that the server rejects.
const REJECTED: &str = "reader3@example.com";

/// Options with which `digest send` ends when only deferred deliveries remain.
const UNTIL_DEFERRED: &[&str] = &["--wait", "--wait-max", "1s"];

async fn newsletter_with_ten_subscribers(url: &str) -> Newsletter {
    let newsletter = Newsletter::new(url).await;
    newsletter.import_subscribers(10).await;
    newsletter
}

/// Starts a server with a fault at the first message to [`REJECTED`] that reaches `stage`.
fn server_with_fault_once(stage: Stage, fault: Fault) -> SmtpServer {
    let done = AtomicBool::new(false);
    SmtpServer::with_script(move |event| {
        let is_match = event.stage == stage && event.recipient == REJECTED;
        (is_match && !done.swap(true, Ordering::Relaxed)).then(|| fault.clone())
    })
}

/// Returns the time from the last attempt to the next one in milliseconds.
fn retry_delay(delivery: &serde_json::Value) -> Option<i64> {
    Some(delivery["due_at"].as_i64()? - delivery["at"].as_i64()?)
}

#[tokio::test]
async fn temporary_rejection_is_retried_and_delivered() {
    let accepts = Arc::new(AtomicBool::new(false));
    let is_accepting = Arc::clone(&accepts);
    let server = SmtpServer::with_script(move |event| {
        let is_greylisted = event.stage == Stage::Rcpt && event.recipient.contains('2');
        let is_rejected = is_greylisted && !is_accepting.load(Ordering::Relaxed);
        is_rejected.then_some(Fault::Reply("451 4.7.1 Greylisted, try later"))
    });
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(30).await;
    let (code, result) = newsletter.send_digest(UNTIL_DEFERRED).await;
    assert_eq!(
        (code, &result["result"]),
        (75, &"sending".into()),
        "{result}"
    );
    assert_eq!(
        (&result["delivered"], &result["deferred"]),
        (&18.into(), &12.into()),
        "{result}"
    );
    let deferred = newsletter.delivery_to("reader12@example.com").await;
    assert_eq!(
        (&deferred["state"], &deferred["attempts"]),
        (&"deferred".into(), &1.into())
    );
    assert_eq!(deferred["reply"], "451 4.7.1 Greylisted, try later");

    let deferred = newsletter
        .run_json(&["deliveries", "list", "--state", "deferred"])
        .await;
    let delays: Vec<i64> = deferred.iter().filter_map(retry_delay).collect();
    assert!(
        delays
            .iter()
            .all(|delay| (299..=331).contains(&(delay / 1_000))),
        "{delays:?}"
    );
    let range = delays.iter().max().zip(delays.iter().min());
    assert!(
        range.is_some_and(|(last, first)| last - first > 1_000),
        "retries are not spread: {delays:?}"
    );

    let (code, again) = newsletter.send_digest(UNTIL_DEFERRED).await;
    assert_eq!(
        (code, &again["deferred"]),
        (75, &12.into()),
        "retried before it was due: {again}"
    );

    accepts.store(true, Ordering::Relaxed);
    let result = newsletter.send_deferred().await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &30.into())
    );
    let delivered = newsletter.delivery_to("reader12@example.com").await;
    assert_eq!(
        (&delivered["state"], &delivered["attempts"]),
        (&"delivered".into(), &2.into())
    );
    assert!(server.has_no_duplicates());
}

#[tokio::test]
async fn unknown_recipient_bounces_and_is_suppressed() {
    let server = SmtpServer::with_script(|event| {
        let is_rejected = event.stage == Stage::Rcpt && event.recipient == REJECTED;
        is_rejected.then_some(Fault::Reply("550 5.1.1 No such user"))
    });
    let newsletter = newsletter_with_ten_subscribers(&server.url()).await;
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &9.into()),
        "{result}"
    );
    assert_eq!(result["bounced"], 1, "{result}");
    let bounced = newsletter
        .run_json(&["deliveries", "list", "--state", "bounced"])
        .await;
    assert_eq!(bounced.len(), 1);
    assert_eq!(
        (&bounced[0]["address"], &bounced[0]["attempts"]),
        (&REJECTED.into(), &1.into())
    );
    assert_eq!(bounced[0]["reply"], "550 5.1.1 No such user");
    let suppressed = newsletter
        .run_json(&["subscribers", "list", "--state", "suppressed"])
        .await;
    assert_eq!(suppressed.len(), 1);
    assert_eq!(suppressed[0]["address"], REJECTED);

    newsletter.blog.publish(post("next", "Next week's post", 1));
    let next = newsletter.send_digest_and_wait(&["--extra"]).await;
    assert_eq!(
        (&next["recipients"], &next["delivered"]),
        (&9.into(), &9.into()),
        "{next}"
    );
}

#[tokio::test]
async fn disconnect_before_final_dot_defers_one_delivery() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Body] {
        // At MAIL the recipient is not known yet, so drop the first connection.
        let server = match stage {
            Stage::Mail => SmtpServer::with_script(|event| {
                let is_first = event.stage == Stage::Mail && event.connection == 1;
                is_first.then_some(Fault::Drop)
            }),
            stage => server_with_fault_once(stage, Fault::Drop),
        };
        let newsletter = newsletter_with_ten_subscribers(&server.url()).await;
        let (code, result) = newsletter.send_digest(UNTIL_DEFERRED).await;
        assert_eq!(
            (code, &result["delivered"]),
            (75, &9.into()),
            "{stage:?}: {result}"
        );
        assert_eq!(result["deferred"], 1, "{stage:?}: {result}");
        let result = newsletter.send_deferred().await;
        assert_eq!(
            (&result["result"], &result["delivered"]),
            (&"sent".into(), &10.into())
        );
        assert!(server.has_no_duplicates(), "{stage:?}");
    }
}

#[tokio::test]
async fn lost_reply_with_hold_policy_is_in_doubt() {
    let server = server_with_fault_once(Stage::Dot, Fault::Drop);
    let newsletter = newsletter_with_ten_subscribers(&server.url())
        .await
        .with_setting("smtp.in_doubt", "hold");
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &9.into()),
        "{result}"
    );
    assert_eq!(result["in_doubt"], 1, "{result}");
    let in_doubt = newsletter.delivery_to(REJECTED).await;
    assert_eq!(
        (&in_doubt["state"], &in_doubt["attempts"]),
        (&"in_doubt".into(), &1.into())
    );
    assert_eq!(server.messages_per_recipient()[REJECTED], 1);
}

#[tokio::test]
async fn lost_reply_resends_identical_message() {
    let server = server_with_fault_once(Stage::Dot, Fault::Drop);
    let newsletter = newsletter_with_ten_subscribers(&server.url()).await;
    let (code, result) = newsletter.send_digest(UNTIL_DEFERRED).await;
    assert_eq!((code, &result["deferred"]), (75, &1.into()), "{result}");
    let result = newsletter.send_deferred().await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &10.into())
    );
    let received = server.received();
    let duplicates: Vec<_> = received
        .iter()
        .filter(|message| message.recipients == [REJECTED])
        .collect();
    assert_eq!(duplicates.len(), 2);
    assert!(
        duplicates[0].message == duplicates[1].message,
        "different bytes"
    );
    assert_eq!(received.len(), 11);
}

#[tokio::test]
async fn unreachable_server_charges_no_attempt() {
    let address = free_address();
    let newsletter = newsletter_with_ten_subscribers(&format!("smtp://{address}")).await;
    let sending = newsletter.start(&["digest", "send", "--wait"]);
    // Only the log shows a failed connection: the deliveries stay leased.
    wait_for_log(&sending, "cannot connect to mail server; retrying").await;
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 0, "{delivery}");
    }
    let server = SmtpServer::start_at(address);
    let finished = with_timeout(sending.wait(), "the end of the send").await;
    let (code, result) = parse_send_result(&finished);
    assert_eq!((code, &result["result"]), (0, &"sent".into()), "{result}");
    assert_eq!(server.messages_per_recipient().len(), 10);
    for delivery in newsletter.deliveries().await {
        assert_eq!(
            (&delivery["state"], &delivery["attempts"]),
            (&json!("delivered"), &json!(1))
        );
    }
}

#[tokio::test]
async fn server_shutdown_defers_and_uses_new_connections() {
    // The server closes each connection at the fourth message.
    let transactions = std::sync::Mutex::new(std::collections::HashMap::<usize, usize>::new());
    let rejections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&rejections);
    let server = SmtpServer::with_script(move |event| {
        if event.stage != Stage::Mail {
            return None;
        }
        let mut transactions = transactions.lock().expect("no panic in a script");
        let count = transactions.entry(event.connection).or_default();
        *count += 1;
        (*count > 3).then(|| {
            counter.fetch_add(1, Ordering::Relaxed);
            Fault::Reply("421 4.3.2 Shutting down")
        })
    });
    let newsletter = Newsletter::new(&server.url())
        .await
        .with_setting("smtp.connections", "2");
    newsletter.import_subscribers(40).await;
    let (code, result) = newsletter.send_digest(UNTIL_DEFERRED).await;
    assert_eq!(code, 0, "{result}");
    let rejections = rejections.load(Ordering::Relaxed);
    assert!(
        (1..=4).contains(&rejections),
        "the limit is learnt: {rejections}"
    );
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &40.into()),
        "{result}"
    );
    assert!(server.has_no_duplicates());
}

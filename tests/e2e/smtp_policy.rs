//! Policy rejections, connection limits, stripped TLS, and malformed replies of SMTP servers.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::support::newsletter::{Newsletter, parse_send_result, wait_until};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

/// The recipient that [`server_with_fault`] rejects.
const REJECTED: &str = "reader3@example.com";
const UNAUTHENTICATED: &str = "550 5.7.26 This mail is unauthenticated";

async fn newsletter_with_subscribers(server: &SmtpServer, subscribers: usize) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(subscribers).await;
    newsletter
}

/// Starts a server with a fault at each message to [`REJECTED`].
fn server_with_fault(stage: Stage, fault: Fault) -> SmtpServer {
    SmtpServer::with_script(move |event| {
        let is_match = event.stage == stage && event.recipient == REJECTED;
        is_match.then(|| fault.clone())
    })
}

#[tokio::test]
async fn policy_rejections_pause_issue_without_attempts() {
    let rejects = Arc::new(AtomicBool::new(true));
    let is_rejecting = Arc::clone(&rejects);
    let server = SmtpServer::with_script(move |event| {
        let is_rejected = event.stage == Stage::Dot && is_rejecting.load(Ordering::Relaxed);
        is_rejected.then_some(Fault::Reply(UNAUTHENTICATED))
    });
    let newsletter = newsletter_with_subscribers(&server, 60).await;
    let finished = newsletter.run(&["digest", "send", "--wait"]).await;
    let (code, result) = parse_send_result(&finished);
    assert_eq!((code, &result["result"]), (1, &"paused".into()), "{result}");
    // Also the messages on other connections at the twentieth rejection.
    assert_eq!(
        (&result["queued"], &result["bounced"]),
        (&60.into(), &0.into()),
        "{result}"
    );
    let mut rejected = 0;
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 0, "{delivery}");
        rejected += usize::from(delivery["reply"] == UNAUTHENTICATED);
    }
    assert!((20..40).contains(&rejected), "{rejected} attempts");
    let text = newsletter.install.run(&["digest", "send"]).await;
    assert!(
        text.stdout.contains(UNAUTHENTICATED),
        "no reply in {text:?}"
    );
    let suppressed = ["subscribers", "list", "--state", "suppressed"];
    assert_eq!(newsletter.run_json(&suppressed).await, Vec::<Value>::new());

    rejects.store(false, Ordering::Relaxed);
    newsletter
        .run_json(&["deliveries", "retry", "--issue", "1"])
        .await;
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &60.into())
    );
    assert!(server.has_no_duplicates());
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 1, "{delivery}");
    }
}

#[tokio::test]
async fn policy_rejections_of_all_workers_are_added() {
    let server = SmtpServer::with_script(|event| match event.stage {
        Stage::Connect => Some(Fault::Delay(Duration::from_millis(300))),
        Stage::Dot => Some(Fault::Reply(UNAUTHENTICATED)),
        _ => None,
    });
    let newsletter = newsletter_with_subscribers(&server, 60)
        .await
        .with_setting("smtp.connections", "1");
    let _workers = newsletter.start_workers::<3>().await;
    newsletter.send_digest(&[]).await;
    newsletter.wait_until_paused().await;
    wait_until("60 queued deliveries", async || {
        let counts = newsletter.delivery_counts().await;
        (counts.get("queued") == Some(&60)).then_some(())
    })
    .await;
    let deliveries = newsletter.deliveries().await;
    let rejected = deliveries
        .iter()
        .filter(|row| row["reply"] == UNAUTHENTICATED)
        .count();
    assert!((20..=23).contains(&rejected), "{rejected} attempts");
    assert!(deliveries.iter().all(|row| row["attempts"] == 0));
}

#[tokio::test]
async fn delivery_of_one_worker_resets_count_of_another() {
    // More than one worker claims in advance.
    const SUBSCRIBERS: usize = 1_100;
    let server = SmtpServer::with_script(|event| match (event.stage, event.connection) {
        (Stage::Mail, 1) => Some(Fault::Delay(Duration::from_millis(200))),
        (Stage::Dot, 1) => Some(Fault::Reply(UNAUTHENTICATED)),
        (Stage::Dot, _) => Some(Fault::Delay(Duration::from_millis(15))),
        _ => None,
    });
    let newsletter = newsletter_with_subscribers(&server, SUBSCRIBERS)
        .await
        .with_setting("smtp.connections", "1");
    let _workers = newsletter.start_workers::<2>().await;
    newsletter.send_digest(&[]).await;
    let result = wait_until("more rejections than pause an issue", async || {
        let (_, result) = newsletter.send_digest(&[]).await;
        let bounced = result["bounced"].as_u64().expect("a number");
        (bounced > 22 || result["result"] != "sending").then_some(result)
    })
    .await;
    assert_eq!(result["result"], "sending", "{result}");
}

#[tokio::test]
async fn single_policy_rejection_bounces_without_suppression() {
    let server = server_with_fault(Stage::Dot, Fault::Reply("554 5.7.1 Looks like spam"));
    let newsletter = newsletter_with_subscribers(&server, 10).await;
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(
        (&result["delivered"], &result["bounced"]),
        (&9.into(), &1.into()),
        "{result}"
    );
    let confirmed = ["subscribers", "list", "--state", "confirmed"];
    assert_eq!(newsletter.run_json(&confirmed).await.len(), 10);
}

#[tokio::test]
async fn busy_server_gets_fewer_connections() {
    let server = SmtpServer::with_script(|event| {
        let is_busy = event.stage == Stage::Mail && event.transaction <= 8;
        is_busy.then_some(Fault::Reply("421 4.7.0 Too many connections"))
    });
    let newsletter = newsletter_with_subscribers(&server, 80)
        .await
        .with_setting("smtp.connections", "8");
    let finished = newsletter
        .run(&["digest", "send", "--wait", "--wait-max", "1s"])
        .await;
    let (code, result) = parse_send_result(&finished);
    assert_eq!((code, &result["deferred"]), (75, &8.into()), "{result}");
    assert_eq!(result["delivered"], 72, "{result}");
    assert!(
        finished
            .stderr
            .contains("connection limit changed connections=4"),
        "{finished:?}"
    );
    assert!(
        finished
            .stderr
            .contains("connection limit changed connections=8"),
        "{finished:?}"
    );

    let result = newsletter.send_deferred().await;
    assert_eq!(result["delivered"], 80, "{result}");
    assert!(server.has_no_duplicates());
}

#[tokio::test]
async fn stripped_starttls_sends_nothing_in_plain_text() {
    let stages = Arc::new(Mutex::new(HashSet::new()));
    let seen = Arc::clone(&stages);
    let server = SmtpServer::with_script(move |event| {
        seen.lock()
            .expect("no panic in a script")
            .insert(format!("{:?}", event.stage));
        None
    });
    let newsletter = newsletter_with_subscribers(&server, 5).await;
    for tls in ["required", "opportunistic"] {
        let url = format!("{}?tls={tls}", server.url_with_login());
        let newsletter = newsletter.install.clone().with_setting("smtp.url", url);
        let finished = newsletter
            .run(&["digest", "send", "--wait", "--json"])
            .await;
        let (code, result) = parse_send_result(&finished);
        assert_eq!((code, &result["result"]), (1, &"paused".into()), "{result}");
        assert_eq!(result["queued"], 5, "{result}");
        newsletter
            .run(&["deliveries", "retry", "--issue", "1", "--json"])
            .await;
    }
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 0, "{delivery}");
    }
    // Neither envelope addresses nor credentials.
    let stages = stages.lock().expect("no panic in a script").clone();
    assert_eq!(
        stages,
        HashSet::from(["Connect".to_owned(), "Ehlo".to_owned()])
    );
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn server_without_ehlo_receives_all_messages() {
    let greeted = Mutex::new(HashSet::new());
    let server = SmtpServer::with_script(move |event| {
        let is_first = event.stage == Stage::Ehlo
            && greeted
                .lock()
                .expect("no panic in a script")
                .insert(event.connection);
        is_first.then_some(Fault::Reply("502 5.5.1 What is that?"))
    });
    let newsletter = newsletter_with_subscribers(&server, 10).await;
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(result["delivered"], 10, "{result}");
}

#[tokio::test]
async fn unusual_replies_are_parsed_or_retried() {
    let endless: &'static str =
        format!("550-5.1.1 {}\r\n550 5.1.1 gone", "x".repeat(1_000_000)).leak();
    for (stage, reply, state) in [
        (
            Stage::Rcpt,
            "550-5.1.1 No such user\r\n550-5.1.1 at all\r\n550 5.1.1 ever",
            "bounced",
        ),
        (Stage::Rcpt, endless, "bounced"),
        (Stage::Rcpt, "\u{1b}[31m what? \u{0}", "deferred"),
        (Stage::Data, "999 hm", "deferred"),
        // An invalid reply after the final dot: the message may have been accepted.
        (Stage::Dot, "hello", "deferred"),
    ] {
        let server = server_with_fault(stage, Fault::Reply(reply));
        let newsletter = newsletter_with_subscribers(&server, 6).await;
        let finished = newsletter
            .run(&["digest", "send", "--wait", "--wait-max", "1s"])
            .await;
        let (_, result) = parse_send_result(&finished);
        assert_eq!(
            (&result["delivered"], &result[state]),
            (&5.into(), &1.into()),
            "{result}"
        );
        let reply = newsletter.delivery_to(REJECTED).await["reply"].to_string();
        assert!(
            reply.chars().count() <= 302 && !reply.contains("\\u001b"),
            "{reply}"
        );
    }
}

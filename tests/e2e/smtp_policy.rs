//! Servers that do not like us, speak oddly, or want no more than they can bear.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::support::newsletter::{Newsletter, result_of, until_logged, within};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const UNLUCKY: &str = "reader3@example.com";
const UNAUTHENTICATED: &str = "550 5.7.26 This mail is unauthenticated";

async fn newsletter_with_readers(server: &SmtpServer, readers: usize) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_readers(readers).await;
    newsletter
}

/// A server that does this to the mails of one reader, at every try.
fn always(stage: Stage, fault: Fault) -> SmtpServer {
    SmtpServer::scripted(move |moment| {
        let here = moment.stage == stage && moment.recipient == UNLUCKY;
        here.then(|| fault.clone())
    })
}

#[tokio::test]
async fn a_policy_that_refuses_everyone_pauses_the_issue_and_costs_nobody_anything() {
    let refuses = Arc::new(AtomicBool::new(true));
    let refusing = Arc::clone(&refuses);
    let server = SmtpServer::scripted(move |moment| {
        let refuses = moment.stage == Stage::Dot && refusing.load(Ordering::Relaxed);
        refuses.then_some(Fault::Reply(UNAUTHENTICATED))
    });
    let newsletter = newsletter_with_readers(&server, 60).await;
    let finished = newsletter.run(&["digest", "send", "--wait"]).await;
    let (code, result) = result_of(&finished);
    assert_eq!((code, &result["result"]), (1, &"paused".into()), "{result}");
    // Also those who were on other connections when the twentieth was refused.
    assert_eq!(
        (&result["queued"], &result["bounced"]),
        (&60.into(), &0.into()),
        "{result}"
    );
    let mut refused = 0;
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 0, "{delivery}");
        refused += usize::from(delivery["reply"] == UNAUTHENTICATED);
    }
    assert!((20..40).contains(&refused), "{refused} were tried");
    let words = newsletter.installation.run(&["digest", "send"]).await;
    assert!(
        words.stdout.contains(UNAUTHENTICATED),
        "the server's words: {words:?}"
    );
    let suppressed = ["subscribers", "list", "--state", "suppressed"];
    assert_eq!(newsletter.json(&suppressed).await, Vec::<Value>::new());

    refuses.store(false, Ordering::Relaxed);
    newsletter
        .json(&["deliveries", "retry", "--issue", "1"])
        .await;
    let result = newsletter.send_to_the_end(&[]).await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &60.into())
    );
    assert!(server.copies().values().all(|&copies| copies == 1));
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 1, "{delivery}");
    }
}

#[tokio::test]
async fn refusals_by_policy_are_counted_over_all_processes() {
    let server = SmtpServer::scripted(|moment| match moment.stage {
        Stage::Connect => Some(Fault::Delay(Duration::from_millis(300))),
        Stage::Dot => Some(Fault::Reply(UNAUTHENTICATED)),
        _ => None,
    });
    let newsletter = newsletter_with_readers(&server, 60)
        .await
        .with("smtp.connections", "1");
    let workers = [(); 3].map(|()| newsletter.start(&["worker"]));
    for worker in &workers {
        until_logged(worker, "delivery worker started").await;
    }
    newsletter.send(&[]).await;
    let paused = async { while newsletter.send(&[]).await.1["result"] != "paused" {} };
    within(paused, "the issue to be paused").await;
    let none_is_left = async { while newsletter.states().await.get("queued") != Some(&60) {} };
    within(none_is_left, "all of them in the queue").await;
    let deliveries = newsletter.deliveries().await;
    let refused = deliveries
        .iter()
        .filter(|row| row["reply"] == UNAUTHENTICATED);
    let refused = refused.count();
    assert!((20..=23).contains(&refused), "{refused} were tried");
    assert!(deliveries.iter().all(|row| row["attempts"] == 0));
}

#[tokio::test]
async fn what_one_process_brings_in_ends_the_streak_of_another() {
    // More than one process takes up ahead.
    const READERS: usize = 1_100;
    let server = SmtpServer::scripted(|moment| match (moment.stage, moment.connection) {
        (Stage::Mail, 1) => Some(Fault::Delay(Duration::from_millis(200))),
        (Stage::Dot, 1) => Some(Fault::Reply(UNAUTHENTICATED)),
        (Stage::Dot, _) => Some(Fault::Delay(Duration::from_millis(15))),
        _ => None,
    });
    let newsletter = newsletter_with_readers(&server, READERS)
        .await
        .with("smtp.connections", "1");
    let workers = [(); 2].map(|()| newsletter.start(&["worker"]));
    for worker in &workers {
        until_logged(worker, "delivery worker started").await;
    }
    newsletter.send(&[]).await;
    let refused = async {
        loop {
            let (_, result) = newsletter.send(&[]).await;
            let bounced = result["bounced"].as_u64().expect("a number");
            if bounced > 22 || result["result"] != "sending" {
                return result;
            }
        }
    };
    let result = within(refused, "more refusals than pause an issue").await;
    assert_eq!(result["result"], "sending", "{result}");
}

#[tokio::test]
async fn one_refusal_by_policy_is_a_bounce_and_suppresses_nobody() {
    let server = always(Stage::Dot, Fault::Reply("554 5.7.1 Looks like spam"));
    let newsletter = newsletter_with_readers(&server, 10).await;
    let result = newsletter.send_to_the_end(&[]).await;
    assert_eq!(
        (&result["delivered"], &result["bounced"]),
        (&9.into(), &1.into()),
        "{result}"
    );
    let confirmed = ["subscribers", "list", "--state", "confirmed"];
    assert_eq!(newsletter.json(&confirmed).await.len(), 10);
}

#[tokio::test]
async fn a_server_that_has_enough_gets_fewer_connections_and_then_everything() {
    let server = SmtpServer::scripted(|moment| {
        let busy = moment.stage == Stage::Mail && moment.mail <= 8;
        busy.then_some(Fault::Reply("421 4.7.0 Too many connections"))
    });
    let newsletter = newsletter_with_readers(&server, 80)
        .await
        .with("smtp.connections", "8");
    let finished = newsletter
        .run(&["digest", "send", "--wait", "--wait-max", "1s"])
        .await;
    let (code, result) = result_of(&finished);
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

    newsletter
        .json(&["deliveries", "retry", "--issue", "1", "--deferred-only"])
        .await;
    let result = newsletter.send_to_the_end(&[]).await;
    assert_eq!(result["delivered"], 80, "{result}");
    assert!(server.copies().values().all(|&copies| copies == 1));
}

#[tokio::test]
async fn where_encryption_was_struck_out_nothing_is_said_in_the_clear() {
    let heard = Arc::new(Mutex::new(HashSet::new()));
    let hears = Arc::clone(&heard);
    let server = SmtpServer::scripted(move |moment| {
        hears
            .lock()
            .expect("no panic in a script")
            .insert(format!("{:?}", moment.stage));
        None
    });
    let newsletter = newsletter_with_readers(&server, 5).await;
    for tls in ["required", "opportunistic"] {
        let url = format!("smtp://baker:y3asty@{}?tls={tls}", server.address());
        let newsletter = newsletter.installation.clone().with("smtp.url", url);
        let finished = newsletter
            .run(&["digest", "send", "--wait", "--json"])
            .await;
        let (code, result) = result_of(&finished);
        assert_eq!((code, &result["result"]), (1, &"paused".into()), "{result}");
        assert_eq!(result["queued"], 5, "{result}");
        newsletter
            .run(&["deliveries", "retry", "--issue", "1", "--json"])
            .await;
    }
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 0, "{delivery}");
    }
    // Not even who writes to whom, and no AUTH, which the server would have noted.
    let heard = heard.lock().expect("no panic in a script").clone();
    assert_eq!(
        heard,
        HashSet::from(["Connect".to_owned(), "Ehlo".to_owned()])
    );
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_only_knows_helo_gets_everything() {
    let greeted = Mutex::new(HashSet::new());
    let server = SmtpServer::scripted(move |moment| {
        let first = moment.stage == Stage::Ehlo
            && greeted
                .lock()
                .expect("no panic in a script")
                .insert(moment.connection);
        first.then_some(Fault::Reply("502 5.5.1 What is that?"))
    });
    let newsletter = newsletter_with_readers(&server, 10).await;
    let result = newsletter.send_to_the_end(&[]).await;
    assert_eq!(result["delivered"], 10, "{result}");
}

#[tokio::test]
async fn odd_answers_are_understood_or_tried_again() {
    let endless: &'static str =
        format!("550-5.1.1 {}\r\n550 5.1.1 gone", "x".repeat(1_000_000)).leak();
    for (stage, answer, state) in [
        (
            Stage::Rcpt,
            "550-5.1.1 No such user\r\n550-5.1.1 at all\r\n550 5.1.1 ever",
            "bounced",
        ),
        (Stage::Rcpt, endless, "bounced"),
        (Stage::Rcpt, "\u{1b}[31m what? \u{0}", "deferred"),
        (Stage::Data, "999 hm", "deferred"),
        // After the dot nonsense is no answer: it may have arrived.
        (Stage::Dot, "hello", "deferred"),
    ] {
        let server = always(stage, Fault::Reply(answer));
        let newsletter = newsletter_with_readers(&server, 6).await;
        let finished = newsletter
            .run(&["digest", "send", "--wait", "--wait-max", "1s"])
            .await;
        let (_, result) = result_of(&finished);
        assert_eq!(
            (&result["delivered"], &result[state]),
            (&5.into(), &1.into()),
            "{result}"
        );
        let reply = newsletter.delivery_to(UNLUCKY).await["reply"].to_string();
        assert!(
            reply.chars().count() <= 302 && !reply.contains("\\u001b"),
            "{reply}"
        );
    }
}

//! `digest send`, from cron and by hand: one issue a week, whoever asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::newsletter::{Newsletter, post, result_of, until_logged};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

async fn newsletter_with_readers(server: &SmtpServer, readers: usize) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_readers(readers).await;
    newsletter
}

#[tokio::test]
async fn the_second_send_of_a_week_sends_nothing() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_readers(&server, 3).await;
    let first = newsletter.send_to_the_end(&[]).await;
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
    let second = newsletter.send_to_the_end(&[]).await;
    assert_eq!(second["result"], "already_sent", "{second}");
    assert_eq!(
        (&second["issue"], &second["delivered"]),
        (&1.into(), &3.into())
    );
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn four_at_once_make_one_issue() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_readers(&server, 40).await;
    let all: Vec<_> = (0..4)
        .map(|_| newsletter.start(&["digest", "send", "--wait"]))
        .collect();
    for running in all {
        let (code, result) = result_of(&running.wait().await);
        assert_eq!(code, 0, "{result}");
        assert_eq!(
            (&result["issue"], &result["delivered"]),
            (&1.into(), &40.into()),
            "{result}"
        );
        let word = result["result"].as_str();
        assert!(matches!(word, Some("sent" | "already_sent")), "{result}");
    }
    let copies = server.copies();
    assert_eq!(copies.len(), 40);
    assert!(copies.values().all(|&copies| copies == 1), "{copies:?}");
}

#[tokio::test]
async fn a_running_worker_begins_within_two_seconds() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_readers(&server, 2).await;
    let worker = newsletter.start(&["worker"]);
    until_logged(&worker, "delivery worker started").await;
    let (code, result) = newsletter.send(&[]).await;
    let handed_over = Instant::now();
    assert_eq!(
        (code, result["result"].as_str()),
        (0, Some("sending")),
        "{result}"
    );
    let received = server.wait_for(2).await;
    let begun = received[0].at.saturating_duration_since(handed_over);
    assert!(begun < Duration::from_secs(2), "begun after {begun:?}");
    newsletter.until_sent().await;
}

#[tokio::test]
async fn an_extra_issue_stands_beside_the_weeks() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_readers(&server, 2).await;
    newsletter.send_to_the_end(&[]).await;
    newsletter.blog.publish(post("news", "This cannot wait", 1));
    let extra = newsletter.send_to_the_end(&["--extra"]).await;
    assert_eq!(extra["slot"], Value::Null, "{extra}");
    assert_eq!(
        (&extra["result"], &extra["issue"]),
        (&"sent".into(), &2.into())
    );
    assert_eq!(server.received().len(), 4);
}

#[tokio::test]
async fn an_issue_can_be_made_for_another_week() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_readers(&server, 1).await;
    let sent = newsletter.send_to_the_end(&["--slot", "2026-W40"]).await;
    assert_eq!(
        (&sent["result"], &sent["slot"]),
        (&"sent".into(), &"2026-W40".into())
    );
    let again = newsletter.send_to_the_end(&["--slot", "2026-W40"]).await;
    assert_eq!(again["result"], "already_sent");

    let refused = newsletter
        .run(&["digest", "send", "--slot", "2026-W54"])
        .await;
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("--slot") && refused.stderr.contains("53"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let server = SmtpServer::start();
    let newsletter = newsletter_with_readers(&server, 2).await;
    for more in [&["--dry-run"][..], &["--dry-run", "--wait"]] {
        let (code, would) = newsletter.send(more).await;
        assert_eq!((code, &would["result"]), (0, &"dry_run".into()), "{would}");
        assert_eq!(would["recipients"], 2);
    }
    assert_eq!(newsletter.deliveries().await, Vec::<Value>::new());
    assert_eq!(server.received().len(), 0);
    let sent = newsletter.send_to_the_end(&[]).await;
    assert_eq!(
        (&sent["result"], &sent["issue"]),
        (&"sent".into(), &1.into())
    );
}

#[tokio::test]
async fn nobody_to_read_it_is_nothing_new_and_the_slot_stays_unused() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    let (code, result) = newsletter.send(&["--wait"]).await;
    assert_eq!(
        (code, &result["result"]),
        (0, &"nothing_new".into()),
        "{result}"
    );
    newsletter.import_readers(1).await;
    let sent = newsletter.send_to_the_end(&[]).await;
    assert_eq!(
        (&sent["result"], &sent["issue"]),
        (&"sent".into(), &1.into())
    );
}

async fn assert_paused_and_nobody_charged(
    server: &SmtpServer,
    newsletter: &Newsletter,
    words: &str,
) {
    let (code, result) = newsletter.send(&["--wait"]).await;
    assert_eq!((code, &result["result"]), (1, &"paused".into()), "{result}");
    assert_eq!(result["queued"], 30, "{result}");
    assert_eq!(server.received().len(), 0);
    let deliveries = newsletter.deliveries().await;
    assert_eq!(deliveries.len(), 30);
    let mut told = 0;
    for delivery in &deliveries {
        assert_eq!(
            (&delivery["state"], &delivery["attempts"]),
            (&"queued".into(), &0.into())
        );
        told += usize::from(
            delivery["reply"]
                .as_str()
                .is_some_and(|reply| reply.contains(words)),
        );
    }
    assert!(told > 0, "nothing says why: {deliveries:?}");
    // Cron asks again next week, or sooner: it stays paused until a person has looked.
    let (code, again) = newsletter.send(&["--wait"]).await;
    assert_eq!((code, &again["result"]), (1, &"paused".into()), "{again}");
}

#[tokio::test]
async fn a_server_that_wants_other_settings_pauses_the_issue() {
    let server = SmtpServer::scripted(|moment| {
        let refusal = Fault::Reply("530 5.7.0 Log in first");
        (moment.stage == Stage::Mail).then_some(refusal)
    });
    let newsletter = newsletter_with_readers(&server, 30).await;
    assert_paused_and_nobody_charged(&server, &newsletter, "Log in first").await;
}

#[tokio::test]
async fn a_wrong_password_pauses_the_issue_and_is_not_told() {
    let server = SmtpServer::scripted(|moment| match moment.stage {
        Stage::Ehlo => Some(Fault::Reply("250-recorder.test\r\n250 AUTH PLAIN LOGIN")),
        Stage::Auth => Some(Fault::Reply("535 5.7.8 Wrong password")),
        _ => None,
    });
    let newsletter = newsletter_with_readers(&server, 30).await;
    let newsletter = newsletter.with(
        "smtp.url",
        format!("smtp://baker:y3asty@{}", server.address()),
    );
    let (code, result) = newsletter.send(&["--wait"]).await;
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
async fn a_mail_that_the_server_calls_malformed_pauses_the_issue() {
    let server = SmtpServer::scripted(|moment| {
        let refusal = Fault::Reply("554 5.5.2 Malformed message");
        (moment.stage == Stage::Dot).then_some(refusal)
    });
    let newsletter = newsletter_with_readers(&server, 30).await;
    assert_paused_and_nobody_charged(&server, &newsletter, "Malformed message").await;
}

#[tokio::test]
async fn whoever_has_no_time_to_wait_sends_what_has_fallen_due() {
    let greylists = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&greylists);
    let server = SmtpServer::scripted(move |moment| {
        let refuses = moment.stage == Stage::Rcpt && still.load(Ordering::Relaxed);
        refuses.then_some(Fault::Reply("451 4.7.1 Greylisted, try later"))
    });
    let newsletter = newsletter_with_readers(&server, 10).await;
    let no_time: &[&str] = &["--wait", "--wait-max", "0s"];
    let (code, result) = newsletter.send(no_time).await;
    assert_eq!((code, &result["deferred"]), (75, &10.into()), "{result}");
    let tried = server.connections();
    let (code, result) = newsletter.send(no_time).await;
    assert_eq!((code, &result["deferred"]), (75, &10.into()), "{result}");
    assert_eq!(server.connections(), tried, "nothing was due");

    newsletter
        .json(&["deliveries", "retry", "--issue", "1", "--deferred-only"])
        .await;
    greylists.store(false, Ordering::Relaxed);
    let (code, result) = newsletter.send(no_time).await;
    assert_eq!((code, &result["result"]), (0, &"sent".into()), "{result}");
}

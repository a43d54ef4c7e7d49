//! Mail servers refuse, vanish and forget to answer: what was refused for now is tried
//! again, what is dead is not written to again, and nobody is charged for what was not
//! their doing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::support::newsletter::{Newsletter, post, result_of, until_logged, within};
use crate::support::process::free_address;
use crate::support::smtp_server::{Fault, Moment, SmtpServer, Stage};

const UNLUCKY: &str = "reader3@example.com";

/// Ends the wait as soon as only deferred mail is left.
const IMPATIENT: &[&str] = &["--wait", "--wait-max", "1s"];

async fn newsletter_with_ten_readers(url: &str) -> Newsletter {
    let newsletter = Newsletter::new(url).await;
    newsletter.import_readers(10).await;
    newsletter
}

/// A server that does this to the first mail that comes so far with this reader.
fn once(stage: Stage, fault: Fault) -> SmtpServer {
    let done = AtomicBool::new(false);
    SmtpServer::scripted(move |moment| {
        let here = moment.stage == stage && moment.recipient == UNLUCKY;
        (here && !done.swap(true, Ordering::Relaxed)).then(|| fault.clone())
    })
}

/// How long a deferred copy waits for its next try, in milliseconds.
fn wait_of(delivery: &serde_json::Value) -> Option<i64> {
    Some(delivery["due_at"].as_i64()? - delivery["at"].as_i64()?)
}

/// Makes what is deferred fall due, and sends it.
async fn send_what_is_deferred(newsletter: &Newsletter) -> serde_json::Value {
    newsletter
        .json(&["deliveries", "retry", "--issue", "1", "--deferred-only"])
        .await;
    newsletter.send_to_the_end(&[]).await
}

#[tokio::test]
async fn what_is_refused_for_now_is_deferred_and_delivered_later() {
    let open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&open);
    let server = SmtpServer::scripted(move |moment: &Moment<'_>| {
        let greylisted = moment.stage == Stage::Rcpt && moment.recipient.contains('2');
        let refuses = greylisted && !opened.load(Ordering::Relaxed);
        refuses.then_some(Fault::Reply("451 4.7.1 Greylisted, try later"))
    });
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_readers(30).await;
    let (code, result) = newsletter.send(IMPATIENT).await;
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

    let waits = newsletter
        .json(&["deliveries", "list", "--state", "deferred"])
        .await;
    let waits: Vec<i64> = waits.iter().filter_map(wait_of).collect();
    assert!(
        waits
            .iter()
            .all(|wait| (299..=331).contains(&(wait / 1_000))),
        "{waits:?}"
    );
    let spread = waits.iter().max().zip(waits.iter().min());
    assert!(
        spread.is_some_and(|(last, first)| last - first > 1_000),
        "all come back at once: {waits:?}"
    );

    let (code, again) = newsletter.send(IMPATIENT).await;
    assert_eq!(
        (code, &again["deferred"]),
        (75, &12.into()),
        "not before it is due: {again}"
    );

    open.store(true, Ordering::Relaxed);
    let result = send_what_is_deferred(&newsletter).await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &30.into())
    );
    let delivered = newsletter.delivery_to("reader12@example.com").await;
    assert_eq!(
        (&delivered["state"], &delivered["attempts"]),
        (&"delivered".into(), &2.into())
    );
    assert!(server.copies().values().all(|&copies| copies == 1));
}

#[tokio::test]
async fn a_dead_address_bounces_and_is_not_written_to_again() {
    let server = SmtpServer::scripted(|moment| {
        let dead = moment.stage == Stage::Rcpt && moment.recipient == UNLUCKY;
        dead.then_some(Fault::Reply("550 5.1.1 No such user"))
    });
    let newsletter = newsletter_with_ten_readers(&server.url()).await;
    let result = newsletter.send_to_the_end(&[]).await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &9.into()),
        "{result}"
    );
    assert_eq!(result["bounced"], 1, "{result}");
    let bounced = newsletter
        .json(&["deliveries", "list", "--state", "bounced"])
        .await;
    assert_eq!(bounced.len(), 1);
    assert_eq!(
        (&bounced[0]["address"], &bounced[0]["attempts"]),
        (&UNLUCKY.into(), &1.into())
    );
    assert_eq!(bounced[0]["reply"], "550 5.1.1 No such user");
    let suppressed = newsletter
        .json(&["subscribers", "list", "--state", "suppressed"])
        .await;
    assert_eq!(suppressed.len(), 1);
    assert_eq!(suppressed[0]["address"], UNLUCKY);

    newsletter.blog.publish(post("next", "Next week's post", 1));
    let next = newsletter.send_to_the_end(&["--extra"]).await;
    assert_eq!(
        (&next["recipients"], &next["delivered"]),
        (&9.into(), &9.into()),
        "{next}"
    );
}

#[tokio::test]
async fn a_connection_lost_before_the_dot_costs_one_delay() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Body] {
        // At MAIL no reader has been named yet: whoever is first on a connection has bad luck.
        let server = match stage {
            Stage::Mail => SmtpServer::scripted(|moment| {
                let first = moment.stage == Stage::Mail && moment.connection == 1;
                first.then_some(Fault::Drop)
            }),
            stage => once(stage, Fault::Drop),
        };
        let newsletter = newsletter_with_ten_readers(&server.url()).await;
        let (code, result) = newsletter.send(IMPATIENT).await;
        assert_eq!(
            (code, &result["delivered"]),
            (75, &9.into()),
            "{stage:?}: {result}"
        );
        assert_eq!(result["deferred"], 1, "{stage:?}: {result}");
        let result = send_what_is_deferred(&newsletter).await;
        assert_eq!(
            (&result["result"], &result["delivered"]),
            (&"sent".into(), &10.into())
        );
        assert!(
            server.copies().values().all(|&copies| copies == 1),
            "{stage:?}"
        );
    }
}

#[tokio::test]
async fn a_reply_lost_after_the_dot_is_held_where_the_editor_wants_to_decide() {
    let server = once(Stage::Dot, Fault::Drop);
    let newsletter = newsletter_with_ten_readers(&server.url())
        .await
        .with("smtp.in_doubt", "hold");
    let result = newsletter.send_to_the_end(&[]).await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &9.into()),
        "{result}"
    );
    assert_eq!(result["in_doubt"], 1, "{result}");
    let doubted = newsletter.delivery_to(UNLUCKY).await;
    assert_eq!(
        (&doubted["state"], &doubted["attempts"]),
        (&"in_doubt".into(), &1.into())
    );
    assert_eq!(server.copies()[UNLUCKY], 1);
}

#[tokio::test]
async fn a_reply_lost_after_the_dot_is_followed_by_the_same_mail() {
    let server = once(Stage::Dot, Fault::Drop);
    let newsletter = newsletter_with_ten_readers(&server.url()).await;
    let (code, result) = newsletter.send(IMPATIENT).await;
    assert_eq!((code, &result["deferred"]), (75, &1.into()), "{result}");
    let result = send_what_is_deferred(&newsletter).await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &10.into())
    );
    let received = server.received();
    let twins: Vec<_> = received
        .iter()
        .filter(|mail| mail.recipients == [UNLUCKY])
        .collect();
    assert_eq!(twins.len(), 2);
    assert!(twins[0].message == twins[1].message, "not the same bytes");
    assert_eq!(received.len(), 11);
}

#[tokio::test]
async fn a_server_that_is_down_charges_nobody_and_gets_it_all_when_it_comes_up() {
    let address = free_address();
    let newsletter = newsletter_with_ten_readers(&format!("smtp://{address}")).await;
    let sending = newsletter.start(&["digest", "send", "--wait"]);
    until_logged(&sending, "cannot connect to mail server; retrying").await;
    for delivery in newsletter.deliveries().await {
        assert_eq!(delivery["attempts"], 0, "{delivery}");
    }
    let server = SmtpServer::start_at(address);
    let (code, result) = within(async { result_of(&sending.wait().await) }, "the send").await;
    assert_eq!((code, &result["result"]), (0, &"sent".into()), "{result}");
    assert_eq!(server.copies().len(), 10);
    for delivery in newsletter.deliveries().await {
        assert_eq!(
            (&delivery["state"], &delivery["attempts"]),
            (&json!("delivered"), &json!(1))
        );
    }
}

#[tokio::test]
async fn a_server_that_goes_down_in_the_middle_gets_the_rest_on_new_connections() {
    // Each connection may bring three mails; then the server has had enough of it.
    let brought = std::sync::Mutex::new(std::collections::HashMap::<usize, usize>::new());
    let refusals = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refusals);
    let server = SmtpServer::scripted(move |moment| {
        if moment.stage != Stage::Mail {
            return None;
        }
        let mut brought = brought.lock().expect("no panic in a script");
        let mails = brought.entry(moment.connection).or_default();
        *mails += 1;
        (*mails > 3).then(|| {
            counted.fetch_add(1, Ordering::Relaxed);
            Fault::Reply("421 4.3.2 Shutting down")
        })
    });
    let newsletter = Newsletter::new(&server.url())
        .await
        .with("smtp.connections", "2");
    newsletter.import_readers(40).await;
    let (code, result) = newsletter.send(IMPATIENT).await;
    assert_eq!(code, 0, "{result}");
    let refusals = refusals.load(Ordering::Relaxed);
    assert!(
        (1..=4).contains(&refusals),
        "the limit is learnt: {refusals}"
    );
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &40.into()),
        "{result}"
    );
    assert!(server.copies().values().all(|&copies| copies == 1));
}

//! Mail servers that hang up between two mails, or hang while we are told to stop: what
//! they cannot have taken is not called in doubt, and costs nobody a try.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::support::newsletter::{Newsletter, within};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const CONNECTIONS: usize = 4;
const EARLY: usize = 20;
const READERS: usize = 60;

async fn newsletter_on(server: &SmtpServer) -> Newsletter {
    let newsletter = Newsletter::new(&server.url())
        .await
        .with("smtp.connections", CONNECTIONS.to_string())
        .with("smtp.in_doubt", "hold");
    newsletter.import_readers(READERS).await;
    newsletter
}

/// The tries that each delivery in this state was charged.
async fn attempts(newsletter: &Newsletter, state: &str) -> Vec<Value> {
    let mut deliveries = newsletter.deliveries().await;
    deliveries.retain(|delivery| delivery["state"] == state);
    let attempts = deliveries.iter().map(|delivery| &delivery["attempts"]);
    attempts.cloned().collect()
}

#[tokio::test]
async fn a_server_that_ends_connections_without_a_word_delays_nobody() {
    let brought = Mutex::new(HashMap::<usize, usize>::new());
    let server = SmtpServer::scripted(move |moment| {
        if moment.stage != Stage::Mail {
            return None;
        }
        let mut brought = brought.lock().expect("no panic in a script");
        let mails = brought.entry(moment.connection).or_default();
        *mails += 1;
        (*mails > 3).then_some(Fault::Drop)
    });
    let newsletter = newsletter_on(&server).await;
    let (code, result) = newsletter.send(&["--wait", "--wait-max", "1s"]).await;
    assert_eq!((code, &result["result"]), (0, &"sent".into()), "{result}");
    let attempts = attempts(&newsletter, "delivered").await;
    assert_eq!(attempts, vec![Value::from(1); READERS]);
    assert!(server.copies().values().all(|&copies| copies == 1));
    assert!(server.connections() >= READERS / 3);
}

#[tokio::test]
async fn a_stop_before_the_final_dot_leaves_no_doubt() {
    let hanging = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hanging);
    let server = SmtpServer::scripted(move |moment| {
        let hangs = moment.stage == Stage::Rcpt && moment.mail > EARLY;
        hangs.then(|| {
            counted.fetch_add(1, Ordering::Relaxed);
            Fault::Silence
        })
    });
    let newsletter = newsletter_on(&server).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send(&[]).await;
    let all_hang = async {
        while hanging.load(Ordering::Relaxed) < CONNECTIONS {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(all_hang, "every connection to hang").await;
    assert_eq!(worker.terminate().await.code(), Some(0));

    let states = newsletter.states().await;
    assert_eq!(states.get("in_doubt"), None, "{states:?}");
    assert_eq!(states.get("delivered"), Some(&EARLY), "{states:?}");
    let attempts = attempts(&newsletter, "deferred").await;
    assert_eq!(attempts, vec![Value::from(0); CONNECTIONS]);
}

//! Connections that end between two messages, or hang during a shutdown: the deliveries are
//! not in doubt, and no attempt is charged.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::support::newsletter::{Newsletter, wait_until};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const CONNECTIONS: usize = 4;
const EARLY: usize = 20;
const SUBSCRIBERS: usize = 60;

async fn newsletter_on(server: &SmtpServer) -> Newsletter {
    let newsletter = Newsletter::new(&server.url())
        .await
        .with_setting("smtp.connections", CONNECTIONS.to_string())
        .with_setting("smtp.in_doubt", "hold");
    newsletter.import_subscribers(SUBSCRIBERS).await;
    newsletter
}

/// Returns the number of attempts of each delivery in this state.
async fn attempts(newsletter: &Newsletter, state: &str) -> Vec<Value> {
    let mut deliveries = newsletter.deliveries().await;
    deliveries.retain(|delivery| delivery["state"] == state);
    let attempts = deliveries.iter().map(|delivery| &delivery["attempts"]);
    attempts.cloned().collect()
}

#[tokio::test]
async fn silent_disconnect_between_messages_delays_no_delivery() {
    let transactions = Mutex::new(HashMap::<usize, usize>::new());
    let server = SmtpServer::with_script(move |event| {
        if event.stage != Stage::Mail {
            return None;
        }
        let mut transactions = transactions.lock().expect("no panic in a script");
        let count = transactions.entry(event.connection).or_default();
        *count += 1;
        (*count > 3).then_some(Fault::Drop)
    });
    let newsletter = newsletter_on(&server).await;
    let (code, result) = newsletter
        .send_digest(&["--wait", "--wait-max", "1s"])
        .await;
    assert_eq!((code, &result["result"]), (0, &"sent".into()), "{result}");
    let attempts = attempts(&newsletter, "delivered").await;
    assert_eq!(attempts, vec![Value::from(1); SUBSCRIBERS]);
    assert!(server.has_no_duplicates());
    assert!(server.connections() >= SUBSCRIBERS / 3);
}

#[tokio::test]
async fn shutdown_before_final_dot_leaves_none_in_doubt() {
    let hanging = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hanging);
    let server = SmtpServer::with_script(move |event| {
        let is_hanging = event.stage == Stage::Rcpt && event.transaction > EARLY;
        is_hanging.then(|| {
            counted.fetch_add(1, Ordering::Relaxed);
            Fault::Silence
        })
    });
    let newsletter = newsletter_on(&server).await;
    let worker = newsletter.start(&["worker"]);
    newsletter.send_digest(&[]).await;
    wait_until("all connections to hang", async || {
        (hanging.load(Ordering::Relaxed) == CONNECTIONS).then_some(())
    })
    .await;
    assert_eq!(worker.terminate().await.code(), Some(0));

    let states = newsletter.delivery_counts().await;
    assert_eq!(states.get("in_doubt"), None, "{states:?}");
    assert_eq!(states.get("delivered"), Some(&EARLY), "{states:?}");
    let attempts = attempts(&newsletter, "deferred").await;
    assert_eq!(attempts, vec![Value::from(0); CONNECTIONS]);
}

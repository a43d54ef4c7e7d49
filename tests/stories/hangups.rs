//! Mail servers that hang up between two mails, which costs nobody a try.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::Value;

use crate::support::newsletter::Newsletter;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const CONNECTIONS: usize = 4;
const READERS: usize = 60;

async fn newsletter_on(server: &SmtpServer) -> Newsletter {
    let newsletter = Newsletter::new(&server.url())
        .await
        .with("smtp.connections", CONNECTIONS.to_string());
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

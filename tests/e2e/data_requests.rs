//! Address change, data export and erasure, each confirmed with a mailed link.

use reqwest::StatusCode;

use super::message_format::{link_under, parse, plain_text};
use super::subscriber_lifecycle::subscriber_state;
use crate::support::http_client::HttpClient;
use crate::support::newsletter::{Newsletter, as_text};
use crate::support::smtp_server::SmtpServer;

const ADA: &str = "ada@example.org";
const NEW: &str = "ada@new.example.org";

/// Waits for `count` messages and returns recipient and text of the last.
async fn message(server: &SmtpServer, count: usize) -> (String, String) {
    let messages = server.wait_for_messages(count).await;
    let message = &messages[count - 1];
    (
        message.recipients[0].clone(),
        plain_text(&parse(&message.message)),
    )
}

#[tokio::test]
async fn mailed_links_change_export_and_erase_data() {
    let server = SmtpServer::start();
    let (newsletter, running, site) = Newsletter::new(&server.url()).await.serve().await;
    let client = HttpClient::new();
    newsletter.import_csv(b"email\nada@example.org\n").await;
    newsletter.send_digest(&[]).await;
    let (_, issue) = message(&server, 1).await;
    let preferences = link_under(&site, &issue, "preferences");
    let request = async |action| client.post(&preferences, &[("action", action)]).await;

    request("change_address").await;
    let (to, text) = message(&server, 2).await;
    assert_eq!(to, ADA);
    let form = link_under(&site, &text, "change-address");
    client.post(&form, &[("email", NEW)]).await;
    let (to, text) = message(&server, 3).await;
    assert_eq!(to, NEW);
    let confirm = link_under(&site, &text, "new-address");
    assert_eq!(client.get(&confirm).await.status, StatusCode::OK);
    assert_eq!(
        subscriber_state(&newsletter, ADA).await,
        "confirmed",
        "GET must not change the address"
    );
    assert_eq!(
        client.post(&confirm, &[]).await.status,
        StatusCode::SEE_OTHER
    );
    let (to, text) = message(&server, 4).await;
    assert_eq!(to, ADA);
    assert!(text.contains("now goes to another address") && !text.contains(NEW));
    assert_eq!(subscriber_state(&newsletter, ADA).await, "");
    assert_eq!(subscriber_state(&newsletter, NEW).await, "confirmed");

    request("export").await;
    let (to, text) = message(&server, 5).await;
    assert_eq!(to, NEW, "the link is sent to the current address");
    let file = client.post(&link_under(&site, &text, "export"), &[]).await;
    let file: serde_json::Value = serde_json::from_str(&file.html).expect("JSON");
    assert_eq!(as_text(&file["address"]), NEW);
    assert_eq!(file["mails"].as_array().map(Vec::len), Some(3), "{file}");

    request("erase").await;
    let (_, text) = message(&server, 6).await;
    let erase = link_under(&site, &text, "erase");
    assert_eq!(client.get(&erase).await.status, StatusCode::OK);
    assert_eq!(subscriber_state(&newsletter, NEW).await, "confirmed");
    assert_eq!(client.post(&erase, &[]).await.status, StatusCode::OK);
    assert_eq!(subscriber_state(&newsletter, NEW).await, "");
    assert_eq!(client.get(&preferences).await.status, StatusCode::NOT_FOUND);
    let left = newsletter.deliveries().await;
    assert!(left.iter().all(|row| row["address"].is_null()), "{left:?}");
    let summary = newsletter
        .import_csv(b"email\nada@new.example.org\n")
        .await
        .json_lines();
    assert_eq!(summary[0]["kept_out"], 1, "{summary:?}");
    let log = running.stderr();
    assert!(!log.contains("ada@"), "{log}");
    assert_eq!(running.terminate().await.code(), Some(0));
}

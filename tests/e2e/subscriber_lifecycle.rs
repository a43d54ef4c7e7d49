//! Sign-up, confirmation, first issue and unsubscribe; and the demo.

use broadsheet::domain::ids::SubscriberId;
use broadsheet::domain::signed_token::{Purpose, SecretKeys};
use reqwest::StatusCode;

use super::message_format::{link_under, parse, plain_text};
use crate::support::http_client::HttpClient;
use crate::support::newsletter::{Newsletter, as_text, wait_until};
use crate::support::process::{TestInstall, free_address};
use crate::support::smtp_server::SmtpServer;

/// Returns the state of the subscriber with this address; empty if there is none.
pub async fn subscriber_state(newsletter: &Newsletter, address: &str) -> String {
    let rows = newsletter.run_json(&["subscribers", "list"]).await;
    let row = rows.iter().find(|row| row["address"] == address);
    row.map(|row| as_text(&row["state"])).unwrap_or_default()
}

/// Returns the token that messages to this subscriber contain, made with the secret key.
pub async fn subscriber_token(newsletter: &Newsletter, purpose: Purpose, address: &str) -> String {
    let rows = newsletter.run_json(&["subscribers", "list"]).await;
    let row = rows
        .iter()
        .find(|row| row["address"] == address)
        .expect("a subscriber");
    let subscriber = SubscriberId::parse(&as_text(&row["id"])).expect("an id");
    let file = newsletter.install.folder().join("data/secret.key");
    let keys =
        SecretKeys::parse(&std::fs::read_to_string(file).expect("a key file")).expect("a key");
    keys.subscriber_token(purpose, &subscriber)
}

#[tokio::test]
async fn sign_up_confirm_receive_and_unsubscribe() {
    let server = SmtpServer::start();
    let (newsletter, running, site) = Newsletter::new(&server.url()).await.serve().await;
    let client = HttpClient::new();

    let form = client.get(&format!("{site}/")).await;
    let fields = [
        ("email", "ada@example.org"),
        ("stamp", &form.hidden_field("stamp")),
    ];
    let page = client.post(&format!("{site}/subscribe"), &fields).await;
    assert_eq!(
        (page.status, page.location.as_deref()),
        (StatusCode::SEE_OTHER, Some("/check"))
    );
    assert_eq!(
        subscriber_state(&newsletter, "ada@example.org").await,
        "pending"
    );

    let messages = server.wait_for_messages(1).await;
    let confirmation = plain_text(&parse(&messages[0].message));
    let confirm = link_under(&site, &confirmation, "confirm");
    for _ in 0..3 {
        assert_eq!(client.get(&confirm).await.status, StatusCode::OK);
    }
    assert_eq!(
        subscriber_state(&newsletter, "ada@example.org").await,
        "pending",
        "GET must not confirm"
    );
    assert_eq!(client.post(&confirm, &[]).await.status, StatusCode::OK);
    assert_eq!(client.post(&confirm, &[]).await.status, StatusCode::OK);
    assert_eq!(
        subscriber_state(&newsletter, "ada@example.org").await,
        "confirmed"
    );

    // A separate command freezes the issue; the running server sends it.
    let (code, result) = newsletter.send_digest(&[]).await;
    assert_eq!(
        (code, as_text(&result["result"]).as_str()),
        (0, "sending"),
        "{result}"
    );
    let messages = server.wait_for_messages(2).await;
    let issue = plain_text(&parse(&messages[1].message));
    assert!(issue.contains("How the bread rises"));

    let unsubscribe = link_under(&site, &issue, "unsubscribe");
    assert_eq!(client.get(&unsubscribe).await.status, StatusCode::OK);
    assert_eq!(
        subscriber_state(&newsletter, "ada@example.org").await,
        "confirmed"
    );
    for _ in 0..2 {
        let unsubscribed = client
            .post(&unsubscribe, &[("List-Unsubscribe", "One-Click")])
            .await;
        assert_eq!(unsubscribed.status, StatusCode::OK);
        assert!(unsubscribed.location.is_none() && !unsubscribed.sets_cookie);
    }
    assert_eq!(
        subscriber_state(&newsletter, "ada@example.org").await,
        "unsubscribed"
    );
    // Neither the confirmation link nor an import subscribes the address again.
    assert_eq!(
        client.post(&confirm, &[]).await.status,
        StatusCode::NOT_FOUND
    );
    let summary = newsletter
        .import_csv(b"email\nada@example.org\n")
        .await
        .json_lines();
    assert_eq!(summary[0]["kept_out"], 1, "{summary:?}");

    let archive = client.get(&format!("{site}/issues/1")).await;
    assert!(
        archive.html.contains("How the bread rises") && !archive.html.contains("/unsubscribe/")
    );
    assert_eq!(running.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn unsubscribe_during_send_skips_delivery() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url())
        .await
        .with_setting("smtp.rate_per_second", "20");
    let newsletter = newsletter.with_setting("smtp.connections", "1");
    newsletter.import_subscribers(40).await;
    let (newsletter, running, site) = newsletter.serve().await;
    let (code, _) = newsletter.send_digest(&[]).await;
    assert_eq!(code, 0);
    let first = server.wait_for_messages(1).await;
    let delivered = first[0].recipients[0].clone();

    // A subscriber with a queued delivery unsubscribes with the link of an older issue.
    let waiting = newsletter.deliveries().await;
    let waiting = waiting
        .iter()
        .rev()
        .find(|row| row["attempts"] == 0)
        .expect("a queued delivery");
    let address = as_text(&waiting["address"]);
    let link = format!(
        "{site}/unsubscribe/{}",
        subscriber_token(&newsletter, Purpose::Unsubscribe, &address).await
    );
    assert_eq!(
        HttpClient::new().post(&link, &[]).await.status,
        StatusCode::OK
    );

    // A subscriber who has received the issue unsubscribes: the counts do not change.
    let issue = plain_text(&parse(&first[0].message));
    let link = link_under(&site, &issue, "unsubscribe");
    assert_eq!(
        HttpClient::new().post(&link, &[]).await.status,
        StatusCode::OK
    );
    wait_until("39 deliveries", async || {
        let counts = newsletter.delivery_counts().await;
        (counts.get("delivered") == Some(&39)).then_some(())
    })
    .await;
    assert_eq!(newsletter.delivery_counts().await.get("skipped"), Some(&1));
    assert!(!server.messages_per_recipient().contains_key(&address));
    assert_eq!(server.messages_per_recipient().get(&delivered), Some(&1));
    assert_eq!(running.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn demo_serves_all_pages_and_deletes_its_folder() {
    let install = TestInstall::new();
    let address = free_address();
    let port = address.port().to_string();
    let mut demo = install.start(&["demo", "--json", "--port", &port]);
    demo.wait_until_ready(address).await;
    let links: serde_json::Value =
        serde_json::from_str(demo.stdout().lines().next().expect("links")).expect("JSON");
    let folder = std::path::PathBuf::from(as_text(&links["folder"]));
    assert!(folder.join("broadsheet.db").is_file());
    let client = HttpClient::new();
    assert!(
        client
            .get(&as_text(&links["form"]))
            .await
            .html
            .contains("A loader that hides in plain fonts")
    );
    assert_eq!(
        client.get(&as_text(&links["desk"])).await.status,
        StatusCode::OK
    );
    assert_eq!(
        client.get(&as_text(&links["outbox"])).await.status,
        StatusCode::SEE_OTHER,
        "the outbox requires a login"
    );
    assert_eq!(
        client.get(&as_text(&links["blog"])).await.status,
        StatusCode::OK
    );
    assert_eq!(demo.terminate().await.code(), Some(0));
    assert!(!folder.exists(), "the folder was not deleted");
}

//! Sign-up and sending through the API with a token.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::message_format::{link_under, parse, plain_text};
use super::subscriber_lifecycle::subscriber_state;
use crate::support::api_client::ApiClient;
use crate::support::http_client::HttpClient;
use crate::support::newsletter::{Newsletter, as_text, wait_until};
use crate::support::smtp_server::SmtpServer;

#[tokio::test]
async fn api_token_signs_up_and_sends_until_revoked() {
    let server = SmtpServer::start();
    let (newsletter, running, site) = Newsletter::new(&server.url()).await.serve().await;
    let scopes = [
        "--scope",
        "read",
        "--scope",
        "subscribers",
        "--scope",
        "issues",
    ];
    let create = [&["admin", "token", "create", "shop"][..], &scopes].concat();
    let made = newsletter.run_json(&create).await.remove(0);
    let token = as_text(&made["token"]);
    assert!(made["expires_at"].is_i64(), "default lifetime");
    let more = ["--scope", "read", "--expires-in", "never"];
    let lasting = [&["admin", "token", "create", "lasting"][..], &more].concat();
    let lasting = newsletter.run_json(&lasting).await.remove(0);
    assert!(lasting["expires_at"].is_null(), "{lasting}");
    let shop = ApiClient::new(&site, &token);

    let subscriber = json!({ "email": "ada@example.org", "source": "the shop" });
    let (status, _) = shop
        .request(Method::POST, "/subscribers", Some(subscriber))
        .await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let messages = server.wait_for_messages(1).await;
    let confirmation = plain_text(&parse(&messages[0].message));
    let confirm = link_under(&site, &confirmation, "confirm");
    let client = HttpClient::new();
    assert_eq!(client.post(&confirm, &[]).await.status, StatusCode::OK);
    assert_eq!(
        subscriber_state(&newsletter, "ada@example.org").await,
        "confirmed"
    );
    let list = shop.get("/subscribers?state=confirmed").await;
    assert_eq!(list["subscribers"][0]["source"], "the shop");

    let (status, sent) = shop.request(Method::POST, "/next/send", None).await;
    assert_eq!(
        (status, &sent["result"]),
        (StatusCode::OK, &json!("sending")),
        "{sent}"
    );
    wait_until("the sent issue", async || {
        let issue = shop.get("/issues/1").await;
        (issue["state"] == "sent").then_some(())
    })
    .await;
    let from_api = shop.get("/issues/1/deliveries").await;
    let from_command = newsletter
        .run_json(&["deliveries", "list", "--issue", "1"])
        .await;
    assert_eq!(from_api["deliveries"], json!(from_command));
    assert_eq!(from_command[0]["state"], "delivered");
    let (_, again) = shop.request(Method::POST, "/next/send", None).await;
    let (_, from_command) = newsletter.send_digest(&[]).await;
    assert_eq!(again, from_command);
    assert_eq!(again["result"], "already_sent");

    let tokens = newsletter.run_json(&["admin", "token", "list"]).await;
    assert_eq!(tokens[1]["name"], "shop");
    assert!(tokens[1]["last_used_at"].is_i64(), "{tokens:?}");
    newsletter
        .run_json(&["admin", "token", "revoke", "shop"])
        .await;
    let (status, rejected) = shop.request(Method::GET, "/issues", None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{rejected}");

    let finished = running.terminate().await;
    assert_eq!(finished.code(), Some(0));
    for secret in [token.as_str(), "ada@example.org", "the shop"] {
        assert!(!finished.stderr.contains(secret), "{}", finished.stderr);
    }
    let tokens = format!("{tokens:?}");
    assert!(!tokens.contains(&token), "{tokens}");
}

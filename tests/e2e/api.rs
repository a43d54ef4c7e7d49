//! A shop signs readers up, and a script sends the week's issue: both by the API alone.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::message_format::{link_under, parse, plain_text};
use super::subscriber_lifecycle::{serve, state_of};
use crate::support::browser::Browser;
use crate::support::newsletter::{Newsletter, text, within};
use crate::support::program::Program;
use crate::support::smtp_server::SmtpServer;

#[tokio::test]
async fn a_reader_comes_in_and_an_issue_goes_out_by_a_token_until_it_is_revoked() {
    let server = SmtpServer::start();
    let (newsletter, running, site) = serve(Newsletter::new(&server.url()).await).await;
    let scopes = [
        "--scope",
        "read",
        "--scope",
        "subscribers",
        "--scope",
        "issues",
    ];
    let create = [&["admin", "token", "create", "shop"][..], &scopes].concat();
    let made = newsletter.json(&create).await.remove(0);
    let token = text(&made["token"]);
    assert!(
        made["expires_at"].is_i64(),
        "90 days, unless said otherwise"
    );
    let more = ["--scope", "read", "--expires-in", "never"];
    let lasting = [&["admin", "token", "create", "lasting"][..], &more].concat();
    let lasting = newsletter.json(&lasting).await.remove(0);
    assert!(lasting["expires_at"].is_null(), "{lasting}");
    let shop = Program::new(&site, &token);

    let reader = json!({ "email": "ada@example.org", "source": "the shop" });
    let (status, _) = shop.ask(Method::POST, "/subscribers", Some(reader)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let mails = server.wait_for(1).await;
    let confirmation = plain_text(&parse(&mails[0].message));
    let confirm = link_under(&site, &confirmation, "confirm");
    let browser = Browser::new();
    assert_eq!(browser.post(&confirm, &[]).await.status, StatusCode::OK);
    assert_eq!(state_of(&newsletter, "ada@example.org").await, "confirmed");
    let list = shop.read("/subscribers?state=confirmed").await;
    assert_eq!(list["subscribers"][0]["source"], "the shop");

    let (status, sent) = shop.ask(Method::POST, "/next/send", None).await;
    assert_eq!(
        (status, &sent["result"]),
        (StatusCode::OK, &json!("sending")),
        "{sent}"
    );
    let delivered = async {
        while shop.read("/issues/1").await["state"] != "sent" {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        shop.read("/issues/1/deliveries").await
    };
    let copies = within(delivered, "the issue to be sent").await;
    let told = newsletter
        .json(&["deliveries", "list", "--issue", "1"])
        .await;
    assert_eq!(copies["deliveries"], json!(told), "as the command has it");
    assert_eq!(told[0]["state"], "delivered");
    let (_, again) = shop.ask(Method::POST, "/next/send", None).await;
    let (_, by_command) = newsletter.send(&[]).await;
    assert_eq!(again, by_command);
    assert_eq!(again["result"], "already_sent");

    let tokens = newsletter.json(&["admin", "token", "list"]).await;
    assert_eq!(tokens[1]["name"], "shop");
    assert!(tokens[1]["last_used_at"].is_i64(), "{tokens:?}");
    newsletter.json(&["admin", "token", "revoke", "shop"]).await;
    let (status, refused) = shop.ask(Method::GET, "/issues", None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{refused}");

    let finished = running.terminate().await;
    assert_eq!(finished.code(), Some(0));
    for secret in [token.as_str(), "ada@example.org", "the shop"] {
        assert!(!finished.stderr.contains(secret), "{}", finished.stderr);
    }
    let tokens = format!("{tokens:?}");
    assert!(!tokens.contains(&token), "{tokens}");
}

//! A reader's life: from the form to the first issue, and out again.

use broadsheet::domain::ids::SubscriberId;
use broadsheet::domain::signed_token::{Purpose, SecretKeys};
use reqwest::StatusCode;

use super::message_format::{link_under, parse, plain_text};
use crate::support::browser::Browser;
use crate::support::newsletter::{Newsletter, text, within};
use crate::support::process::{Installation, Running, free_address};
use crate::support::smtp_server::SmtpServer;

pub async fn serve(newsletter: Newsletter) -> (Newsletter, Running, String) {
    let address = free_address();
    let site = format!("http://{address}");
    let newsletter = newsletter
        .with("server.listen", address.to_string())
        .with("server.public_url", &site)
        .with("limits.minimum_fill_ms", "0");
    let mut running = newsletter.start(&["serve"]);
    running.ready(address).await;
    (newsletter, running, site)
}

pub async fn state_of(newsletter: &Newsletter, address: &str) -> String {
    let rows = newsletter.json(&["subscribers", "list"]).await;
    let row = rows.iter().find(|row| row["address"] == address);
    row.map(|row| text(&row["state"])).unwrap_or_default()
}

/// What stands in every mail to this reader, made with the newsletter's own key.
pub async fn reader_token(newsletter: &Newsletter, purpose: Purpose, address: &str) -> String {
    let rows = newsletter.json(&["subscribers", "list"]).await;
    let row = rows
        .iter()
        .find(|row| row["address"] == address)
        .expect("a reader");
    let reader = SubscriberId::parse(&text(&row["id"])).expect("an id");
    let file = newsletter.installation.folder().join("data/secret.key");
    let keys =
        SecretKeys::parse(&std::fs::read_to_string(file).expect("a key file")).expect("a key");
    keys.subscriber_token(purpose, &reader)
}

#[tokio::test]
async fn from_the_form_to_an_issue_and_out_again() {
    let server = SmtpServer::start();
    let (newsletter, running, site) = serve(Newsletter::new(&server.url()).await).await;
    let browser = Browser::new();

    let form = browser.get(&format!("{site}/")).await;
    let fields = [
        ("email", "ada@example.org"),
        ("stamp", &form.field("stamp")),
    ];
    let answer = browser.post(&format!("{site}/subscribe"), &fields).await;
    assert_eq!(
        (answer.status, answer.location.as_deref()),
        (StatusCode::SEE_OTHER, Some("/check"))
    );
    assert_eq!(state_of(&newsletter, "ada@example.org").await, "pending");

    let mails = server.wait_for(1).await;
    let confirmation = plain_text(&parse(&mails[0].message));
    let confirm = link_under(&site, &confirmation, "confirm");
    for _ in 0..3 {
        assert_eq!(browser.get(&confirm).await.status, StatusCode::OK);
    }
    assert_eq!(
        state_of(&newsletter, "ada@example.org").await,
        "pending",
        "a scanner confirms nobody"
    );
    assert_eq!(browser.post(&confirm, &[]).await.status, StatusCode::OK);
    assert_eq!(browser.post(&confirm, &[]).await.status, StatusCode::OK);
    assert_eq!(state_of(&newsletter, "ada@example.org").await, "confirmed");

    // Cron makes the issue, and the running server sends it.
    let (code, result) = newsletter.send(&[]).await;
    assert_eq!(
        (code, text(&result["result"]).as_str()),
        (0, "sending"),
        "{result}"
    );
    let mails = server.wait_for(2).await;
    let issue = plain_text(&parse(&mails[1].message));
    assert!(issue.contains("How the bread rises"));

    let unsubscribe = link_under(&site, &issue, "unsubscribe");
    assert_eq!(browser.get(&unsubscribe).await.status, StatusCode::OK);
    assert_eq!(state_of(&newsletter, "ada@example.org").await, "confirmed");
    for _ in 0..2 {
        let left = browser
            .post(&unsubscribe, &[("List-Unsubscribe", "One-Click")])
            .await;
        assert_eq!(left.status, StatusCode::OK);
        assert!(left.location.is_none() && !left.sets_cookie);
    }
    assert_eq!(
        state_of(&newsletter, "ada@example.org").await,
        "unsubscribed"
    );
    // The old link brings nobody back, and an import leaves them out.
    assert_eq!(
        browser.post(&confirm, &[]).await.status,
        StatusCode::NOT_FOUND
    );
    let tally = newsletter.import(b"email\nada@example.org\n").await.json();
    assert_eq!(tally[0]["kept_out"], 1, "{tally:?}");

    let archive = browser.get(&format!("{site}/issues/1")).await;
    assert!(
        archive.html.contains("How the bread rises") && !archive.html.contains("/unsubscribe/")
    );
    assert_eq!(running.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn whoever_leaves_while_it_is_sent_gets_nothing_more() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url())
        .await
        .with("smtp.rate_per_second", "20");
    let newsletter = newsletter.with("smtp.connections", "1");
    newsletter.import_readers(40).await;
    let (newsletter, running, site) = serve(newsletter).await;
    let (code, _) = newsletter.send(&[]).await;
    assert_eq!(code, 0);
    let first = server.wait_for(1).await;
    let reached = first[0].recipients[0].clone();

    // Someone who has not been reached yet leaves by the link of an older issue.
    let waiting = newsletter.deliveries().await;
    let waiting = waiting
        .iter()
        .rev()
        .find(|row| row["attempts"] == 0)
        .expect("someone who waits");
    let address = text(&waiting["address"]);
    let link = format!(
        "{site}/unsubscribe/{}",
        reader_token(&newsletter, Purpose::Unsubscribe, &address).await
    );
    assert_eq!(Browser::new().post(&link, &[]).await.status, StatusCode::OK);

    // And who was reached already leaves by the link: nothing happens to the sums.
    let issue = plain_text(&parse(&first[0].message));
    let link = link_under(&site, &issue, "unsubscribe");
    assert_eq!(Browser::new().post(&link, &[]).await.status, StatusCode::OK);
    let all_served = async { while newsletter.states().await.get("delivered") != Some(&39) {} };
    within(all_served, "39 delivered copies").await;
    assert_eq!(newsletter.states().await.get("skipped"), Some(&1));
    assert!(!server.copies().contains_key(&address));
    assert_eq!(server.copies().get(&reached), Some(&1));
    assert_eq!(running.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn the_demo_works_at_once_and_leaves_nothing_behind() {
    let installation = Installation::new();
    let address = free_address();
    let port = address.port().to_string();
    let mut demo = installation.start(&["demo", "--json", "--port", &port]);
    demo.ready(address).await;
    let links: serde_json::Value =
        serde_json::from_str(demo.said().0.lines().next().expect("links")).expect("JSON");
    let folder = std::path::PathBuf::from(text(&links["folder"]));
    assert!(folder.join("broadsheet.db").is_file());
    let browser = Browser::new();
    assert!(
        browser
            .get(&text(&links["form"]))
            .await
            .html
            .contains("A loader that hides in plain fonts")
    );
    assert_eq!(
        browser.get(&text(&links["desk"])).await.status,
        StatusCode::OK
    );
    assert_eq!(
        browser.get(&text(&links["outbox"])).await.status,
        StatusCode::SEE_OTHER,
        "the desk asks who you are"
    );
    assert_eq!(
        browser.get(&text(&links["blog"])).await.status,
        StatusCode::OK
    );
    assert_eq!(demo.terminate().await.code(), Some(0));
    assert!(!folder.exists(), "the folder is thrown away");
}

//! What is the reader's: another address, their data, their erasure, each by a link that
//! was mailed just now.

use reqwest::StatusCode;

use super::message_format::{link_under, parse, plain_text};
use super::subscriber_lifecycle::{serve, state_of};
use crate::support::browser::Browser;
use crate::support::newsletter::{Newsletter, text};
use crate::support::smtp_server::SmtpServer;

const ADA: &str = "ada@example.org";
const NEW: &str = "ada@new.example.org";

/// The text of the `count`th mail, and to whom it went.
async fn mail(server: &SmtpServer, count: usize) -> (String, String) {
    let mails = server.wait_for(count).await;
    let mail = &mails[count - 1];
    (
        mail.recipients[0].clone(),
        plain_text(&parse(&mail.message)),
    )
}

#[tokio::test]
async fn a_reader_moves_gets_their_data_and_is_erased() {
    let server = SmtpServer::start();
    let (newsletter, running, site) = serve(Newsletter::new(&server.url()).await).await;
    let browser = Browser::new();
    newsletter.import(b"email\nada@example.org\n").await;
    newsletter.send(&[]).await;
    let (_, issue) = mail(&server, 1).await;
    let preferences = link_under(&site, &issue, "preferences");
    let ask = async |what| browser.post(&preferences, &[("action", what)]).await;

    ask("change_address").await;
    let (to, asked) = mail(&server, 2).await;
    assert_eq!(to, ADA);
    let form = link_under(&site, &asked, "change-address");
    browser.post(&form, &[("email", NEW)]).await;
    let (to, asked) = mail(&server, 3).await;
    assert_eq!(to, NEW);
    let prove = link_under(&site, &asked, "new-address");
    assert_eq!(browser.get(&prove).await.status, StatusCode::OK);
    assert_eq!(
        state_of(&newsletter, ADA).await,
        "confirmed",
        "a scanner moves nobody"
    );
    assert_eq!(
        browser.post(&prove, &[]).await.status,
        StatusCode::SEE_OTHER
    );
    let (to, told) = mail(&server, 4).await;
    assert_eq!(to, ADA);
    assert!(told.contains("now goes to another address") && !told.contains(NEW));
    assert_eq!(state_of(&newsletter, ADA).await, "");
    assert_eq!(state_of(&newsletter, NEW).await, "confirmed");

    ask("export").await;
    let (to, asked) = mail(&server, 5).await;
    assert_eq!(to, NEW, "where the reader is now, whoever has the old mail");
    let file = browser
        .post(&link_under(&site, &asked, "export"), &[])
        .await;
    let file: serde_json::Value = serde_json::from_str(&file.html).expect("JSON");
    assert_eq!(text(&file["address"]), NEW);
    assert_eq!(file["mails"].as_array().map(Vec::len), Some(3), "{file}");

    ask("erase").await;
    let (_, asked) = mail(&server, 6).await;
    let erase = link_under(&site, &asked, "erase");
    assert_eq!(browser.get(&erase).await.status, StatusCode::OK);
    assert_eq!(state_of(&newsletter, NEW).await, "confirmed");
    assert_eq!(browser.post(&erase, &[]).await.status, StatusCode::OK);
    assert_eq!(state_of(&newsletter, NEW).await, "");
    assert_eq!(
        browser.get(&preferences).await.status,
        StatusCode::NOT_FOUND
    );
    let left = newsletter.deliveries().await;
    assert!(left.iter().all(|row| row["address"].is_null()), "{left:?}");
    let tally = newsletter
        .import(b"email\nada@new.example.org\n")
        .await
        .json();
    assert_eq!(tally[0]["kept_out"], 1, "{tally:?}");
    let (_, log) = running.said();
    assert!(!log.contains("ada@"), "{log}");
    assert_eq!(running.terminate().await.code(), Some(0));
}

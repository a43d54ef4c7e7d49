//! The mail server that the desk saved, when it refuses or when a process cannot use it.

use super::settings::{empty, name_it, send_by, send_through, serve};
use crate::support::desk::Desk;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

#[tokio::test]
async fn a_server_that_refuses_is_quoted_word_for_word() {
    let server = SmtpServer::scripted(|moment| {
        let refuses = moment.stage == Stage::Rcpt;
        refuses.then_some(Fault::Reply("550 5.7.1 Relaying denied"))
    });
    let (newsletter, address, site) = empty().await;
    let (_running, mut desk) = serve(&newsletter, address, &site).await;
    name_it(&mut desk, &site, "The Baker").await;
    send_by(&mut desk, &server).await;
    let (page, path) = ("/admin/settings/sending", "/admin/settings/sending/try");
    desk.fill_in(page, path, &[("email", "ada@example.com")])
        .await;
    let tried = desk.get(page).await;
    assert!(tried.shows("550 5.7.1 Relaying denied"), "{}", tried.html);
    assert!(tried.shows("rejected this email"));
    drop(server);
    desk.fill_in(page, path, &[("email", "ada@example.com")])
        .await;
    let tried = desk.get(page).await;
    assert!(tried.shows("No server is responding"), "{}", tried.html);
}

#[tokio::test]
async fn a_process_without_the_password_keeps_the_mail_and_delivers_none_into_files() {
    let (newsletter, address, site) = empty().await;
    let password = ("BROADSHEET_SMTP__PASSWORD", "secret");
    let mut running = newsletter.installation.start_with(password, &["serve"]);
    running.ready(address).await;
    let mut desk = Desk::first(&running, &site).await;
    name_it(&mut desk, &site, "The Baker").await;
    send_through(&mut desk, "9", "baker").await;
    let feed = newsletter.blog.feed_url();
    newsletter.json(&["feeds", "add", &feed]).await;
    newsletter.import_readers(3).await;

    let refused = newsletter.run(&["digest", "send", "--wait"]).await;
    assert_eq!(refused.code(), Some(2), "{refused:?}");
    assert!(refused.stderr.contains("password"), "{refused:?}");
    assert!(newsletter.deliveries().await.is_empty());
    assert!(
        !newsletter
            .installation
            .folder()
            .join("data/outbox")
            .exists()
    );
    running.terminate().await;
}

//! SMTP settings from the admin UI: test messages, and a password that only `serve` has.

use super::settings::{save_newsletter, save_smtp, save_smtp_server, unconfigured};
use crate::support::admin_client::AdminClient;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

#[tokio::test]
async fn smtp_rejection_of_test_message_is_shown() {
    let server = SmtpServer::with_script(|event| {
        let is_rejected = event.stage == Stage::Rcpt;
        is_rejected.then_some(Fault::Reply("550 5.7.1 Relaying denied"))
    });
    let (newsletter, address, site) = unconfigured().await;
    let running = newsletter.start_server(address).await;
    let admin = AdminClient::create_first_admin(&running, &site).await;
    save_newsletter(&admin, &site, "The Baker").await;
    save_smtp_server(&admin, &server).await;
    let (page, path) = ("/admin/settings/sending", "/admin/settings/sending/try");
    admin
        .submit_form(page, path, &[("email", "ada@example.com")])
        .await;
    let result = admin.get(page).await;
    assert!(result.shows("550 5.7.1 Relaying denied"), "{}", result.html);
    assert!(result.shows("rejected this email"));
    drop(server);
    admin
        .submit_form(page, path, &[("email", "ada@example.com")])
        .await;
    let result = admin.get(page).await;
    assert!(result.shows("No server is responding"), "{}", result.html);
}

#[tokio::test]
async fn process_without_smtp_password_does_not_send() {
    let (newsletter, address, site) = unconfigured().await;
    let password = ("BROADSHEET_SMTP__PASSWORD", "secret");
    let mut running = newsletter.install.start_with_env(password, &["serve"]);
    running.wait_until_ready(address).await;
    let admin = AdminClient::create_first_admin(&running, &site).await;
    save_newsletter(&admin, &site, "The Baker").await;
    save_smtp(&admin, "9", "baker").await;
    let feed = newsletter.blog.feed_url();
    newsletter.run_json(&["feeds", "add", &feed]).await;
    newsletter.import_subscribers(3).await;

    let rejected = newsletter.run(&["digest", "send", "--wait"]).await;
    assert_eq!(rejected.code(), Some(2), "{rejected:?}");
    assert!(rejected.stderr.contains("password"), "{rejected:?}");
    assert!(newsletter.deliveries().await.is_empty());
    assert!(!newsletter.install.folder().join("data/outbox").exists());
    running.terminate().await;
}

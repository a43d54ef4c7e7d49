//! What `digest send` says of a cancelled issue, and when no feed can be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::{Method, StatusCode};

use crate::support::api_client::ApiClient;
use crate::support::newsletter::{Newsletter, as_text, parse_send_result, wait_until};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const OPERATOR: &str = "operator@example.net";

#[tokio::test]
async fn send_with_every_feed_failing_fails_and_alerts_once() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url())
        .await
        .with_setting("alerts.to", OPERATOR);
    newsletter.import_subscribers(1).await;
    newsletter.blog.set_failure(Some(StatusCode::BAD_GATEWAY));

    let finished = newsletter.run(&["digest", "send", "--wait"]).await;
    let (code, result) = parse_send_result(&finished);
    assert_eq!((code, &result["result"]), (1, &"nothing_new".into()));
    let received = server.received();
    assert_eq!(received.len(), 1, "{finished:?}");
    assert_eq!(received[0].recipients, [OPERATOR]);

    let (code, _) = newsletter.send_digest(&["--wait"]).await;
    assert_eq!((code, server.received().len()), (1, 1));

    newsletter.blog.set_failure(None);
    let sent = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(sent["result"], "sent", "{sent}");
}

#[tokio::test]
async fn cancelled_issue_without_recipients_is_reported_and_sent_again_later() {
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let server = SmtpServer::with_script(move |moment| {
        let rejects = moment.stage == Stage::Rcpt && !opened.load(Ordering::Relaxed);
        rejects.then_some(Fault::Reply("451 4.3.0 Not just now"))
    });
    let (newsletter, _serve, site) = Newsletter::new(&server.url()).await.serve().await;
    newsletter.import_subscribers(2).await;
    let create = ["admin", "token", "create", "cron", "--scope", "read"];
    let create = [&create[..], &["--scope", "issues"]].concat();
    let token = newsletter.run_json(&create).await.remove(0);
    let api = ApiClient::new(&site, &as_text(&token["token"]));

    let waiting = newsletter.start(&["digest", "send", "--wait"]);
    wait_until("two deferred deliveries", async || {
        let counts = newsletter.delivery_counts().await;
        (counts.get("deferred") == Some(&2)).then_some(())
    })
    .await;
    let (status, answer) = api.request(Method::POST, "/issues/1/cancel", None).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (code, cancelled) = parse_send_result(&waiting.wait().await);
    assert_eq!(
        (code, &cancelled["result"], &cancelled["skipped"]),
        (0, &"cancelled".into(), &2.into()),
        "{cancelled}"
    );

    is_open.store(true, Ordering::Relaxed);
    let sent = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(
        (&sent["result"], &sent["issue"], &sent["slot"]),
        (&"sent".into(), &2.into(), &cancelled["slot"]),
        "{sent}"
    );
    assert_eq!(server.messages_per_recipient().len(), 2);
}

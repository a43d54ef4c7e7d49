//! What `digest send` says of a cancelled issue, and when no feed can be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode};

use super::subscriber_lifecycle::serve;
use crate::support::newsletter::{Newsletter, result_of, text, within};
use crate::support::program::Program;
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const OPERATOR: &str = "operator@example.net";

#[tokio::test]
async fn send_with_every_feed_failing_fails_and_alerts_once() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url())
        .await
        .with("alerts.to", OPERATOR);
    newsletter.import_readers(1).await;
    newsletter.blog.break_with(Some(StatusCode::BAD_GATEWAY));

    let finished = newsletter.run(&["digest", "send", "--wait"]).await;
    let (code, result) = result_of(&finished);
    assert_eq!((code, &result["result"]), (1, &"nothing_new".into()));
    let received = server.received();
    assert_eq!(received.len(), 1, "{finished:?}");
    assert_eq!(received[0].recipients, [OPERATOR]);

    let (code, _) = newsletter.send(&["--wait"]).await;
    assert_eq!((code, server.received().len()), (1, 1));

    newsletter.blog.break_with(None);
    let sent = newsletter.send_to_the_end(&[]).await;
    assert_eq!(sent["result"], "sent", "{sent}");
}

#[tokio::test]
async fn cancelled_issue_without_recipients_is_reported_and_sent_again_later() {
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let server = SmtpServer::scripted(move |moment| {
        let rejects = moment.stage == Stage::Rcpt && !opened.load(Ordering::Relaxed);
        rejects.then_some(Fault::Reply("451 4.3.0 Not just now"))
    });
    let (newsletter, _serve, site) = serve(Newsletter::new(&server.url()).await).await;
    newsletter.import_readers(2).await;
    let create = ["admin", "token", "create", "cron", "--scope", "read"];
    let create = [&create[..], &["--scope", "issues"]].concat();
    let token = newsletter.json(&create).await.remove(0);
    let api = Program::new(&site, &text(&token["token"]));

    let waiting = newsletter.start(&["digest", "send", "--wait"]);
    let deferred = async {
        while newsletter.states().await.get("deferred") != Some(&2) {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    within(deferred, "two deferred deliveries").await;
    let (status, answer) = api.ask(Method::POST, "/issues/1/cancel", None).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (code, cancelled) = result_of(&waiting.wait().await);
    assert_eq!(
        (code, &cancelled["result"], &cancelled["skipped"]),
        (0, &"cancelled".into(), &2.into()),
        "{cancelled}"
    );

    is_open.store(true, Ordering::Relaxed);
    let sent = newsletter.send_to_the_end(&[]).await;
    assert_eq!(
        (&sent["result"], &sent["issue"], &sent["slot"]),
        (&"sent".into(), &2.into(), &cancelled["slot"]),
        "{sent}"
    );
    assert_eq!(server.copies().len(), 2);
}

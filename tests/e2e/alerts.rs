//! The owner is told what happened: once, and also when nothing else gets through.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::message_format::{parse, plain_text};
use crate::support::newsletter::{Newsletter, until_logged};
use crate::support::smtp_server::{Fault, Received, SmtpServer, Stage};

const OWNER: &str = "owner@example.net";

async fn newsletter(server: &SmtpServer) -> Newsletter {
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_readers(2).await;
    newsletter.with("alerts.to", OWNER)
}

fn told(received: &[Received]) -> Vec<&Received> {
    let to_owner = |mail: &&Received| mail.recipients == [OWNER];
    received.iter().filter(to_owner).collect()
}

#[tokio::test]
async fn of_each_issues_result_once_however_many_processes_see_it() {
    let server = SmtpServer::start();
    let newsletter = newsletter(&server).await;
    let workers = [newsletter.start(&["worker"]), newsletter.start(&["worker"])];
    for worker in &workers {
        until_logged(worker, "delivery worker started").await;
    }
    newsletter.send(&[]).await;
    let received = server.wait_for(3).await;
    let alert = told(&received)[0];
    let mail = parse(&alert.message);
    assert_eq!(mail.subject(), Some("No. 1 was sent to 2"));
    let text = plain_text(&mail);
    assert!(
        text.contains("2 delivered") && text.contains("/weekly/admin/issues/1"),
        "{text}"
    );
    assert_eq!(mail.header("List-Unsubscribe"), None);
    // Both have looked again by the time that a second issue is told of.
    newsletter
        .blog
        .publish(crate::support::newsletter::post("two", "Two", 1));
    newsletter.send(&["--extra"]).await;
    let received = server.wait_for(6).await;
    assert_eq!(told(&received).len(), 2);
}

#[tokio::test]
async fn of_a_paused_issue_with_the_servers_words_while_readers_are_refused() {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let server = SmtpServer::scripted(move |moment| {
        let refuses = moment.stage == Stage::Rcpt && moment.recipient.starts_with("reader");
        refuses.then(|| {
            count.fetch_add(1, Ordering::Relaxed);
            Fault::Reply("530 5.7.0 Log in first")
        })
    });
    let newsletter = newsletter(&server).await;
    let _worker = newsletter.start(&["worker"]);
    newsletter.send(&[]).await;
    let received = server.wait_for(1).await;
    assert!(refused.load(Ordering::Relaxed) > 0);
    let mail = parse(&told(&received)[0].message);
    assert_eq!(
        mail.subject(),
        Some("No. 1 is paused and needs your attention")
    );
    assert!(plain_text(&mail).contains("530 5.7.0 Log in first"));
}

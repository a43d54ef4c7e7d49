//! Live progress of an issue in the admin UI.

use std::time::{Duration, Instant};

use reqwest::Response;

use crate::support::admin_client::AdminClient;
use crate::support::newsletter::{Newsletter, with_timeout};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

/// The progress stream of an issue.
struct ProgressStream {
    response: Response,
    text: String,
}

impl ProgressStream {
    async fn open(admin: &AdminClient) -> Self {
        Self {
            response: admin.open_progress_stream(1).await,
            text: String::new(),
        }
    }

    /// Reads until the stream contains `text`.
    async fn read_until(&mut self, text: &str) {
        let contains_text = async {
            while !self.text.contains(text) {
                let chunk = self.response.chunk().await.expect("an open stream");
                let chunk = chunk.unwrap_or_else(|| panic!("ended before {text}: {}", self.text));
                self.text.push_str(&String::from_utf8_lossy(&chunk));
            }
        };
        with_timeout(contains_text, text).await;
    }

    async fn read_to_end(&mut self) {
        let ended = async { while let Ok(Some(_)) = self.response.chunk().await {} };
        with_timeout(ended, "the end of the stream").await;
    }

    /// Returns the data of the last progress event.
    fn last_progress(&self) -> serde_json::Value {
        let mut data = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("data: {\"state\""));
        let last = data.next_back().expect("a progress event");
        serde_json::from_str(&format!("{{\"state\"{last}")).expect("JSON")
    }
}

#[tokio::test]
async fn progress_stream_reports_send_until_done() {
    let server = SmtpServer::with_script(|event| {
        let is_rejected = event.recipient.contains("reader3@");
        (is_rejected && event.stage == Stage::Rcpt)
            .then_some(Fault::Reply("550 5.1.1 No such reader"))
    });
    let newsletter = Newsletter::new(&server.url())
        .await
        .with_setting("smtp.rate_per_second", "20");
    newsletter.import_subscribers(30).await;
    let (newsletter, _running, site) = newsletter.serve().await;
    let admin = AdminClient::create_admin(&newsletter, &site).await;
    newsletter.send_digest(&[]).await;
    let mut stream = ProgressStream::open(&admin).await;
    stream.read_until("event: done").await;
    let last = stream.last_progress();
    assert_eq!(last["state"], "sent_with_failures", "{last}");
    assert_eq!(
        (&last["sent"], &last["failed"], &last["total"]),
        (&29.into(), &1.into(), &30.into())
    );
    assert!(
        stream.text.contains("\"state\":\"sending\""),
        "no event during the send"
    );
    assert!(stream.text.contains("per second"), "no rate");
    stream.read_to_end().await;
}

#[tokio::test]
async fn open_progress_stream_does_not_delay_shutdown() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url())
        .await
        .with_setting("smtp.rate_per_second", "1");
    newsletter.import_subscribers(100).await;
    let (newsletter, running, site) = newsletter.serve().await;
    let admin = AdminClient::create_admin(&newsletter, &site).await;
    newsletter.send_digest(&[]).await;
    let mut stream = ProgressStream::open(&admin).await;
    stream.read_until("\"state\":\"sending\"").await;
    let signalled = Instant::now();
    let (ended, elapsed) = tokio::join!(running.terminate(), async {
        stream.read_to_end().await;
        signalled.elapsed()
    });
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    // Other requests in progress get three seconds.
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

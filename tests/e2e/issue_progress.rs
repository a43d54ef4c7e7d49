//! The editor watches a send, on the real program.

use std::time::{Duration, Instant};

use reqwest::header::{COOKIE, HeaderMap};
use reqwest::{Client, Response, redirect};

use crate::support::newsletter::{Newsletter, text, within};
use crate::support::process::{Running, free_address};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const PASSWORD: &str = "correct horse battery";

/// The desk of a running `serve`, with someone logged in.
struct Desk {
    client: Client,
    base: String,
}

fn client(headers: HeaderMap) -> Client {
    // An error says that there is a provider already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .default_headers(headers)
        .no_proxy();
    client.build().expect("a client")
}

async fn serve(newsletter: Newsletter) -> (Newsletter, Running, Desk) {
    let address = free_address();
    let newsletter = newsletter
        .with("server.listen", address.to_string())
        .with("server.public_url", format!("http://{address}"));
    let mut running = newsletter.start(&["serve"]);
    running.ready(address).await;
    let created = newsletter.json(&["admin", "create", "ada@blog.test"]).await;
    let link = text(&created[0]["link"]);
    let (_, token) = link.split_once("token=").expect("a token in the link");
    let mut desk = Desk {
        client: client(HeaderMap::new()),
        base: format!("http://{address}/admin"),
    };
    desk.log_in(token).await;
    (newsletter, running, desk)
}

impl Desk {
    async fn log_in(&mut self, token: &str) {
        let fields = [
            ("token", token),
            ("email", "ada@blog.test"),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        let answer = self.post("/setup", &fields).await;
        let cookie = answer.headers().get("set-cookie").expect("a session");
        let cookie = cookie
            .to_str()
            .expect("text")
            .split(';')
            .next()
            .expect("its value");
        let cookie = cookie.parse().expect("a header");
        self.client = client(HeaderMap::from_iter([(COOKIE, cookie)]));
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        request.send().await.expect("an answer")
    }

    async fn watch(&self, issue: u32) -> Stream {
        let request = self
            .client
            .get(format!("{}/issues/{issue}/live", self.base));
        let response = request
            .header("accept", "text/event-stream")
            .send()
            .await
            .expect("a stream");
        assert_eq!(response.status(), 200);
        Stream {
            response,
            text: String::new(),
        }
    }
}

struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    /// Reads on until it has said these words.
    async fn until(&mut self, words: &str) {
        let said = async {
            while !self.text.contains(words) {
                let chunk = self
                    .response
                    .chunk()
                    .await
                    .expect("a stream that is not cut");
                let chunk =
                    chunk.unwrap_or_else(|| panic!("it ended before {words}: {}", self.text));
                self.text.push_str(&String::from_utf8_lossy(&chunk));
            }
        };
        within(said, words).await;
    }

    async fn follow_on(&mut self) {
        let ended = async { while let Ok(Some(_)) = self.response.chunk().await {} };
        within(ended, "the end of the stream").await;
    }

    fn last_figures(&self) -> serde_json::Value {
        let mut data = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("data: {\"state\""));
        let last = data.next_back().expect("figures");
        serde_json::from_str(&format!("{{\"state\"{last}")).expect("JSON")
    }
}

#[tokio::test]
async fn a_send_is_watched_to_its_end() {
    let server = SmtpServer::scripted(|moment| {
        let full = moment.recipient.contains("reader3@");
        (full && moment.stage == Stage::Rcpt).then_some(Fault::Reply("550 5.1.1 No such reader"))
    });
    let newsletter = Newsletter::new(&server.url())
        .await
        .with("smtp.rate_per_second", "20");
    newsletter.import_readers(30).await;
    let (newsletter, _running, desk) = serve(newsletter).await;
    newsletter.send(&[]).await;
    let mut stream = desk.watch(1).await;
    stream.until("event: done").await;
    let last = stream.last_figures();
    assert_eq!(last["state"], "sent_with_failures", "{last}");
    assert_eq!(
        (&last["sent"], &last["failed"], &last["total"]),
        (&29.into(), &1.into(), &30.into())
    );
    assert!(
        stream.text.contains("\"state\":\"sending\""),
        "it was seen under way"
    );
    assert!(stream.text.contains("per second"), "a rate was told");
    stream.follow_on().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_who_watches() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url())
        .await
        .with("smtp.rate_per_second", "1");
    newsletter.import_readers(100).await;
    let (newsletter, running, desk) = serve(newsletter).await;
    newsletter.send(&[]).await;
    let mut stream = desk.watch(1).await;
    stream.until("\"state\":\"sending\"").await;
    let asked = Instant::now();
    let (ended, elapsed) = tokio::join!(running.terminate(), async {
        stream.follow_on().await;
        asked.elapsed()
    });
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    // A page under way would get three seconds.
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

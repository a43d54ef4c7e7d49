//! The event stream and the progress on the pages.

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use serde_json::Value;

use crate::domain::delivery::DeliveryState::{Bounced, Deferred, Delivered};
use crate::domain::ids::WorkerId;
use crate::store::GroupCommit;
use crate::web::admin::tests::*;
use crate::web::issue_progress::{ProgressHub, ProgressState};

const STREAM: &str = "text/event-stream";
/// Timeout of each wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// Client of an event stream, like a browser's `EventSource`.
struct Events {
    body: BodyDataStream,
    text: String,
}

impl Events {
    async fn open(browser: &AdminClient<'_>) -> Self {
        let response = browser.open("/admin/issues/1/live", STREAM).await;
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers();
        assert_eq!(headers[header::CONTENT_TYPE], STREAM);
        assert_eq!(headers["x-accel-buffering"], "no");
        assert!(
            headers[header::CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("no-store")
        );
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// Returns the next event's name and data, or `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
                };
                if let Some(name) = field("event: ") {
                    let data = field("data: ").unwrap();
                    return Some((name, serde_json::from_str(&data).unwrap()));
                }
                continue; // a comment
            }
            let chunk = tokio::time::timeout(PATIENCE, self.body.next());
            let chunk = chunk.await.expect("the stream says something")?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Returns the first progress event that fulfils the predicate.
    async fn until(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (name, figures) = self.next().await.expect("a stream that goes on");
            assert_eq!(name, "progress");
            if is_so(&figures) {
                return figures;
            }
        }
    }
}

async fn house_with_readers(count: usize) -> (AdminTestApp, IssueId) {
    let app = AdminTestApp::new().await;
    for number in 1..=count {
        app.site.confirmed(&format!("r{number}@example.org")).await;
    }
    let (issue, _) = app.site.issue(&["Bread"]).await;
    (app, issue)
}

#[tokio::test]
async fn stream_starts_with_state_and_ends_with_done() {
    let (app, issue) = house_with_readers(3).await;
    let ada = app.ada().await;
    let mut events = Events::open(&ada).await;
    let (name, first) = events.next().await.unwrap();
    assert_eq!(name, "progress");
    for (field, value) in [
        ("state", "sending".into()),
        ("sent", 0.into()),
        ("total", 3.into()),
        ("failed", 0.into()),
        ("retrying", 0.into()),
        ("waiting", 3.into()),
        ("rate", Value::Null),
        ("eta", Value::Null),
        ("last", Value::Null),
    ] {
        assert_eq!(first[field], value, "{field}");
    }

    let outcomes = [
        ("r1@example.org", Delivered, "250 ok"),
        ("r2@example.org", Deferred, "450 later"),
    ];
    app.deliver(&issue, &outcomes).await;
    app.site.clock.advance(Duration::from_secs(2));
    let later = events.until(|figures| figures["sent"] == 1).await;
    assert_eq!(
        (&later["retrying"], &later["waiting"]),
        (&1.into(), &1.into())
    );
    assert_eq!(later["rate"], 0.5);
    assert_eq!(later["eta"], 2);
    let progress = later["parts"]["progress"].as_str().unwrap();
    for words in [
        "1 of 3 sent",
        "30 per minute",
        "about 2 seconds left",
        "1 retrying",
    ] {
        assert!(progress.contains(words), "{words}: {progress}");
    }
    // A new stream and a reloaded page show the same.
    let (_, again) = Events::open(&ada).await.next().await.unwrap();
    assert_eq!(again, later);
    let mut ada = ada;
    assert!(ada.get("/admin/issues/1").await.contains(progress.trim()));

    app.site.clock.advance(Duration::from_secs(600));
    let outcomes = [
        ("r2@example.org", Delivered, "250 ok"),
        ("r3@example.org", Bounced, "550 5.1.1 no"),
    ];
    app.deliver(&issue, &outcomes).await;
    let last = events.until(|figures| figures["state"] != "sending").await;
    assert_eq!(last["state"], "sent_with_failures");
    assert_eq!((&last["sent"], &last["failed"]), (&2.into(), &1.into()));
    assert_eq!(last["settled"], 3, "all are accounted for");
    assert_eq!(events.next().await.unwrap().0, "done");
    assert!(events.next().await.is_none(), "the stream ends");
}

#[tokio::test]
async fn stream_reports_pause_and_ends_with_session() {
    let (app, _) = house_with_readers(2).await;
    let mut ada = app.ada().await;
    let mut events = Events::open(&ada).await;
    events.until(|figures| figures["state"] == "sending").await;
    let pause = [("action", "pause")];
    let paused = ada
        .submit_form("/admin/issues/1", "/admin/issues/1", &pause)
        .await;
    assert_eq!(paused.to(), "/admin/issues/1?done=paused");
    let figures = events.until(|figures| figures["state"] == "paused").await;
    let progress = figures["parts"]["progress"].as_str().unwrap();
    assert!(
        progress.contains("Paused by <bdi>ada@example.com</bdi>"),
        "{progress}"
    );

    ada.submit_form("/admin", "/admin/logout", &[]).await;
    let (name, _) = events.next().await.unwrap();
    assert_eq!(
        name, "done",
        "the page asks for itself, and is sent to the door"
    );
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn stream_requires_login_and_redirects_pages() {
    let (app, _) = house_with_readers(1).await;
    let stranger = AdminClient::new(&app);
    let answer = stranger.open("/admin/issues/1/live", STREAM).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(
        answer.headers()[header::LOCATION]
            .to_str()
            .unwrap()
            .contains("/admin/login")
    );
    let ada = app.ada().await;
    let answer = ada.open("/admin/issues/1/live", "text/html,*/*").await;
    assert_eq!(answer.headers()[header::LOCATION], "/admin/issues/1");
    let answer = ada.open("/admin/issues/2/live", STREAM).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn streams_share_one_poller() {
    let (app, issue) = house_with_readers(1).await;
    let live = ProgressHub::new(app.store().clone(), app.site.web.clock.clone());
    let row = app.first_issue().await;
    let first = live.look(row.clone()).await.unwrap();
    let second = live.look(row).await.unwrap();
    assert_eq!(first.sight.issue.counts.queued, 1);
    assert!(
        std::sync::Arc::ptr_eq(&first, &second),
        "counted once for both"
    );

    let mut watchers = [live.watch(issue), live.watch(issue)];
    assert_eq!(live.readers(), 1);
    for watcher in &mut watchers {
        let seen = watcher.wait_for(|seen| matches!(seen, ProgressState::Look(_)));
        tokio::time::timeout(PATIENCE, seen).await.unwrap().unwrap();
    }
    drop(watchers);
    let ended = async {
        while live.readers() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("the reader ends");
}

#[tokio::test]
async fn stalled_server_is_reported_with_last_reply() {
    let (app, issue) = house_with_readers(3).await;
    let mut ada = app.ada().await;
    app.deliver(&issue, &[("r1@example.org", Delivered, "250 ok")])
        .await;
    let words = "connection refused <by the wall>";
    let answered = Some(app.site.now());
    app.store()
        .record_last_reply(&issue, "250 ok", answered)
        .await
        .unwrap();
    app.store()
        .record_last_reply(&issue, words, None)
        .await
        .unwrap();
    app.site.clock.advance(Duration::from_secs(59));
    let page = ada.get("/admin/issues/1").await;
    assert!(page.contains("1 of 3 sent") && !page.contains("No response"));

    app.site.clock.advance(Duration::from_secs(1));
    let mut events = Events::open(&ada).await;
    let stalled = events
        .until(|figures| {
            figures["parts"]["progress"]
                .to_string()
                .contains("No response")
        })
        .await;
    assert_eq!(stalled["last"], words);
    let progress = stalled["parts"]["progress"].as_str().unwrap();
    let mut page = ada.get("/admin/issues/1").await;
    page.body.push_str(progress);
    for told in [
        "No response from smtp.example.com:587 for 60 s:",
        "connection refused &lt;by the wall&gt;",
        "1 sent, 2 remaining. No subscriber receives it twice",
    ] {
        assert_eq!(
            page.body.matches(told).count(),
            2,
            "{told}: on the page and the stream"
        );
    }
    assert!(page.contains("value=\"try_now\"") && page.contains("value=\"pause\""));

    // A reply ends the stall.
    let now = Some(app.site.now());
    app.store()
        .record_last_reply(&issue, "250 ok", now)
        .await
        .unwrap();
    events
        .until(|figures| {
            !figures["parts"]["progress"]
                .to_string()
                .contains("No response")
        })
        .await;
}

/// Regression of another tool, listmonk #1931: "Finished" while deliveries remained.
#[tokio::test]
async fn issue_with_deferred_delivery_is_not_sent() {
    let (app, issue) = house_with_readers(2).await;
    let mut ada = app.ada().await;
    let outcomes = [
        ("r1@example.org", Delivered, "250 ok"),
        ("r2@example.org", Deferred, "450 4.2.2 full"),
    ];
    app.deliver(&issue, &outcomes).await;
    for path in ["/admin", "/admin/issues", "/admin/issues/1"] {
        let page = ada.get(path).await;
        assert!(page.contains("</span> Sending</span>"), "{path}");
        assert!(!page.contains("</span> Sent"), "{path}");
    }
    assert!(ada.get("/admin/issues/1").await.contains("Next attempt"));
    app.site.clock.advance(Duration::from_secs(300));
    app.deliver(&issue, &[("r2@example.org", Delivered, "250 ok")])
        .await;
    for path in ["/admin", "/admin/issues", "/admin/issues/1"] {
        assert!(
            ada.get(path).await.contains("</span> Sent</span>"),
            "{path}"
        );
    }
}

/// Regression of another tool, listmonk: the page did not show the error of a pause.
#[tokio::test]
async fn paused_issue_shows_smtp_reply() {
    let (app, issue) = house_with_readers(1).await;
    let mut ada = app.ada().await;
    let why = "535 5.7.8 bad credentials";
    let commit = GroupCommit {
        pauses: vec![(issue, why.to_owned())],
        ..GroupCommit::default()
    };
    let worker = WorkerId::new(app.site.now(), &app.site.web.random);
    let recorded = app.store().record(&worker, &commit, app.site.now()).await;
    assert_eq!(recorded.unwrap().paused.len(), 1);
    for path in ["/admin", "/admin/issues/1"] {
        let page = ada.get(path).await;
        assert!(
            page.contains("</span> Paused</span>") && page.contains(why),
            "{path}"
        );
        assert!(page.contains("0 sent, 1 remaining"), "{path}");
    }
}

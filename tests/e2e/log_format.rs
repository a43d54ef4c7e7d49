//! `BROADSHEET_LOG_FORMAT` and `BROADSHEET_LOG`.

use serde_json::Value;

use crate::support::newsletter::{NO_SMTP, Newsletter, wait_for_log};

const STARTED: &str = "delivery worker started";

#[tokio::test]
async fn log_format_json_prints_one_object_per_event() {
    let newsletter = Newsletter::new(NO_SMTP).await;
    let install = newsletter
        .install
        .clone()
        .with_setting("log_format", "json");

    let worker = install.start(&["worker"]);
    wait_for_log(&worker, STARTED).await;
    let finished = worker.kill().await;

    let events: Vec<Value> = finished
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object per line"))
        .collect();
    let started = events
        .iter()
        .find(|event| event["fields"]["message"] == STARTED)
        .expect("the event of the start");
    assert_eq!(started["level"], "INFO");
    assert!(started["timestamp"].is_string(), "{started}");
}

#[tokio::test]
async fn log_level_warn_hides_info_events() {
    let newsletter = Newsletter::new(NO_SMTP).await;
    let install = newsletter.install.clone().with_setting("log", "warn");

    let sent = install.run(&["digest", "send"]).await;

    assert_eq!(sent.code(), Some(0), "{sent:?}");
    assert!(!sent.stderr.contains(" INFO "), "{sent:?}");
}

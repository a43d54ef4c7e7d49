use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use axum::Router;
use axum::routing::get;
use serde_json::json;

use crate::support::process::{Installation, free_address};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[tokio::test]
async fn the_program_runs_and_ends() {
    let finished = Installation::new().run(&["--help"]).await;
    assert_eq!(finished.code(), Some(0), "{finished:?}");
}

#[tokio::test]
async fn settings_and_folder_reach_the_program_and_its_words_come_back() {
    let installation = Installation::new().with("smtp.url", "smtp://mail.test:25");
    let script = r#"printf '{"url":"%s"}\n' "$BROADSHEET_SMTP__URL"; pwd; echo no >&2; exit 75"#;
    let finished = installation.start_command(shell(script)).wait().await;
    assert_eq!(finished.code(), Some(75));
    assert_eq!(finished.stderr, "no\n");
    let folder = installation.folder().display().to_string();
    assert_eq!(
        finished.stdout,
        format!("{{\"url\":\"smtp://mail.test:25\"}}\n{folder}\n")
    );
}

#[tokio::test]
async fn json_is_read_line_by_line() {
    let script = r#"printf '{"row":7}\n{"imported":1}\n'"#;
    let finished = Installation::new()
        .start_command(shell(script))
        .wait()
        .await;
    assert_eq!(finished.json(), [json!({"row": 7}), json!({"imported": 1})]);
}

#[tokio::test]
async fn more_output_than_a_pipe_holds_is_no_deadlock() {
    let script = "head -c 1000000 /dev/zero | tr '\\0' x";
    let finished = Installation::new()
        .start_command(shell(script))
        .wait()
        .await;
    assert_eq!(finished.stdout.len(), 1_000_000);
}

#[tokio::test]
async fn a_kill_leaves_no_time_to_tidy_up_and_a_term_does() {
    let script = "trap 'echo tidied; exit 0' TERM; echo up; while :; do sleep 0.02; done";
    let installation = Installation::new();
    for tidy in [true, false] {
        let running = installation.start_command(shell(script));
        while running.said().0 != "up\n" {
            tokio::task::yield_now().await;
        }
        let finished = if tidy {
            running.terminate().await
        } else {
            running.kill().await
        };
        assert_eq!(finished.stdout.contains("tidied"), tidy);
        assert_eq!(finished.status.signal(), (!tidy).then_some(9));
    }
}

#[tokio::test]
async fn a_dropped_program_is_dead() {
    let installation = Installation::new();
    let running = installation.start_command(shell("echo $$; exec sleep 600"));
    let pid = loop {
        let (stdout, _) = running.said();
        if let Some(pid) = stdout.strip_suffix('\n') {
            break pid.to_owned();
        }
        tokio::task::yield_now().await;
    };
    drop(running);
    let alive = shell(&format!("kill -0 {pid} 2>/dev/null")).status();
    assert!(!alive.expect("a shell").success());
}

#[tokio::test]
async fn readiness_is_waited_for() {
    let address = free_address();
    let mut running = Installation::new().start_command(shell("exec sleep 600"));
    let served = tokio::spawn(async move {
        let router = Router::new().route("/readyz", get(|| async { "ready" }));
        let listener = tokio::net::TcpListener::bind(address).await;
        axum::serve(listener.expect("the free address"), router).await
    });
    running.ready(address).await;
    served.abort();
}

#[tokio::test]
#[should_panic(expected = "wrong settings")]
async fn a_program_that_ends_before_it_is_ready_fails_with_its_own_words() {
    let script = "echo wrong settings >&2; exit 2";
    let mut running = Installation::new().start_command(shell(script));
    while !running.said().1.ends_with('\n') {
        tokio::task::yield_now().await;
    }
    running.ready(free_address()).await;
}

//! Every fault of Postfix's `smtp-sink`: after it ends, each subscriber receives the issue once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use futures_util::future::join_all;
use tokio::net::TcpStream;

use crate::support::newsletter::{Newsletter, wait_until};
use crate::support::process::free_address;

const SUBSCRIBERS: usize = 3;
const COMMANDS: [&str; 6] = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."];
/// Faults at a command: 4xx reply, 5xx reply, disconnect, 421 reply and disconnect.
const FAULTS: [&str; 4] = ["-r", "-f", "-q", "-Q"];

/// A running `smtp-sink`. Killed on drop.
struct Sink(Child);

impl Sink {
    async fn start(address: SocketAddr, arguments: &[&str]) -> Self {
        let child = Command::new("smtp-sink")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            // Required if run as root.
            .args(["-u", "nobody"])
            .args(arguments)
            .args([&address.to_string(), "100"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("smtp-sink from the Debian package postfix");
        wait_until("smtp-sink", async || TcpStream::connect(address).await.ok()).await;
        Self(child)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the number of messages per recipient, from the files that the sink wrote.
fn messages_per_recipient(folder: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let message = std::fs::read(entry.expect("an entry").path()).expect("a message");
        let message = String::from_utf8_lossy(&message).into_owned();
        let recipients = message
            .lines()
            .filter_map(|line| line.strip_prefix("X-Rcpt-Args: "));
        for recipient in recipients {
            *counts.entry(recipient.to_owned()).or_default() += 1;
        }
    }
    counts
}

async fn assert_sent_after_fault(fault: &str, command: &str) {
    let address = free_address();
    let newsletter = Newsletter::new(&format!("smtp://{address}")).await;
    newsletter.import_subscribers(SUBSCRIBERS).await;
    let sink = Sink::start(address, &[fault, command]).await;
    let (_, result) = newsletter
        .send_digest(&["--wait", "--wait-max", "1s"])
        .await;
    drop(sink);
    let context = format!("{fault} {command}: {result}");
    // After a 5xx reply to EHLO the client sends HELO.
    let is_fallback = (fault, command) == ("-f", "EHLO");
    assert_eq!(
        result["delivered"],
        if is_fallback { SUBSCRIBERS } else { 0 },
        "{context}"
    );
    if fault != "-f" {
        assert_eq!(result["bounced"], 0, "{context}");
    }
    if is_fallback {
        return;
    }

    let messages = newsletter.install.folder().join("messages");
    std::fs::create_dir(&messages).expect("a folder");
    for folder in [newsletter.install.folder(), &messages] {
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(folder, all).expect("a folder writable for all users");
    }
    let template = format!("{}/m.", messages.display());
    let _sink = Sink::start(address, &["-d", &template]).await;
    newsletter
        .run_json(&["deliveries", "retry", "--issue", "1"])
        .await;
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(result["delivered"], SUBSCRIBERS, "{context}, then {result}");
    let counts = messages_per_recipient(&messages);
    assert_eq!(counts.len(), SUBSCRIBERS, "{context}: {counts:?}");
    assert!(
        counts.values().all(|&count| count == 1),
        "{context}: {counts:?}"
    );
}

#[tokio::test]
#[ignore = "needs postfix"]
async fn each_subscriber_receives_issue_after_any_sink_fault() {
    let faults = FAULTS
        .iter()
        .flat_map(|fault| COMMANDS.iter().map(move |command| (fault, command)));
    join_all(faults.map(|(fault, command)| assert_sent_after_fault(fault, command))).await;
}

#[tokio::test]
#[ignore = "needs postfix"]
async fn slow_sink_receives_all_messages() {
    let address = free_address();
    let newsletter = Newsletter::new(&format!("smtp://{address}")).await;
    newsletter.import_subscribers(SUBSCRIBERS).await;
    let _sink = Sink::start(address, &["-W", ".:2"]).await;
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(result["delivered"], SUBSCRIBERS, "{result}");
}

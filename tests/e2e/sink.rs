//! Postfix's `smtp-sink` misbehaves in every way it can; once it behaves again, everybody has
//! their one copy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;

use crate::support::newsletter::{Newsletter, within};
use crate::support::process::free_address;

const READERS: usize = 3;
const COMMANDS: [&str; 6] = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."];
/// What it does at a command: refuses for now, for good, hangs up, says 421 and hangs up.
const FAULTS: [&str; 4] = ["-r", "-f", "-q", "-Q"];

/// It ends when this is dropped.
struct Sink(Child);

impl Sink {
    async fn start(address: SocketAddr, arguments: &[&str]) -> Self {
        let child = Command::new("smtp-sink")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            // As root it wants to be someone else.
            .args(["-u", "nobody"])
            .args(arguments)
            .args([&address.to_string(), "100"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("smtp-sink, of Debian's postfix");
        let up = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        within(up, "smtp-sink").await;
        Self(child)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How many copies each recipient got, from the files that the sink made.
fn copies_in(folder: &Path) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let mail = std::fs::read(entry.expect("an entry").path()).expect("a mail");
        let mail = String::from_utf8_lossy(&mail).into_owned();
        let to = mail
            .lines()
            .filter_map(|line| line.strip_prefix("X-Rcpt-Args: "));
        for recipient in to {
            *copies.entry(recipient.to_owned()).or_default() += 1;
        }
    }
    copies
}

async fn outlived(fault: &str, command: &str) {
    let address = free_address();
    let newsletter = Newsletter::new(&format!("smtp://{address}")).await;
    newsletter.import_readers(READERS).await;
    let sink = Sink::start(address, &[fault, command]).await;
    let (_, result) = newsletter.send(&["--wait", "--wait-max", "1s"]).await;
    drop(sink);
    let what = format!("{fault} {command}: {result}");
    // A server that refuses EHLO for good is spoken to with HELO.
    let heard = (fault, command) == ("-f", "EHLO");
    assert_eq!(
        result["delivered"],
        if heard { READERS } else { 0 },
        "{what}"
    );
    if fault != "-f" {
        assert_eq!(result["bounced"], 0, "{what}");
    }
    if heard {
        return;
    }

    let mails = newsletter.installation.folder().join("mails");
    std::fs::create_dir(&mails).expect("a folder");
    for open in [newsletter.installation.folder(), &mails] {
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(open, all).expect("a folder for nobody to write in");
    }
    let template = format!("{}/m.", mails.display());
    let _sink = Sink::start(address, &["-d", &template]).await;
    newsletter
        .json(&["deliveries", "retry", "--issue", "1"])
        .await;
    let result = newsletter.send_to_the_end(&[]).await;
    assert_eq!(result["delivered"], READERS, "{what}, then {result}");
    let copies = copies_in(&mails);
    assert_eq!(copies.len(), READERS, "{what}: {copies:?}");
    assert!(
        copies.values().all(|&copies| copies == 1),
        "{what}: {copies:?}"
    );
}

#[tokio::test]
#[ignore = "needs postfix"]
async fn whatever_a_sink_does_everybody_is_served_in_the_end() {
    let faults = FAULTS
        .iter()
        .flat_map(|fault| COMMANDS.iter().map(move |command| (fault, command)));
    join_all(faults.map(|(fault, command)| outlived(fault, command))).await;
}

#[tokio::test]
#[ignore = "needs postfix"]
async fn a_slow_sink_is_waited_for() {
    let address = free_address();
    let newsletter = Newsletter::new(&format!("smtp://{address}")).await;
    newsletter.import_readers(READERS).await;
    let _sink = Sink::start(address, &["-W", ".:2"]).await;
    let result = newsletter.send_to_the_end(&[]).await;
    assert_eq!(result["delivered"], READERS, "{result}");
}

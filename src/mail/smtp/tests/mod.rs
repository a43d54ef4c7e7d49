//! Sending over an open connection.

mod closed_connection;
mod handshake;

use std::time::{Duration, Instant};

use crate::domain::delivery::outcome::{
    BounceReason, DeferReason, HaltReason, Outcome, SmtpResult,
};
use crate::domain::email_address::EmailAddress;
use crate::domain::smtp_url::{SmtpUrl, TlsMode};
use crate::mail::smtp::connection::dot_stuffed;
use crate::mail::smtp::scripted::{Response, Script, ScriptedSmtpServer, reply, roots};
use crate::mail::smtp::{Connection, HelloName, SmtpServer, Timeouts, tls};

pub(super) const EHLO: &str = "250-scripted\r\n250-SIZE 1000000\r\n250 HELP";
pub(super) const PIPELINING: &str = "250-scripted\r\n250-PIPELINING\r\n250 SIZE";
pub(super) const CONNECTION_LOST: Outcome = Outcome::Deferred(DeferReason::Connection);
pub(super) const SETTINGS: Outcome = Outcome::Halted(HaltReason::Settings);
pub(super) const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.\r\n..dots\r\nend\r\n";

pub(super) fn short_timeouts() -> Timeouts {
    let short = Duration::from_millis(400);
    Timeouts {
        greeting: short,
        command: short,
        mail: short,
        rcpt: short,
        data: short,
        dot: short,
        quit: short,
        ..Timeouts::default()
    }
}

pub(super) fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

pub(super) fn server(url: &str) -> SmtpServer {
    let mut server = SmtpServer::new(&SmtpUrl::parse(url).unwrap()).unwrap();
    if server.mode != TlsMode::None {
        server.tls = Some(tls::connector(roots()));
    }
    server
}

pub(super) async fn open(url: &str) -> Result<Connection, SmtpResult> {
    Connection::open(
        &server(url),
        &HelloName::parse("client.example.com").unwrap(),
        short_timeouts(),
    )
    .await
}

pub(super) async fn open_error(url: &str) -> SmtpResult {
    open(url)
        .await
        .err()
        .expect("the connection should not have opened")
}

pub(super) async fn send(connection: &mut Connection) -> SmtpResult {
    connection
        .send(
            &address("news@example.com"),
            &address("ada@example.org"),
            MESSAGE.to_vec(),
        )
        .await
}

/// Sends one message to a server with this script.
///
/// Returns the result, whether the connection is still usable, and the received lines.
pub(super) async fn send_one(script: Script) -> (SmtpResult, bool, Vec<String>) {
    let scripted = ScriptedSmtpServer::start(script).await;
    let mut connection = open(&format!("smtp://127.0.0.1:{}", scripted.port))
        .await
        .unwrap();
    let result = send(&mut connection).await;
    (result, connection.is_usable(), scripted.received())
}

pub(super) fn without_pipelining() -> Script {
    Script::default().on("EHLO", reply(EHLO))
}

pub(super) fn with_pipelining() -> Script {
    Script::default().on("EHLO", reply(PIPELINING))
}

#[tokio::test]
async fn connection_sends_several_messages() {
    for script in [without_pipelining(), with_pipelining()] {
        let scripted = ScriptedSmtpServer::start(script).await;
        let mut connection = open(&format!("smtp://127.0.0.1:{}", scripted.port))
            .await
            .unwrap();
        for _ in 0..2 {
            let result = send(&mut connection).await;
            assert_eq!(
                result,
                SmtpResult {
                    outcome: Outcome::Delivered,
                    reply: "250 2.0.0 accepted".to_owned()
                }
            );
        }
        connection.quit().await;
        let once = [
            "MAIL FROM:<news@example.com> SIZE=30",
            "RCPT TO:<ada@example.org>",
            "DATA",
            "Subject: x",
            "",
            "..",
            "...dots",
            "end",
            ".",
        ];
        let expected = [&["EHLO client.example.com"][..], &once, &once, &["QUIT"]].concat();
        assert_eq!(scripted.received(), expected);
    }
}

#[tokio::test]
async fn rejection_is_classified_and_connection_stays_usable() {
    let cases = [
        (
            "MAIL",
            "451 4.3.0 later",
            Outcome::Deferred(DeferReason::Refused),
        ),
        (
            "MAIL",
            "550 5.7.1 no",
            Outcome::Bounced(BounceReason::Policy),
        ),
        (
            "RCPT",
            "451 4.7.1 greylisted",
            Outcome::Deferred(DeferReason::Refused),
        ),
        (
            "RCPT",
            "550 5.1.1 unknown",
            Outcome::Bounced(BounceReason::InvalidAddress),
        ),
        (
            "RCPT",
            "550-5.1.1 un\r\n550 5.1.1 known",
            Outcome::Bounced(BounceReason::InvalidAddress),
        ),
        (
            "DATA",
            "452 4.3.1 full",
            Outcome::Deferred(DeferReason::Refused),
        ),
        ("DATA", "554 no", Outcome::Bounced(BounceReason::Policy)),
    ];

    for (command, line, outcome) in cases {
        for script in [without_pipelining(), with_pipelining()] {
            let scripted = ScriptedSmtpServer::start(script.on(command, reply(line))).await;
            let mut connection = open(&format!("smtp://127.0.0.1:{}", scripted.port))
                .await
                .unwrap();
            let result = send(&mut connection).await;
            assert_eq!(result.outcome, outcome, "{command} {line}");
            assert!(result.reply.starts_with(&line[..3]));
            assert!(connection.is_usable());
            let again = send(&mut connection).await;
            assert_eq!(again.outcome, outcome, "{command} {line}");
            assert!(
                !scripted.received().contains(&"end".to_owned()),
                "no message after a rejection"
            );
        }
    }
}

#[tokio::test]
async fn reply_to_final_dot_is_classified() {
    for (line, outcome, usable) in [
        (
            "451 4.3.0 later",
            Outcome::Deferred(DeferReason::Refused),
            true,
        ),
        (
            "550 5.7.26 unauthenticated",
            Outcome::Bounced(BounceReason::Policy),
            true,
        ),
        (
            "421 4.3.2 going down",
            Outcome::Deferred(DeferReason::Throttled),
            false,
        ),
        ("hello", Outcome::InDoubt, false),
        ("354 go on", Outcome::InDoubt, false),
    ] {
        let (result, is_usable, _) = send_one(Script {
            dot: reply(line),
            ..without_pipelining()
        })
        .await;
        assert_eq!((result.outcome, is_usable), (outcome, usable), "{line}");
    }
}

#[tokio::test]
async fn connection_lost_before_dot_defers() {
    for command in ["MAIL", "RCPT", "DATA"] {
        for response in [Response::Close, Response::Silence, reply("hello")] {
            for script in [without_pipelining(), with_pipelining()] {
                let (result, usable, received) =
                    send_one(script.on(command, response.clone())).await;
                assert_eq!(
                    (result.outcome, usable),
                    (CONNECTION_LOST, false),
                    "{command}: {}",
                    result.reply
                );
                assert!(!received.contains(&"end".to_owned()));
            }
        }
    }
}

#[tokio::test]
async fn connection_lost_after_dot_is_in_doubt() {
    for dot in [Response::Close, Response::Silence] {
        let start = Instant::now();
        let (result, usable, received) = send_one(Script {
            dot,
            ..with_pipelining()
        })
        .await;
        assert_eq!((result.outcome, usable), (Outcome::InDoubt, false));
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "silence ends with the timeout"
        );
        assert_eq!(received.last().unwrap(), ".");
    }
}

#[tokio::test]
async fn rejection_counts_if_server_then_disconnects() {
    let script = with_pipelining()
        .on("RCPT", reply("550 5.1.1 unknown"))
        .on("DATA", Response::Close);
    let (result, usable, _) = send_one(script).await;

    assert_eq!(
        (result.outcome, usable),
        (Outcome::Bounced(BounceReason::InvalidAddress), false)
    );
}

#[tokio::test]
async fn reply_421_ends_connection() {
    for command in ["MAIL", "RCPT", "DATA"] {
        let (result, usable, _) =
            send_one(without_pipelining().on(command, reply("421 4.3.2 bye"))).await;
        assert_eq!(
            (result.outcome, usable),
            (Outcome::Deferred(DeferReason::Throttled), false)
        );
    }
}

#[tokio::test]
async fn server_without_ehlo_is_greeted_with_helo() {
    let (result, _, received) = send_one(Script::default().on("EHLO", reply("502 what?"))).await;

    assert_eq!(result.outcome, Outcome::Delivered);
    assert_eq!(
        received[1..3],
        ["HELO client.example.com", "MAIL FROM:<news@example.com>"]
    );
}

#[tokio::test]
async fn megabyte_reply_is_classified() {
    let many = format!(
        "{}550 5.1.1 unknown",
        "550-5.1.1 so long\r\n".repeat(60_000)
    );
    let (result, usable, _) = send_one(without_pipelining().on("RCPT", reply(&many))).await;

    assert_eq!(
        (result.outcome, usable),
        (Outcome::Bounced(BounceReason::InvalidAddress), true)
    );
    assert!(
        result.reply.chars().count() <= 300
            && result.reply.starts_with("550 5.1.1 so long so long")
    );
    let long = format!("450 {}", "x".repeat(1_000_000));
    let (result, usable, _) = send_one(without_pipelining().on("RCPT", reply(&long))).await;

    assert_eq!(
        (result.outcome, usable),
        (Outcome::Deferred(DeferReason::Refused), true)
    );
}

#[tokio::test]
async fn closed_connection_sends_no_command() {
    let scripted =
        ScriptedSmtpServer::start(without_pipelining().on("MAIL", Response::Close)).await;
    let mut connection = open(&format!("smtp://127.0.0.1:{}", scripted.port))
        .await
        .unwrap();
    assert_eq!(send(&mut connection).await.outcome, CONNECTION_LOST);
    assert_eq!(send(&mut connection).await.outcome, CONNECTION_LOST);
    assert_eq!(
        scripted
            .received()
            .iter()
            .filter(|line| line.starts_with("MAIL"))
            .count(),
        1
    );
}

#[test]
fn dots_are_doubled_at_line_starts_only() {
    assert_eq!(
        dot_stuffed(b".\r\n..\r\na.b\r\n".to_vec()),
        b"..\r\n...\r\na.b\r\n.\r\n"
    );
    assert_eq!(dot_stuffed(b"no end".to_vec()), b"no end\r\n.\r\n");
    assert_eq!(dot_stuffed(Vec::new()), b".\r\n");
}

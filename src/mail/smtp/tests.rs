use std::time::{Duration, Instant};

use super::*;
use crate::domain::delivery::outcome::{
    BounceReason, DeferReason, HaltReason, Outcome, SmtpResult,
};
use crate::domain::email_address::EmailAddress;
use crate::domain::smtp_url::{SmtpUrl, TlsMode};
use crate::mail::smtp::connection::dot_stuffed;
use crate::mail::smtp::scripted::{Answer, Script, Scripted, roots, say};

pub(super) const EHLO: &str = "250-scripted\r\n250-SIZE 1000000\r\n250 HELP";
pub(super) const PIPELINING: &str = "250-scripted\r\n250-PIPELINING\r\n250 SIZE";
pub(super) const BROKEN: Outcome = Outcome::Deferred(DeferReason::Connection);
pub(super) const SETTINGS: Outcome = Outcome::Halted(HaltReason::Settings);
pub(super) const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.\r\n..dots\r\nend\r\n";

pub(super) fn short() -> Timeouts {
    let moment = Duration::from_millis(400);
    Timeouts {
        greeting: moment,
        command: moment,
        mail: moment,
        rcpt: moment,
        data: moment,
        dot: moment,
        quit: moment,
        ..Timeouts::default()
    }
}

pub(super) fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

pub(super) fn server(url: &str) -> SmtpServer {
    let mut server = SmtpServer::new(&SmtpUrl::parse(url).unwrap()).unwrap();
    if server.mode != TlsMode::None {
        server.tls = Some(tls::trusting(roots()));
    }
    server
}

pub(super) async fn open(url: &str) -> Result<Connection, SmtpResult> {
    Connection::open(
        &server(url),
        &HelloName::parse("client.example.com").unwrap(),
        short(),
    )
    .await
}

pub(super) async fn refused(url: &str) -> SmtpResult {
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

/// Starts the script, sends one mail: what became of it, whether the connection is
/// still good, and what the server heard.
pub(super) async fn one_mail(script: Script) -> (SmtpResult, bool, Vec<String>) {
    let scripted = Scripted::start(script).await;
    let mut connection = open(&format!("smtp://127.0.0.1:{}", scripted.port))
        .await
        .unwrap();
    let report = send(&mut connection).await;
    (report, connection.is_usable(), scripted.heard())
}

pub(super) fn plain() -> Script {
    Script::default().on("EHLO", say(EHLO))
}

pub(super) fn pipelining() -> Script {
    Script::default().on("EHLO", say(PIPELINING))
}

#[tokio::test]
async fn a_mail_is_taken_and_the_next_as_well() {
    for script in [plain(), pipelining()] {
        let scripted = Scripted::start(script).await;
        let mut connection = open(&format!("smtp://127.0.0.1:{}", scripted.port))
            .await
            .unwrap();
        for _ in 0..2 {
            let report = send(&mut connection).await;
            assert_eq!(
                report,
                SmtpResult {
                    outcome: Outcome::Delivered,
                    reply: "250 2.0.0 taken".to_owned()
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
        assert_eq!(scripted.heard(), expected);
    }
}

#[tokio::test]
async fn refusals_are_judged_by_their_phase_and_the_connection_goes_on() {
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
            Outcome::Bounced(BounceReason::Dead),
        ),
        (
            "RCPT",
            "550-5.1.1 un\r\n550 5.1.1 known",
            Outcome::Bounced(BounceReason::Dead),
        ),
        (
            "DATA",
            "452 4.3.1 full",
            Outcome::Deferred(DeferReason::Refused),
        ),
        ("DATA", "554 no", Outcome::Bounced(BounceReason::Policy)),
    ];
    for (command, reply, outcome) in cases {
        for script in [plain(), pipelining()] {
            let scripted = Scripted::start(script.on(command, say(reply))).await;
            let mut connection = open(&format!("smtp://127.0.0.1:{}", scripted.port))
                .await
                .unwrap();
            let report = send(&mut connection).await;
            assert_eq!(report.outcome, outcome, "{command} {reply}");
            assert!(report.reply.starts_with(&reply[..3]));
            assert!(connection.is_usable());
            let again = send(&mut connection).await;
            assert_eq!(again.outcome, outcome, "{command} {reply}");
            assert!(
                !scripted.heard().contains(&"end".to_owned()),
                "no message after a refusal"
            );
        }
    }
}

#[tokio::test]
async fn the_final_dot_is_judged_too() {
    for (reply, outcome, usable) in [
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
        let (report, still, _) = one_mail(Script {
            dot: say(reply),
            ..plain()
        })
        .await;
        assert_eq!((report.outcome, still), (outcome, usable), "{reply}");
    }
}

#[tokio::test]
async fn a_broken_connection_before_the_dot_is_tried_again() {
    for command in ["MAIL", "RCPT", "DATA"] {
        for answer in [Answer::Drop, Answer::Silence, say("hello")] {
            for script in [plain(), pipelining()] {
                let (report, usable, heard) = one_mail(script.on(command, answer.clone())).await;
                assert_eq!(
                    (report.outcome, usable),
                    (BROKEN, false),
                    "{command}: {}",
                    report.reply
                );
                assert!(!heard.contains(&"end".to_owned()));
            }
        }
    }
}

#[tokio::test]
async fn a_broken_connection_after_the_dot_leaves_a_doubt() {
    for dot in [Answer::Drop, Answer::Silence] {
        let start = Instant::now();
        let (report, usable, heard) = one_mail(Script {
            dot,
            ..pipelining()
        })
        .await;
        assert_eq!((report.outcome, usable), (Outcome::InDoubt, false));
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "silence has a bound"
        );
        assert_eq!(heard.last().unwrap(), ".");
    }
}

#[tokio::test]
async fn a_refusal_stands_though_the_server_then_hangs_up() {
    let script = pipelining()
        .on("RCPT", say("550 5.1.1 unknown"))
        .on("DATA", Answer::Drop);
    let (report, usable, _) = one_mail(script).await;
    assert_eq!(
        (report.outcome, usable),
        (Outcome::Bounced(BounceReason::Dead), false)
    );
}

#[tokio::test]
async fn four_twenty_one_in_the_middle_ends_the_connection() {
    for command in ["MAIL", "RCPT", "DATA"] {
        let (report, usable, _) = one_mail(plain().on(command, say("421 4.3.2 bye"))).await;
        assert_eq!(
            (report.outcome, usable),
            (Outcome::Deferred(DeferReason::Throttled), false)
        );
    }
}

#[tokio::test]
async fn a_server_that_only_knows_helo_gets_the_mail() {
    let (report, _, heard) = one_mail(Script::default().on("EHLO", say("502 what?"))).await;
    assert_eq!(report.outcome, Outcome::Delivered);
    assert_eq!(
        heard[1..3],
        ["HELO client.example.com", "MAIL FROM:<news@example.com>"]
    );
}

#[tokio::test]
async fn a_megabyte_of_reply_is_classified() {
    let many = format!(
        "{}550 5.1.1 unknown",
        "550-5.1.1 so long\r\n".repeat(60_000)
    );
    let (report, usable, _) = one_mail(plain().on("RCPT", say(&many))).await;
    assert_eq!(
        (report.outcome, usable),
        (Outcome::Bounced(BounceReason::Dead), true)
    );
    assert!(
        report.reply.chars().count() <= 300
            && report.reply.starts_with("550 5.1.1 so long so long")
    );
    let long = format!("450 {}", "x".repeat(1_000_000));
    let (report, usable, _) = one_mail(plain().on("RCPT", say(&long))).await;
    assert_eq!(
        (report.outcome, usable),
        (Outcome::Deferred(DeferReason::Refused), true)
    );
}

#[tokio::test]
async fn a_closed_connection_sends_nothing() {
    let scripted = Scripted::start(plain().on("MAIL", Answer::Drop)).await;
    let mut connection = open(&format!("smtp://127.0.0.1:{}", scripted.port))
        .await
        .unwrap();
    assert_eq!(send(&mut connection).await.outcome, BROKEN);
    assert_eq!(send(&mut connection).await.outcome, BROKEN);
    assert_eq!(
        scripted
            .heard()
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

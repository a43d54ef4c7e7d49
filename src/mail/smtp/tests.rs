use std::time::{Duration, Instant};

use super::connection::dot_stuffed;
use super::scripted::{Answer, EXPIRED, GOOD, Script, Scripted, acceptor, roots, say};
use super::*;
use crate::domain::email_address::EmailAddress;
use crate::domain::outcome::{Halt, Outcome, Report, Temporary, Verdict};

const EHLO: &str = "250-scripted\r\n250-SIZE 1000000\r\n250 HELP";
const PIPELINING: &str = "250-scripted\r\n250-PIPELINING\r\n250 SIZE";
const BROKEN: Outcome = Outcome::Deferred(Temporary::Connection);
const SETTINGS: Outcome = Outcome::Halted(Halt::Settings);
const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.\r\n..dots\r\nend\r\n";

fn short() -> Timeouts {
    let moment = Duration::from_millis(150);
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

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn server(url: &str) -> SmtpServer {
    let mut server = SmtpServer::parse(url, None).unwrap();
    if server.mode() != TlsMode::None {
        server.tls = Some(tls::trusting(roots()));
    }
    server
}

async fn open(url: &str) -> Result<Connection, Report> {
    Connection::open(
        &server(url),
        &HelloName::parse("client.example.com").unwrap(),
        short(),
    )
    .await
}

async fn refused(url: &str) -> Report {
    open(url)
        .await
        .err()
        .expect("the connection should not have opened")
}

async fn send(connection: &mut Connection) -> Report {
    connection
        .send(
            &address("news@example.com"),
            &address("ada@example.org"),
            MESSAGE,
        )
        .await
}

/// Starts the script, sends one mail: what became of it, whether the connection is
/// still good, and what the server heard.
async fn one_mail(script: Script) -> (Report, bool, Vec<String>) {
    let scripted = Scripted::start(script).await;
    let mut connection = open(&format!("smtp://127.0.0.1:{}", scripted.port))
        .await
        .unwrap();
    let report = send(&mut connection).await;
    (report, connection.is_usable(), scripted.heard())
}

fn plain() -> Script {
    Script::default().on("EHLO", say(EHLO))
}

fn pipelining() -> Script {
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
                Report {
                    outcome: Outcome::Delivered,
                    says: "250 2.0.0 taken".to_owned()
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
            Outcome::Deferred(Temporary::Refused),
        ),
        ("MAIL", "550 5.7.1 no", Outcome::Bounced(Verdict::Policy)),
        (
            "RCPT",
            "451 4.7.1 greylisted",
            Outcome::Deferred(Temporary::Refused),
        ),
        ("RCPT", "550 5.1.1 unknown", Outcome::Bounced(Verdict::Dead)),
        (
            "RCPT",
            "550-5.1.1 un\r\n550 5.1.1 known",
            Outcome::Bounced(Verdict::Dead),
        ),
        (
            "DATA",
            "452 4.3.1 full",
            Outcome::Deferred(Temporary::Refused),
        ),
        ("DATA", "554 no", Outcome::Bounced(Verdict::Policy)),
    ];
    for (command, reply, outcome) in cases {
        for script in [plain(), pipelining()] {
            let scripted = Scripted::start(script.on(command, say(reply))).await;
            let mut connection = open(&format!("smtp://127.0.0.1:{}", scripted.port))
                .await
                .unwrap();
            let report = send(&mut connection).await;
            assert_eq!(report.outcome, outcome, "{command} {reply}");
            assert!(report.says.starts_with(&reply[..3]));
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
            Outcome::Deferred(Temporary::Refused),
            true,
        ),
        (
            "550 5.7.26 unauthenticated",
            Outcome::Bounced(Verdict::Policy),
            true,
        ),
        (
            "421 4.3.2 going down",
            Outcome::Deferred(Temporary::Throttled),
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
                    report.says
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
        (Outcome::Bounced(Verdict::Dead), false)
    );
}

#[tokio::test]
async fn four_twenty_one_in_the_middle_ends_the_connection() {
    for command in ["MAIL", "RCPT", "DATA"] {
        let (report, usable, _) = one_mail(plain().on(command, say("421 4.3.2 bye"))).await;
        assert_eq!(
            (report.outcome, usable),
            (Outcome::Deferred(Temporary::Throttled), false)
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
        (Outcome::Bounced(Verdict::Dead), true)
    );
    assert!(
        report.says.chars().count() <= 300 && report.says.starts_with("550 5.1.1 so long so long")
    );
    let long = format!("450 {}", "x".repeat(1_000_000));
    let (report, usable, _) = one_mail(plain().on("RCPT", say(&long))).await;
    assert_eq!(
        (report.outcome, usable),
        (Outcome::Deferred(Temporary::Refused), true)
    );
}

#[tokio::test]
async fn an_opening_that_fails_charges_nobody() {
    for (greeting, outcome) in [
        (say("450 later"), BROKEN),
        (say("554 no"), BROKEN),
        (say("421 too many"), Outcome::Deferred(Temporary::Throttled)),
        (say("554 5.7.1 blocked"), SETTINGS),
        (say("SSH-2.0-x"), BROKEN),
        (Answer::Drop, BROKEN),
        (Answer::Silence, BROKEN),
    ] {
        let scripted = Scripted::start(Script {
            greeting,
            ..plain()
        })
        .await;
        let report = refused(&format!("smtp://127.0.0.1:{}", scripted.port)).await;
        assert_eq!(report.outcome, outcome, "{}", report.says);
        assert_eq!(scripted.heard(), Vec::<String>::new());
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    assert_eq!(
        refused(&format!("smtp://127.0.0.1:{closed}")).await.outcome,
        BROKEN
    );
}

#[tokio::test]
async fn stripped_starttls_means_no_mail_and_no_password() {
    for mode in ["required", "opportunistic"] {
        let script = Script::default().on("EHLO", say("250-scripted\r\n250 AUTH PLAIN LOGIN"));
        let scripted = Scripted::start(script).await;
        let report = refused(&format!(
            "smtp://me:secret@localhost:{}?tls={mode}",
            scripted.port
        ))
        .await;
        assert_eq!(report.outcome, SETTINGS);
        assert_eq!(scripted.heard(), ["EHLO client.example.com"]);
    }
}

#[tokio::test]
async fn starttls_and_implicit_tls_carry_mail_and_password() {
    let offer = "250-scripted\r\n250-STARTTLS\r\n250 AUTH LOGIN";
    let script = Script {
        tls: Some(acceptor(GOOD)),
        ..Script::default()
    }
    .on("STARTTLS", say("220 go"))
    .on("AUTH", say("334 VXNlcm5hbWU6"))
    .on("C2VJCMV0", say("235 welcome"))
    .on("BWU=", say("334 UGFzc3dvcmQ6"))
    .on("EHLO", say(offer));
    for (url, implicit) in [
        ("smtp://me:secret@localhost:{}?tls=required", false),
        ("smtps://me:secret@localhost:{}", true),
    ] {
        let scripted = Scripted::start(Script {
            implicit,
            ..script.clone()
        })
        .await;
        let mut connection = open(&url.replace("{}", &scripted.port.to_string()))
            .await
            .unwrap_or_else(|report| panic!("{report:?}"));
        assert_eq!(send(&mut connection).await.outcome, Outcome::Delivered);
        let heard = scripted.heard();
        let auth = heard.iter().position(|line| line == "AUTH LOGIN").unwrap();
        assert_eq!(heard[auth + 1..auth + 3], ["bWU=", "c2VjcmV0"]);
        assert_eq!(heard.iter().any(|line| line == "STARTTLS"), !implicit);
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_stops_everything() {
    let starttls = "250-scripted\r\n250-STARTTLS\r\n250 AUTH PLAIN";
    for (certificate, host) in [(EXPIRED, "localhost"), (GOOD, "127.0.0.2")] {
        for mode in ["required", "opportunistic"] {
            let script = Script {
                tls: Some(acceptor(certificate)),
                ..Script::default()
            }
            .on("EHLO", say(starttls))
            .on("STARTTLS", say("220 go"));
            let scripted = Scripted::start(script).await;
            // The listener is on 127.0.0.1; the other name is only claimed.
            let mut target = server(&format!(
                "smtp://me:secret@127.0.0.1:{}?tls={mode}",
                scripted.port
            ));
            if host == "localhost" {
                target.host = host.to_owned();
            } else {
                target.tls = Some(tls::of_this_machine().unwrap());
            }
            let hello = HelloName::parse("client.example.com").unwrap();
            let report = Connection::open(&target, &hello, short())
                .await
                .err()
                .unwrap();
            assert_eq!(report.outcome, SETTINGS, "{}", report.says);
            assert_eq!(scripted.heard(), ["EHLO client.example.com", "STARTTLS"]);
        }
    }
}

#[tokio::test]
async fn words_smuggled_in_before_tls_are_refused() {
    let script = Script {
        tls: Some(acceptor(GOOD)),
        ..Script::default()
    }
    .on("EHLO", say("250-scripted\r\n250 STARTTLS"))
    .on("STARTTLS", say("220 go\r\n250 injected"));
    let scripted = Scripted::start(script).await;
    let report = refused(&format!("smtp://localhost:{}?tls=required", scripted.port)).await;
    assert_eq!(report.outcome, SETTINGS);
}

#[tokio::test]
async fn a_handshake_the_network_broke_is_tried_again() {
    let script = Script::default()
        .on("EHLO", say("250-scripted\r\n250 STARTTLS"))
        .on("STARTTLS", Answer::Drop);
    let scripted = Scripted::start(script).await;
    let report = refused(&format!("smtp://localhost:{}?tls=required", scripted.port)).await;
    assert_eq!(report.outcome, BROKEN);
}

#[tokio::test]
async fn a_wrong_password_stops_the_mail() {
    for (offer, url) in [
        ("250 AUTH PLAIN", "me:secret@"),
        ("250 AUTH LOGIN", "me:secret@"),
        ("250 HELP", "me:secret@"),
    ] {
        let offer = format!("250-scripted\r\n{offer}");
        let script = Script::default()
            .on("EHLO", say(&offer))
            .on("AUTH", say("535 5.7.8 wrong"));
        let scripted = Scripted::start(script).await;
        let report = refused(&format!("smtp://{url}127.0.0.1:{}", scripted.port)).await;
        assert_eq!(report.outcome, SETTINGS);
        assert!(!report.says.contains("secret"));
    }
    let (report, _, _) = one_mail(plain().on("MAIL", say("530 5.7.0 log in first"))).await;
    assert_eq!(report.outcome, SETTINGS);
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
        dot_stuffed(b".\r\n..\r\na.b\r\n"),
        b"..\r\n...\r\na.b\r\n.\r\n"
    );
    assert_eq!(dot_stuffed(b"no end"), b"no end\r\n.\r\n");
    assert_eq!(dot_stuffed(b""), b".\r\n");
}

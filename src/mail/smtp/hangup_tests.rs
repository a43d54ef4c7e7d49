//! What is known of a mail when the connection ends, or nobody waits any more.

use super::*;
use crate::domain::delivery::outcome::{Outcome, SmtpResult};
use crate::mail::smtp::scripted::{Answer, Script, Scripted, say};
use crate::mail::smtp::tests::{
    BROKEN, MESSAGE, address, one_mail, open, pipelining, plain, server,
};

const FIRST: &str = "first@example.com";
const SECOND: &str = "second@example.com";

async fn send(connection: &mut Connection, to: &str) -> SmtpResult {
    let message = MESSAGE.to_vec();
    connection.send(&address(to), &address(to), message).await
}

/// What became of a second mail, and whether the connection had ended before it.
async fn second_mail(script: Script) -> (Outcome, bool) {
    let scripted = Scripted::start(script).await;
    let url = format!("smtp://127.0.0.1:{}", scripted.port);
    let mut connection = open(&url).await.unwrap();
    send(&mut connection, FIRST).await;
    assert!(connection.is_usable() && !connection.was_closed_by_peer());
    let report = send(&mut connection, SECOND).await;
    (report.outcome, connection.was_closed_by_peer())
}

#[tokio::test]
async fn a_connection_that_ended_between_two_mails_is_told_from_one_that_broke() {
    for base in [plain, pipelining] {
        let closing = Script {
            dot: Answer::Last("250 2.0.0 taken, and that is all\r\n".to_owned()),
            ..base()
        };
        assert_eq!(second_mail(closing).await, (BROKEN, true));
        let refused = || {
            let unknown = base().on("RCPT TO:<FIRST", say("550 5.1.1 unknown"));
            unknown.on("DATA", say("503 5.5.1 nobody to send it to"))
        };
        for (script, had_ended) in [
            (base().on("MAIL FROM:<SECOND", Answer::Drop), true),
            (refused().on("RSET", Answer::Drop), true),
            (refused().on("MAIL FROM:<SECOND", Answer::Drop), false),
            (base().on("MAIL FROM:<SECOND", Answer::Silence), false),
            (base().on("MAIL FROM:<SECOND", say("hello")), false),
            (base().on("RCPT TO:<SECOND", Answer::Drop), false),
        ] {
            assert_eq!(second_mail(script).await, (BROKEN, had_ended));
        }
    }
}

#[tokio::test]
async fn a_connection_that_brought_nothing_yet_has_not_ended_but_broken() {
    let scripted = Scripted::start(plain().on("MAIL", Answer::Drop)).await;
    let url = format!("smtp://127.0.0.1:{}", scripted.port);
    let mut connection = open(&url).await.unwrap();
    assert_eq!(send(&mut connection, FIRST).await.outcome, BROKEN);
    assert!(!connection.was_closed_by_peer());
}

/// Whether a mail may have been taken over whose sender stops when the server has heard
/// this line and says nothing.
async fn may_be_taken(script: Script, heard: &str) -> bool {
    let scripted = Scripted::start(script).await;
    let url = format!("smtp://127.0.0.1:{}", scripted.port);
    let hello = HelloName::parse("client.example.com").unwrap();
    let patient = Timeouts::default();
    let mut connection = Connection::open(&server(&url), &hello, patient)
        .await
        .unwrap();
    let is_heard = async {
        while !scripted
            .heard()
            .iter()
            .any(|line| line.split(' ').next() == Some(heard))
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        report = send(&mut connection, FIRST) => panic!("it answered: {report:?}"),
        () = is_heard => {}
    }
    connection.is_in_doubt()
}

#[tokio::test]
async fn only_after_the_final_dot_a_mail_may_have_been_taken() {
    for base in [plain, pipelining] {
        for command in ["MAIL", "RCPT", "DATA"] {
            let script = base().on(command, Answer::Silence);
            assert!(!may_be_taken(script, command).await, "{command}");
        }
        let script = Script {
            dot: Answer::Silence,
            ..base()
        };
        assert!(may_be_taken(script, ".").await);
    }
}

#[tokio::test]
async fn a_mail_whose_end_is_known_leaves_no_doubt() {
    let scripted = Scripted::start(pipelining()).await;
    let url = format!("smtp://127.0.0.1:{}", scripted.port);
    let mut connection = open(&url).await.unwrap();
    send(&mut connection, FIRST).await;
    assert!(!connection.is_in_doubt());
    let (report, _, _) = one_mail(Script {
        dot: Answer::Drop,
        ..plain()
    })
    .await;
    assert_eq!(report.outcome, Outcome::InDoubt);
}

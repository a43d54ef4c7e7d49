//! What is known of a mail when the connection ends.

use super::scripted::{Answer, Script, Scripted, say};
use super::tests::{BROKEN, MESSAGE, address, open, pipelining, plain};
use super::*;
use crate::domain::outcome::{Outcome, Report};

const FIRST: &str = "first@example.com";
const SECOND: &str = "second@example.com";

async fn send(connection: &mut Connection, to: &str) -> Report {
    let message = MESSAGE.to_vec();
    connection.send(&address(to), &address(to), message).await
}

/// What became of a second mail, and whether the connection had ended before it.
async fn second_mail(script: Script) -> (Outcome, bool) {
    let scripted = Scripted::start(script).await;
    let url = format!("smtp://127.0.0.1:{}", scripted.port);
    let mut connection = open(&url).await.unwrap();
    send(&mut connection, FIRST).await;
    assert!(connection.is_usable() && !connection.had_ended());
    let report = send(&mut connection, SECOND).await;
    (report.outcome, connection.had_ended())
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
    assert!(!connection.had_ended());
}

//! State of a message when the connection is closed or sending is cancelled.

use crate::domain::delivery::outcome::{Outcome, SmtpResult};
use crate::mail::smtp::scripted::{Response, Script, ScriptedSmtpServer, reply};
use crate::mail::smtp::tests::{
    CONNECTION_LOST, MESSAGE, address, open, send_one, server, with_pipelining, without_pipelining,
};
use crate::mail::smtp::{Connection, HelloName, Timeouts};

const FIRST: &str = "first@example.com";
const SECOND: &str = "second@example.com";

async fn send(connection: &mut Connection, to: &str) -> SmtpResult {
    let message = MESSAGE.to_vec();
    connection.send(&address(to), &address(to), message).await
}

/// Sends two messages. Returns the outcome of the second.
///
/// Also returns whether the server had closed the connection before it.
async fn send_second(script: Script) -> (Outcome, bool) {
    let scripted = ScriptedSmtpServer::start(script).await;
    let url = format!("smtp://127.0.0.1:{}", scripted.port);
    let mut connection = open(&url).await.unwrap();
    send(&mut connection, FIRST).await;

    assert!(connection.is_usable() && !connection.was_closed_by_peer());
    let result = send(&mut connection, SECOND).await;
    (result.outcome, connection.was_closed_by_peer())
}

#[tokio::test]
async fn close_between_messages_is_detected() {
    for base in [without_pipelining, with_pipelining] {
        let closing = Script {
            dot: Response::ReplyAndClose("250 2.0.0 accepted\r\n".to_owned()),
            ..base()
        };
        assert_eq!(send_second(closing).await, (CONNECTION_LOST, true));
        let rejected = || {
            let unknown = base().on("RCPT TO:<FIRST", reply("550 5.1.1 unknown"));
            unknown.on("DATA", reply("503 5.5.1 no recipients"))
        };
        for (script, was_closed) in [
            (base().on("MAIL FROM:<SECOND", Response::Close), true),
            (rejected().on("RSET", Response::Close), true),
            (rejected().on("MAIL FROM:<SECOND", Response::Close), false),
            (base().on("MAIL FROM:<SECOND", Response::Silence), false),
            (base().on("MAIL FROM:<SECOND", reply("hello")), false),
            (base().on("RCPT TO:<SECOND", Response::Close), false),
        ] {
            assert_eq!(send_second(script).await, (CONNECTION_LOST, was_closed));
        }
    }
}

#[tokio::test]
async fn close_before_first_message_is_connection_error() {
    let scripted =
        ScriptedSmtpServer::start(without_pipelining().on("MAIL", Response::Close)).await;
    let url = format!("smtp://127.0.0.1:{}", scripted.port);
    let mut connection = open(&url).await.unwrap();

    assert_eq!(send(&mut connection, FIRST).await.outcome, CONNECTION_LOST);
    assert!(!connection.was_closed_by_peer());
}

/// Cancels sending once the server has received `command`.
///
/// The script must not reply to it. Returns whether the message is in doubt.
async fn is_in_doubt_after(script: Script, command: &str) -> bool {
    let scripted = ScriptedSmtpServer::start(script).await;
    let url = format!("smtp://127.0.0.1:{}", scripted.port);
    let hello = HelloName::parse("client.example.com").unwrap();
    let mut connection = Connection::open(&server(&url), &hello, Timeouts::default())
        .await
        .unwrap();
    let received = async {
        while !scripted
            .received()
            .iter()
            .any(|line| line.split(' ').next() == Some(command))
        {
            tokio::task::yield_now().await;
        }
    };

    tokio::select! {
        biased;
        result = send(&mut connection, FIRST) => panic!("the server replied: {result:?}"),
        () = received => {}
    }
    connection.is_in_doubt()
}

#[tokio::test]
async fn cancelled_message_is_in_doubt_only_after_dot() {
    for base in [without_pipelining, with_pipelining] {
        for command in ["MAIL", "RCPT", "DATA"] {
            let script = base().on(command, Response::Silence);
            assert!(!is_in_doubt_after(script, command).await, "{command}");
        }
        let script = Script {
            dot: Response::Silence,
            ..base()
        };
        assert!(is_in_doubt_after(script, ".").await);
    }
}

#[tokio::test]
async fn message_with_reply_is_not_in_doubt() {
    let scripted = ScriptedSmtpServer::start(with_pipelining()).await;
    let url = format!("smtp://127.0.0.1:{}", scripted.port);
    let mut connection = open(&url).await.unwrap();
    send(&mut connection, FIRST).await;

    assert!(!connection.is_in_doubt());
    let (result, _, _) = send_one(Script {
        dot: Response::Close,
        ..without_pipelining()
    })
    .await;

    assert_eq!(result.outcome, Outcome::InDoubt);
}

//! Opening a connection: greeting, TLS and authentication.

use crate::domain::delivery::outcome::{DeferReason, Outcome};
use crate::mail::smtp::scripted::{
    EXPIRED, Response, Script, ScriptedSmtpServer, VALID, acceptor, reply,
};
use crate::mail::smtp::tests::{
    CONNECTION_LOST, SETTINGS, open, open_error, send, send_one, server, short_timeouts,
    without_pipelining,
};
use crate::mail::smtp::{Connection, HelloName, tls};

#[tokio::test]
async fn failed_greeting_is_classified() {
    for (greeting, outcome) in [
        (reply("450 later"), CONNECTION_LOST),
        (reply("554 no"), CONNECTION_LOST),
        (
            reply("421 too many"),
            Outcome::Deferred(DeferReason::Throttled),
        ),
        (reply("554 5.7.1 blocked"), SETTINGS),
        (reply("SSH-2.0-x"), CONNECTION_LOST),
        (Response::Close, CONNECTION_LOST),
        (Response::Silence, CONNECTION_LOST),
    ] {
        let scripted = ScriptedSmtpServer::start(Script {
            greeting,
            ..without_pipelining()
        })
        .await;
        let result = open_error(&format!("smtp://127.0.0.1:{}", scripted.port)).await;
        assert_eq!(result.outcome, outcome, "{}", result.reply);
        assert_eq!(scripted.received(), Vec::<String>::new());
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    assert_eq!(
        open_error(&format!("smtp://127.0.0.1:{closed}"))
            .await
            .outcome,
        CONNECTION_LOST
    );
}

#[tokio::test]
async fn missing_starttls_sends_no_password() {
    for mode in ["required", "opportunistic"] {
        let script = Script::default().on("EHLO", reply("250-scripted\r\n250 AUTH PLAIN LOGIN"));
        let scripted = ScriptedSmtpServer::start(script).await;
        let result = open_error(&format!(
            "smtp://me:secret@localhost:{}?tls={mode}",
            scripted.port
        ))
        .await;
        assert_eq!(result.outcome, SETTINGS);
        assert_eq!(scripted.received(), ["EHLO client.example.com"]);
    }
}

#[tokio::test]
async fn starttls_and_implicit_tls_send_message() {
    let offer = "250-scripted\r\n250-STARTTLS\r\n250 AUTH LOGIN";
    let script = Script {
        tls: Some(acceptor(VALID)),
        ..Script::default()
    }
    .on("STARTTLS", reply("220 go"))
    .on("AUTH", reply("334 VXNlcm5hbWU6"))
    .on("C2VJCMV0", reply("235 welcome"))
    .on("BWU=", reply("334 UGFzc3dvcmQ6"))
    .on("EHLO", reply(offer));

    for (url, implicit) in [
        ("smtp://me:secret@localhost:{}?tls=required", false),
        ("smtps://me:secret@localhost:{}", true),
    ] {
        let scripted = ScriptedSmtpServer::start(Script {
            has_implicit_tls: implicit,
            ..script.clone()
        })
        .await;
        let mut connection = open(&url.replace("{}", &scripted.port.to_string()))
            .await
            .unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(send(&mut connection).await.outcome, Outcome::Delivered);
        let received = scripted.received();
        let auth = received
            .iter()
            .position(|line| line == "AUTH LOGIN")
            .unwrap();
        assert_eq!(received[auth + 1..auth + 3], ["bWU=", "c2VjcmV0"]);
        assert_eq!(received.iter().any(|line| line == "STARTTLS"), !implicit);
    }
}

#[tokio::test]
async fn invalid_certificate_stops_sending() {
    let starttls = "250-scripted\r\n250-STARTTLS\r\n250 AUTH PLAIN";

    for (certificate, host) in [(EXPIRED, "localhost"), (VALID, "127.0.0.2")] {
        for mode in ["required", "opportunistic"] {
            let script = Script {
                tls: Some(acceptor(certificate)),
                ..Script::default()
            }
            .on("EHLO", reply(starttls))
            .on("STARTTLS", reply("220 go"));
            let scripted = ScriptedSmtpServer::start(script).await;
            // The listener is on 127.0.0.1; only the expected name differs.
            let mut target = server(&format!(
                "smtp://me:secret@127.0.0.1:{}?tls={mode}",
                scripted.port
            ));
            if host == "localhost" {
                target.host = host.to_owned();
            } else {
                target.tls = Some(tls::system_connector().unwrap());
            }
            let hello = HelloName::parse("client.example.com").unwrap();
            let result = Connection::open(&target, &hello, short_timeouts())
                .await
                .err()
                .unwrap();
            assert_eq!(result.outcome, SETTINGS, "{}", result.reply);
            assert_eq!(scripted.received(), ["EHLO client.example.com", "STARTTLS"]);
        }
    }
}

#[tokio::test]
async fn data_injected_before_tls_is_rejected() {
    let script = Script {
        tls: Some(acceptor(VALID)),
        ..Script::default()
    }
    .on("EHLO", reply("250-scripted\r\n250 STARTTLS"))
    .on("STARTTLS", reply("220 go\r\n250 injected"));
    let scripted = ScriptedSmtpServer::start(script).await;
    let result = open_error(&format!("smtp://localhost:{}?tls=required", scripted.port)).await;

    assert_eq!(result.outcome, SETTINGS);
}

#[tokio::test]
async fn connection_lost_during_handshake_defers() {
    let script = Script::default()
        .on("EHLO", reply("250-scripted\r\n250 STARTTLS"))
        .on("STARTTLS", Response::Close);
    let scripted = ScriptedSmtpServer::start(script).await;
    let result = open_error(&format!("smtp://localhost:{}?tls=required", scripted.port)).await;

    assert_eq!(result.outcome, CONNECTION_LOST);
}

#[tokio::test]
async fn wrong_password_stops_sending() {
    for (offer, url) in [
        ("250 AUTH PLAIN", "me:secret@"),
        ("250 AUTH LOGIN", "me:secret@"),
        ("250 HELP", "me:secret@"),
    ] {
        let offer = format!("250-scripted\r\n{offer}");
        let script = Script::default()
            .on("EHLO", reply(&offer))
            .on("AUTH", reply("535 5.7.8 wrong"));
        let scripted = ScriptedSmtpServer::start(script).await;
        let result = open_error(&format!("smtp://{url}127.0.0.1:{}", scripted.port)).await;
        assert_eq!(result.outcome, SETTINGS);
        assert!(!result.reply.contains("secret"));
    }
    let (result, _, _) =
        send_one(without_pipelining().on("MAIL", reply("530 5.7.0 log in first"))).await;
    assert_eq!(result.outcome, SETTINGS);
}

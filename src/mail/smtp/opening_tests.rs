//! Opening a connection: greetings, TLS, log-in.

use super::*;
use crate::domain::delivery::outcome::{DeferReason, Outcome};
use crate::mail::smtp::scripted::{Answer, EXPIRED, GOOD, Script, Scripted, acceptor, say};
use crate::mail::smtp::tests::*;

#[tokio::test]
async fn an_opening_that_fails_charges_nobody() {
    for (greeting, outcome) in [
        (say("450 later"), BROKEN),
        (say("554 no"), BROKEN),
        (
            say("421 too many"),
            Outcome::Deferred(DeferReason::Throttled),
        ),
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
        assert_eq!(report.outcome, outcome, "{}", report.reply);
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
            assert_eq!(report.outcome, SETTINGS, "{}", report.reply);
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
        assert!(!report.reply.contains("secret"));
    }
    let (report, _, _) = one_mail(plain().on("MAIL", say("530 5.7.0 log in first"))).await;
    assert_eq!(report.outcome, SETTINGS);
}

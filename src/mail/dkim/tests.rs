use std::borrow::Borrow;
use std::collections::HashMap;
use std::fs;
use std::hash::Hash;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use mail_auth::common::cache::NoCache;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::hickory_resolver::config::{ResolverConfig, ResolverOpts};
use mail_auth::{
    AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt,
};
use secrecy::ExposeSecret;

use super::*;
use crate::domain::clock::Timestamp;
use crate::domain::dkim_selector::Selector;
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::IssueNumber;
use crate::domain::mailbox::Mailbox;
use crate::mail::compose::{ListHeaders, Mail, MessageId};
use crate::mail::dkim::signer::SIGNED_FIELDS;
use crate::mail::templates::Rendered;

/// Generated once, because an RSA key takes a while.
static PEMS: LazyLock<[String; 2]> =
    LazyLock::new(|| [rsa_pem(), ed25519_pem()].map(|pem| pem.unwrap().expose_secret().to_owned()));

/// DNS cache with one record for each key.
struct DnsRecords(HashMap<String, Arc<DomainKey>>);

impl DnsRecords {
    fn with_both_keys() -> Self {
        let names = ["rsa._domainkey.example.com.", "ed._domainkey.example.com."];
        let records = names.iter().zip(&*PEMS).map(|(name, pem)| {
            let record = PrivateKey::from_pem(pem.as_bytes()).unwrap().dns_record();
            let key = DomainKey::parse(record.as_bytes()).unwrap();
            ((*name).to_owned(), Arc::new(key))
        });
        Self(records.collect())
    }
}

impl ResolverCache<Box<str>, Txt> for DnsRecords {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        let found = self
            .0
            .iter()
            .find(|(known, _)| Borrow::<Q>::borrow(&Box::<str>::from(known.as_str())) == name);
        found.map(|(_, key)| Txt::DomainKey(Arc::clone(key)))
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}

/// Verifies each signature as a receiver does.
async fn verify(message: &[u8]) -> Vec<DkimResult> {
    let message = AuthenticatedMessage::parse(message).unwrap();
    let dns = MessageAuthenticator::new(ResolverConfig::default(), ResolverOpts::default());
    let records = DnsRecords::with_both_keys();
    let parameters =
        Parameters::<_, NoCache<_, _>, _, _, _, _>::new(&message).with_txt_cache(&records);
    let outputs = dns.unwrap().verify_dkim(parameters).await;
    outputs.iter().map(|it| it.result().clone()).collect()
}

fn write_key(dir: &Path, selector: &str, pem: &str) -> KeySource {
    let file = dir.join(selector);
    create(&file, pem).unwrap();
    KeySource {
        selector: Selector::parse(selector).unwrap(),
        file,
    }
}

fn signer() -> Signer {
    let dir = tempfile::tempdir().unwrap();
    let keys = [
        write_key(dir.path(), "rsa", &PEMS[0]),
        write_key(dir.path(), "ed", &PEMS[1]),
    ];
    Signer::load("example.com", &keys).unwrap()
}

/// An issue with lines of dots, trailing blanks and empty lines at its end.
fn issue() -> Vec<u8> {
    let from = Mailbox::parse("Bücher, Lab <news@example.com>").unwrap();
    let url = "https://n.example.com/unsubscribe/token";
    let list = ListHeaders::for_issue("Bücher", &from, IssueNumber::new(42).unwrap(), url);
    let content = Rendered {
        subject: "No. 42: Über uns, and a subject that is long enough to be folded twice or so"
            .to_owned(),
        text: ".\n..\n.dot \n\tTab\nGrüße aus Köln\n\n\n".to_owned(),
        html: "<p>.</p>\n.\n<p>Größe</p>\n".to_owned(),
    };
    let mail = Mail {
        from: &from,
        reply_to: None,
        date: Timestamp::from_millis(1_795_428_000_000),
        content: &content,
        list: Some(&list),
    };
    mail.encode(
        &EmailAddress::parse("ada@example.org").unwrap(),
        &MessageId::new(&[0xab; 32], &from),
    )
}

#[tokio::test]
async fn both_signatures_verify() {
    let plain = b"From: a@example.com\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\n.\r\n\r\n";
    for message in [&issue()[..], plain] {
        let signed = signer().sign(message).unwrap();
        assert!(signed.ends_with(message));
        assert_eq!(verify(&signed).await, [DkimResult::Pass, DkimResult::Pass]);
    }
}

#[tokio::test]
async fn changed_or_added_field_fails_verification() {
    let signed = String::from_utf8(signer().sign(&issue()).unwrap()).unwrap();
    let mut forged: Vec<String> = SIGNED_FIELDS
        .iter()
        .map(|name| format!("{name}: new\r\n{signed}"))
        .collect();
    forged.push(signed.replace("ada@", "eve@"));
    forged.push(signed.replace("multipart/alternative", "multipart/mixed"));
    forged.push(signed.replace("One-Click", "No-Click"));
    forged.push(format!("{signed}more\r\n"));
    for message in forged {
        assert_ne!(message, signed);
        for verdict in verify(message.as_bytes()).await {
            assert_ne!(verdict, DkimResult::Pass, "{}", &message[..80]);
        }
    }
}

#[test]
fn signing_is_deterministic_and_uses_the_date() {
    let signer = signer();
    let signed = signer.sign(&issue()).unwrap();
    assert_eq!(signed, signer.sign(&issue()).unwrap());
    let text = String::from_utf8(signed).unwrap();
    let signatures = &text[..text.find("\r\nFrom:").unwrap()];
    // The Date of the message.
    assert_eq!(
        signatures.matches("t=1795428000;").count(),
        2,
        "{signatures}"
    );
    assert_eq!(signatures.matches("c=relaxed/relaxed;").count(), 2);
    assert!(
        !signatures
            .split([';', ' ', '\t'])
            .any(|tag| tag.starts_with("l="))
    );
    assert!(
        text.split("\r\n")
            .all(|line| line.len() <= 998 && !line.contains('\n'))
    );
}

#[test]
fn signature_lists_each_field_once_more() {
    let text = String::from_utf8(signer().sign(&issue()).unwrap()).unwrap();
    let signature = &text[..text.find("bh=").unwrap()];
    let names = signature.rsplit_once("h=").unwrap().1.split(';').next();
    let names: Vec<&str> = names.unwrap().split(':').map(str::trim).collect();
    for name in SIGNED_FIELDS {
        let present = text.matches(&format!("\r\n{name}: ")).count();
        // The parts of a multipart have a Content-Type, too.
        let present = present.min(1);
        let named = names.iter().filter(|it| it.eq_ignore_ascii_case(name));
        assert_eq!(named.count(), present + 1, "{name}");
    }
}

#[test]
fn message_without_date_is_not_signed() {
    for message in ["From: a@example.com\r\n\r\nx\r\n", "Date: soon\r\n\r\n", ""] {
        assert!(matches!(
            signer().sign(message.as_bytes()),
            Err(SignError::NoDate)
        ));
    }
}

#[test]
fn key_file_readable_by_others_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let keys = [write_key(dir.path(), "ed", &PEMS[1])];
    let readable = |signer: Signer| signer.readable_by_others().count();
    assert_eq!(readable(Signer::load("example.com", &keys).unwrap()), 0);
    for mode in [0o640, 0o604] {
        fs::set_permissions(&keys[0].file, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(readable(Signer::load("example.com", &keys).unwrap()), 1);
    }
}

#[test]
fn invalid_key_file_error_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let ec = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n";
    let public = "-----BEGIN PUBLIC KEY-----\nMHcCAQEE\n-----END PUBLIC KEY-----\n";
    let rsa_1024 = include_str!("rsa-1024.pem");
    let rsa_4104 = include_str!("rsa-4104.pem");
    for (index, (pem, message)) in [
        ("", "no private key"),
        (public, "no private key"),
        (ec, "neither"),
        (rsa_1024, "2048"),
        (rsa_4104, "4096"),
    ]
    .iter()
    .enumerate()
    {
        let source = write_key(dir.path(), &format!("s{index}"), pem);
        let error = Signer::load("example.com", &[source])
            .unwrap_err()
            .to_string();
        let named = format!("dkim.keys: {}/s{index}: ", dir.path().display());
        assert!(
            error.starts_with(&named) && error.contains(message),
            "{error}"
        );
    }
    let missing = KeySource {
        selector: Selector::parse("s").unwrap(),
        file: dir.path().join("none"),
    };
    let error = Signer::load("example.com", &[missing])
        .unwrap_err()
        .to_string();
    assert!(error.contains("none cannot be read: "), "{error}");
}

#[test]
fn openssl_keys_are_accepted() {
    for (pem, kind) in [
        (include_str!("openssl-ed25519.pem"), "k=ed25519"),
        (include_str!("openssl-rsa-pkcs1.pem"), "k=rsa"),
    ] {
        let key = PrivateKey::from_pem(pem.as_bytes()).unwrap();
        assert!(key.dns_record().contains(kind));
    }
}

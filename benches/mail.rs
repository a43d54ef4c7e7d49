//! CPU time of rendering and signing one message.
//!
//! ```text
//! cargo bench --bench mail
//! openssl speed rsa2048        reference for "sign/RSA-2048"
//! ```

use std::hint::black_box;
use std::path::Path;

use broadsheet::domain::clock::Timestamp;
use broadsheet::domain::dkim_selector::Selector;
use broadsheet::domain::email_address::EmailAddress;
use broadsheet::domain::ids::SubscriberId;
use broadsheet::domain::issue::IssueNumber;
use broadsheet::domain::mailbox::Mailbox;
use broadsheet::domain::random::Random;
use broadsheet::domain::signed_token::{Purpose, SecretKeys};
use broadsheet::mail::compose::{
    FrozenMail, ListHeaders, Mail, MessageId, Placeholders, Recipient,
};
use broadsheet::mail::dkim::{self, KeySource, Signer};
use broadsheet::mail::templates::Rendered;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use secrecy::{ExposeSecret, SecretString};

const NOW: Timestamp = Timestamp::from_millis(1_795_428_000_000);
const POST: &str = "<h2><a href=\"https://blog.example.com/posts/42\">What we learnt</a></h2>\n\
    <p>A sentence that says what this post is about, at some length and with care.</p>\n";

fn sender() -> Mailbox {
    Mailbox::parse("Example Lab <news@example.com>").expect("a sender")
}

/// Returns an issue of about 10 KB encoded size.
fn frozen_message(random: &Random) -> FrozenMail {
    let placeholders = Placeholders::new(random);
    let unsubscribe = format!(
        "https://n.example.com/unsubscribe/{}",
        placeholders.unsubscribe()
    );
    let preferences = format!(
        "https://n.example.com/preferences/{}",
        placeholders.preferences()
    );
    let footer = format!("{unsubscribe}\n{preferences}\n");
    let content = Rendered {
        subject: "No. 42: what we learnt".to_owned(),
        text: format!("{}{footer}", "What we learnt, at some length.\n".repeat(80)),
        html: format!(
            "{}<a href=\"{unsubscribe}\">x</a> {footer}",
            POST.repeat(38)
        ),
    };
    let number = IssueNumber::new(42).expect("a number");
    let list = ListHeaders::for_issue("Example Lab", &sender(), number, &unsubscribe);
    let mail = Mail {
        from: &sender(),
        reply_to: None,
        date: NOW,
        content: &content,
        list: Some(&list),
    };
    FrozenMail::freeze(&mail, &placeholders)
}

fn render(
    mail: &FrozenMail,
    keys: &SecretKeys,
    from: &Mailbox,
    subscriber: &SubscriberId,
) -> Vec<u8> {
    let id = keys.mac(Purpose::MessageId, &[subscriber.as_uuid().as_bytes()]);
    let recipient = Recipient::new(
        EmailAddress::parse("ada@example.org").expect("an address"),
        MessageId::new(&id, from),
        keys.subscriber_token(Purpose::Unsubscribe, subscriber),
        keys.subscriber_token(Purpose::Preferences, subscriber),
    );
    mail.render_for(&recipient.expect("a recipient"))
}

fn signer(folder: &Path, pems: &[SecretString]) -> Signer {
    let sources = pems.iter().enumerate().map(|(number, pem)| {
        let file = folder.join(format!("{number}.pem"));
        std::fs::write(&file, pem.expose_secret()).expect("a key file");
        let selector = Selector::parse(&format!("key{number}")).expect("a selector");
        KeySource { selector, file }
    });
    Signer::load("example.com", &sources.collect::<Vec<_>>()).expect("a signer")
}

fn compose(criterion: &mut Criterion) {
    let random = Random::seeded(1);
    let (mail, keys, from) = (
        frozen_message(&random),
        SecretKeys::generate(&random),
        sender(),
    );
    let subscriber = SubscriberId::new(NOW, &random);
    let size = render(&mail, &keys, &from, &subscriber).len();
    let mut group = criterion.benchmark_group("compose");
    group.throughput(Throughput::Bytes(size as u64));
    group.bench_function("message", |bench| {
        bench.iter(|| render(&mail, &keys, &from, black_box(&subscriber)));
    });
    group.finish();
}

fn sign(criterion: &mut Criterion) {
    let random = Random::seeded(1);
    let keys = SecretKeys::generate(&random);
    let subscriber = SubscriberId::new(NOW, &random);
    let message = render(&frozen_message(&random), &keys, &sender(), &subscriber);
    let rsa = dkim::rsa_pem().expect("an RSA key");
    let ed25519 = dkim::ed25519_pem().expect("an Ed25519 key");
    let folder = tempfile::tempdir().expect("a folder");
    let mut group = criterion.benchmark_group("sign");
    group.throughput(Throughput::Elements(1));
    for (name, pems) in [
        ("RSA-2048", vec![rsa.clone()]),
        ("Ed25519", vec![ed25519.clone()]),
        ("both", vec![rsa, ed25519]),
    ] {
        let signer = signer(folder.path(), &pems);
        group.bench_function(name, |bench| {
            bench.iter(|| signer.sign(black_box(&message)).expect("a signature"));
        });
    }
    group.finish();
}

criterion_group!(mail, compose, sign);
criterion_main!(mail);

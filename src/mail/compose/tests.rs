use proptest::prelude::*;

use super::*;
use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::IssueNumber;
use crate::domain::mailbox::Mailbox;
use crate::domain::random::Random;
use crate::mail::compose::encode::encode_message;
use crate::mail::compose::message::unquoted_phrase;
use crate::mail::templates::Rendered;

fn sender() -> Mailbox {
    Mailbox::parse("Bücher, Lab <news@example.com>").unwrap()
}

fn date() -> Timestamp {
    Timestamp::from_millis(1_795_428_000_000)
}

fn recipient() -> (EmailAddress, MessageId) {
    (
        EmailAddress::parse("ada@example.org").unwrap(),
        MessageId::new(&[0xab; 32], &sender()),
    )
}

/// Content with two tokens.
fn content(text: &str, unsubscribe: &str, preferences: &str) -> Rendered {
    let with = |shape: &str| {
        shape
            .replace("{U}", unsubscribe)
            .replace("{P}", preferences)
    };
    Rendered {
        subject: "No. 42: Über uns".to_owned(),
        text: with(text),
        html: with(&format!(
            "<p>{text}</p><a href=\"https://n.example.com/unsubscribe/{{U}}\">x</a>"
        )),
    }
}

fn list(token: &str) -> ListHeaders {
    let url = format!("https://n.example.com/unsubscribe/{token}");
    ListHeaders::for_issue(
        "Bücher, Lab",
        &sender(),
        IssueNumber::new(42).unwrap(),
        &url,
    )
}

fn encode(text: &str, tokens: &(String, String)) -> Vec<u8> {
    let content = content(text, &tokens.0, &tokens.1);
    let (list, from) = (list(&tokens.0), sender());
    let mail = Mail {
        from: &from,
        reply_to: None,
        date: date(),
        content: &content,
        list: Some(&list),
    };
    let (to, id) = recipient();
    // The boundary does not depend on the placeholders, so the tokens are left out, too.
    encode_message(
        &mail,
        &to.to_string(),
        &id.to_string(),
        &[&tokens.0, &tokens.1],
    )
    .into_bytes()
}

fn frozen(text: &str) -> FrozenMail {
    let placeholders = Placeholders::new(&Random::seeded(7));
    let content = content(text, placeholders.unsubscribe(), placeholders.preferences());
    let (list, from) = (list(placeholders.unsubscribe()), sender());
    let mail = Mail {
        from: &from,
        reply_to: None,
        date: date(),
        content: &content,
        list: Some(&list),
    };
    FrozenMail::freeze(&mail, &placeholders)
}

fn tokens() -> (String, String) {
    ("-_aZ09".repeat(8), "P".repeat(48))
}

fn render(frozen: &FrozenMail, tokens: &(String, String)) -> Vec<u8> {
    let (to, id) = recipient();
    frozen.render_for(&Recipient::new(to, id, tokens.0.clone(), tokens.1.clone()).unwrap())
}

#[test]
fn issue_has_list_headers_and_both_parts() {
    let message = String::from_utf8(render(
        &frozen("Hello\nhttps://n.example.com/unsubscribe/{U}\n"),
        &tokens(),
    ))
    .unwrap();
    insta::assert_snapshot!("issue", message.replace("\r\n", "\n"));
}

#[test]
fn other_messages_have_no_list_headers() {
    let content = content("Hello\n", "", "");
    let from = sender();
    let reply_to = Mailbox::parse("desk@example.com").unwrap();
    let mail = Mail {
        from: &from,
        reply_to: Some(&reply_to),
        date: date(),
        content: &content,
        list: None,
    };
    let (to, id) = recipient();
    let message = String::from_utf8(mail.encode(&to, &id)).unwrap();
    assert!(message.contains("\r\nReply-To: desk@example.com\r\n"));
    assert!(
        !message.contains("List-")
            && !message.contains("Precedence")
            && !message.contains("Feedback-ID")
    );
}

#[test]
fn stored_form_parses_back() {
    let mail = frozen("{U} ü {P}\n");
    assert_eq!(FrozenMail::from_json(&mail.to_json()), Ok(mail.clone()));
    assert_eq!(mail.content_hash(), frozen("{U} ü {P}\n").content_hash());
    assert_ne!(mail.content_hash(), frozen("{U} u {P}\n").content_hash());
    assert_eq!(mail.content_hash().len(), 64);
}

#[test]
fn damaged_stored_form_returns_error() {
    for json in [
        "",
        "{}",
        "[{\"text\":1}]",
        "[{\"unsubscribe\":{\"start\":0,\"end\":49}}]",
        "[{\"preferences\":{\"start\":9,\"end\":3}}]",
    ] {
        assert!(FrozenMail::from_json(json).is_err(), "{json}");
    }
}

#[test]
fn content_hash_does_not_depend_on_placeholders() {
    let hash = |seed| {
        let placeholders = Placeholders::new(&Random::seeded(seed));
        let content = content(
            "{U} ü {P}\n",
            placeholders.unsubscribe(),
            placeholders.preferences(),
        );
        let from = sender();
        let mail = Mail {
            from: &from,
            reply_to: None,
            date: date(),
            content: &content,
            list: None,
        };
        FrozenMail::freeze(&mail, &placeholders).content_hash()
    };
    assert_eq!(hash(1), hash(2));
}

#[test]
fn recipient_with_malformed_token_returns_error() {
    let (to, id) = recipient();
    for bad in [
        "",
        "short",
        &"a".repeat(49),
        &" ".repeat(48),
        &"é".repeat(24),
    ] {
        let good = "a".repeat(48);
        assert!(Recipient::new(to.clone(), id.clone(), bad.to_owned(), good.clone()).is_err());
        assert!(Recipient::new(to.clone(), id.clone(), good, bad.to_owned()).is_err());
    }
}

#[test]
fn unquoted_phrase_drops_special_characters() {
    assert_eq!(
        unquoted_phrase("Lab, \"the\" <x@y>\r\nBcc: z"),
        "Lab the x y Bcc z"
    );
}

/// Arbitrary text with dots, long lines, characters of every width and tokens.
fn any_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("{U}".to_owned()),
        Just("{P}".to_owned()),
        Just("\n.\n..\n".to_owned()),
        Just(" \n".to_owned()),
        Just("=\r\n".to_owned()),
        Just("--=_".to_owned()),
        "[a-z ./=?-]{0,80}",
        "\\PC{0,40}",
        "[a-z]{900,1100}",
    ];
    prop::collection::vec(word, 0..30).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn render_for_equals_encoding_for_recipient(
        text in any_text(),
        unsubscribe in "[A-Za-z0-9_-]{48}",
        preferences in "[A-Za-z0-9_-]{48}",
    ) {
        let tokens = (unsubscribe, preferences);
        let rendered = render(&frozen(&text), &tokens);
        let fresh = String::from_utf8(encode(&text, &tokens)).unwrap();
        let message = String::from_utf8(rendered).unwrap();
        prop_assert_eq!(&message, &fresh);
        prop_assert!(message.is_ascii());
        prop_assert!(message.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
    }

    #[test]
    fn rendered_message_parses_to_its_content(text in any_text()) {
        let rendered = render(&frozen(&text), &tokens());
        let parsed = mail_parser::MessageParser::default().parse(&rendered).unwrap();
        let sent = content(&text, &tokens().0, &tokens().1);
        let lines = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(lines(&parsed.body_text(0).unwrap()), lines(&sent.text));
        prop_assert_eq!(lines(&parsed.body_html(0).unwrap()), lines(&sent.html));
        prop_assert_eq!(parsed.subject(), Some("No. 42: Über uns"));
    }
}

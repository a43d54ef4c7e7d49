use proptest::prelude::*;

use super::*;
use crate::domain::random::Random;

fn sender() -> Mailbox {
    Mailbox::parse("Bücher, Lab <news@example.com>").unwrap()
}

fn date() -> Timestamp {
    Timestamp::from_millis(1_795_428_000_000)
}

fn reader() -> (EmailAddress, MessageId) {
    (
        EmailAddress::parse("ada@example.org").unwrap(),
        MessageId::new(&[0xab; 32], &sender()),
    )
}

/// The content as a template would give it, with two tokens in it.
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

fn afresh(text: &str, recipient: &(String, String)) -> Vec<u8> {
    let content = content(text, &recipient.0, &recipient.1);
    let (list, from) = (list(&recipient.0), sender());
    let mail = Mail {
        from: &from,
        reply_to: None,
        date: date(),
        content: &content,
        list: Some(&list),
    };
    let (to, id) = reader();
    // The boundary depends on the frozen content alone, so the tokens are left out here too.
    encode::message(
        &mail,
        &to.to_string(),
        &id.to_string(),
        &[&recipient.0, &recipient.1],
    )
    .into_bytes()
}

fn frozen(text: &str) -> FrozenMail {
    let markers = Placeholders::new(&Random::seeded(7));
    let content = content(text, markers.unsubscribe(), markers.preferences());
    let (list, from) = (list(markers.unsubscribe()), sender());
    let mail = Mail {
        from: &from,
        reply_to: None,
        date: date(),
        content: &content,
        list: Some(&list),
    };
    FrozenMail::freeze(&mail, &markers)
}

fn tokens() -> (String, String) {
    ("-_aZ09".repeat(8), "P".repeat(48))
}

fn fill(frozen: &FrozenMail, tokens: &(String, String)) -> Vec<u8> {
    let (to, id) = reader();
    frozen.render_for(&Recipient::new(to, id, tokens.0.clone(), tokens.1.clone()).unwrap())
}

#[test]
fn an_issue_has_its_headers_and_both_parts() {
    let message = String::from_utf8(fill(
        &frozen("Hello\nhttps://n.example.com/unsubscribe/{U}\n"),
        &tokens(),
    ))
    .unwrap();
    insta::assert_snapshot!("issue", message.replace("\r\n", "\n"));
}

#[test]
fn other_mail_carries_no_list_headers() {
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
    let (to, id) = reader();
    let message = String::from_utf8(mail.encode(&to, &id)).unwrap();
    assert!(message.contains("\r\nReply-To: desk@example.com\r\n"));
    assert!(
        !message.contains("List-")
            && !message.contains("Precedence")
            && !message.contains("Feedback-ID")
    );
}

#[test]
fn keeps_through_storage() {
    let mail = frozen("{U} ü {P}\n");
    assert_eq!(FrozenMail::from_json(&mail.to_json()), Ok(mail.clone()));
    assert_eq!(mail.content_hash(), frozen("{U} ü {P}\n").content_hash());
    assert_ne!(mail.content_hash(), frozen("{U} u {P}\n").content_hash());
    assert_eq!(mail.content_hash().len(), 64);
}

#[test]
fn a_damaged_stored_mail_is_an_error_not_a_panic() {
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
fn hash_does_not_depend_on_the_markers() {
    let hash = |seed| {
        let markers = Placeholders::new(&Random::seeded(seed));
        let content = content("{U} ü {P}\n", markers.unsubscribe(), markers.preferences());
        let from = sender();
        let mail = Mail {
            from: &from,
            reply_to: None,
            date: date(),
            content: &content,
            list: None,
        };
        FrozenMail::freeze(&mail, &markers).content_hash()
    };
    assert_eq!(hash(1), hash(2));
}

#[test]
fn a_token_of_another_form_is_refused() {
    let (to, id) = reader();
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
fn list_names_need_no_quotes() {
    assert_eq!(phrase("Lab, \"the\" <x@y>\r\nBcc: z"), "Lab the x y Bcc z");
}

/// Text as it comes and as nobody would write it: dots, long lines, letters of every
/// width, tokens anywhere.
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
    fn filling_is_composing_afresh(
        text in any_text(),
        unsubscribe in "[A-Za-z0-9_-]{48}",
        preferences in "[A-Za-z0-9_-]{48}",
    ) {
        let tokens = (unsubscribe, preferences);
        let filled = fill(&frozen(&text), &tokens);
        let fresh = String::from_utf8(afresh(&text, &tokens)).unwrap();
        let message = String::from_utf8(filled).unwrap();
        prop_assert_eq!(&message, &fresh);
        prop_assert!(message.is_ascii());
        prop_assert!(message.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
    }

    #[test]
    fn what_was_written_is_what_is_read(text in any_text()) {
        let filled = fill(&frozen(&text), &tokens());
        let parsed = mail_parser::MessageParser::default().parse(&filled).unwrap();
        let sent = content(&text, &tokens().0, &tokens().1);
        let lines = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(lines(&parsed.body_text(0).unwrap()), lines(&sent.text));
        prop_assert_eq!(lines(&parsed.body_html(0).unwrap()), lines(&sent.html));
        prop_assert_eq!(parsed.subject(), Some("No. 42: Über uns"));
    }
}

use std::fs;

use super::*;
use crate::domain::delivery::ReaderMail;

fn built_in() -> Templates {
    Templates::load(None).unwrap()
}

#[test]
fn the_built_in_templates_have_no_fault() {
    assert_eq!(check(None), vec![]);
}

#[test]
fn hostile_values_stay_literal() {
    let rendered = built_in().render(&sample::hostile_digest()).unwrap();
    assert!(
        rendered.subject.starts_with("{{7*7}}<script>"),
        "{}",
        rendered.subject
    );
    assert!(
        rendered
            .text
            .contains("1. {{7*7}}<script>alert(1)</script>\"'>&\n")
    );
    assert!(rendered.html.contains("{{7*7}}&lt;script&gt;"));
    assert!(!rendered.html.contains("<script"));
    assert!(rendered.html.contains("dir=\"rtl\""));
}

#[test]
fn an_own_file_takes_the_place_of_its_namesake() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("confirmation")).unwrap();
    fs::write(
        dir.path().join("confirmation/subject.txt"),
        "Really, {{ masthead.name }}?\r\n ",
    )
    .unwrap();
    let templates = Templates::load(Some(dir.path())).unwrap();
    let rendered = templates.render(&sample::confirmation(None)).unwrap();
    assert_eq!(rendered.subject, "Really, Example Lab?");
    assert_eq!(
        rendered.text,
        built_in().render(&sample::confirmation(None)).unwrap().text
    );
}

#[test]
fn a_fault_names_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("digest")).unwrap();
    let subject = dir.path().join("digest/subject.txt");
    let body = dir.path().join("digest/body.txt");
    fs::write(&subject, "one\n{% if %}").unwrap();
    fs::write(&body, "fine").unwrap();
    let faults = check(Some(dir.path()));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(
        (faults[0].file.as_str(), faults[0].line),
        (subject.to_str().unwrap(), Some(2))
    );

    fs::write(&subject, "{{ masthead.name }}\n\n{{ nonsense }}").unwrap();
    let faults = check(Some(dir.path()));
    assert_eq!(
        (faults[0].file.as_str(), faults[0].line),
        (subject.to_str().unwrap(), Some(3))
    );

    fs::write(&subject, "fine").unwrap();
    let faults = check(Some(dir.path()));
    assert!(
        faults
            .iter()
            .all(|fault| fault.file == body.to_str().unwrap())
    );
    assert!(faults[0].says.contains("/unsubscribe/"), "{}", faults[0]);
}

#[test]
fn a_safe_too_many_is_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("confirmation")).unwrap();
    fs::write(
        dir.path().join("confirmation/body.html"),
        "{% if name %}{{ name | safe }}{% endif %}{{ confirm_url }}",
    )
    .unwrap();
    let faults = check(Some(dir.path()));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].says.contains("unescaped"));
}

#[test]
fn subjects_are_one_clean_line() {
    assert_eq!(
        one_line(" a\r\nBcc: b\u{0}\u{7f}\tc\u{2028}d ", 100),
        "a Bcc: b c d"
    );
    assert_eq!(one_line(&"é".repeat(300), 250).chars().count(), 250);
}

#[test]
fn the_words_of_every_mail() {
    let templates = built_in();
    insta::assert_snapshot!(
        "digest_text",
        words(&templates.render(&sample::digest()).unwrap())
    );
    insta::assert_snapshot!(
        "confirmation_text",
        words(
            &templates
                .render(&sample::confirmation(Some("Ada".to_owned())))
                .unwrap()
        )
    );
    insta::assert_snapshot!(
        "already_subscribed_text",
        words(&templates.render(&sample::already_subscribed(None)).unwrap())
    );
    let links = ReaderMail::ALL.iter().map(|about| {
        let mail = templates.render(&sample::reader_link(*about)).unwrap();
        words(&mail)
    });
    insta::assert_snapshot!(
        "reader_link_text",
        links.collect::<Vec<_>>().join("\n==========\n")
    );
    insta::assert_snapshot!(
        "digest_html",
        templates.render(&sample::digest()).unwrap().html
    );
}

fn words(rendered: &Rendered) -> String {
    format!("Subject: {}\n\n{}", rendered.subject, rendered.text)
}

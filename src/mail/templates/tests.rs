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
    let rendered = built_in().render(&samples::hostile_digest()).unwrap();
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
fn posts_are_of_the_week_only_where_one_comes_each_week() {
    let mut digest = samples::digest();
    for (weekly, told) in [(true, "Three posts this week"), (false, "Three new posts")] {
        digest.masthead.weekly = weekly;
        let rendered = built_in().render(&digest).unwrap();
        assert!(rendered.html.contains(&format!(">{told}</h1>")), "{told}");
        assert!(rendered.text.contains(&format!("\n{told}\n")), "{told}");
    }
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
    let rendered = templates.render(&samples::confirmation(None)).unwrap();
    assert_eq!(rendered.subject, "Really, Example Lab?");
    assert_eq!(
        rendered.text,
        built_in()
            .render(&samples::confirmation(None))
            .unwrap()
            .text
    );
}

#[test]
fn an_own_mail_is_in_the_frame_or_whole() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("confirmation")).unwrap();
    let own = dir.path().join("confirmation/body.html");
    let html = || {
        let templates = Templates::load(Some(dir.path()))?;
        let rendered = templates.render(&samples::confirmation(None)).unwrap();
        Ok::<_, Vec<TemplateError>>(rendered.html)
    };
    fs::write(&own, "<p>{{ confirm_url }}</p>").unwrap();
    assert!(html().unwrap().starts_with("<p>https://"));

    let framed = "{% extends \"base.html\" %}\n{% block content %}{{ confirm_url }}{% endblock %}";
    fs::write(&own, framed).unwrap();
    let in_frame = html().unwrap();
    assert!(in_frame.contains("</h1>https://") && in_frame.contains("1 Example Street"));

    let base = dir.path().join("base.html");
    fs::write(&base, "<i>{% block content %}{% endblock %}</i>").unwrap();
    let fault = &html().unwrap_err()[0];
    assert!(fault.file.ends_with("body.html (built in)"), "{fault}");
    assert!(
        fault.message.contains("not defined in any parent"),
        "{fault}"
    );

    fs::write(&base, "<i>\n{% block %}</i>").unwrap();
    let faults = html().unwrap_err();
    let [fault] = faults.as_slice() else {
        panic!("{faults:?}");
    };
    let place = (fault.file.as_str(), fault.line);
    assert_eq!(place, (base.to_str().unwrap(), Some(2)));
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
    assert!(faults[0].message.contains("/unsubscribe/"), "{}", faults[0]);
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
    assert!(faults[0].message.contains("unescaped"));
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
        words(&templates.render(&samples::digest()).unwrap())
    );
    insta::assert_snapshot!(
        "confirmation_text",
        words(
            &templates
                .render(&samples::confirmation(Some("Ada".to_owned())))
                .unwrap()
        )
    );
    insta::assert_snapshot!(
        "already_subscribed_text",
        words(
            &templates
                .render(&samples::already_subscribed(None))
                .unwrap()
        )
    );
    let links = ReaderMail::ALL.iter().map(|about| {
        let mail = templates.render(&samples::reader_link(*about)).unwrap();
        words(&mail)
    });
    insta::assert_snapshot!(
        "reader_link_text",
        links.collect::<Vec<_>>().join("\n==========\n")
    );
    insta::assert_snapshot!(
        "digest_html",
        templates.render(&samples::digest()).unwrap().html
    );
}

fn words(rendered: &Rendered) -> String {
    format!("Subject: {}\n\n{}", rendered.subject, rendered.text)
}

#[test]
fn the_alerts() {
    let templates = built_in();
    let told = |event| {
        let rendered = templates.render(&samples::alert(event)).unwrap();
        format!("Subject: {}\n\n{}", rendered.subject, rendered.text)
    };
    let events = samples::events("A loader that hides in fonts").into_iter();
    let texts: Vec<String> = events.map(told).collect();
    insta::assert_snapshot!("alerts_text", texts.join("\n==========\n\n"));
    let draft = samples::events("A loader that hides in fonts").remove(1);
    let rendered = templates.render(&samples::alert(draft)).unwrap();
    insta::assert_snapshot!("alert_html", rendered.html);
}

#[test]
fn a_colour_of_ones_own_is_in_every_mail() {
    let mut masthead = samples::masthead();
    masthead.accent = crate::domain::accent::Accent::parse("#7a1f5c")
        .unwrap()
        .into();
    let mut digest = samples::digest();
    digest.masthead = masthead.clone();
    let mut confirmation = samples::confirmation(None);
    confirmation.masthead = masthead.clone();
    let mut alert = samples::alert(AlertEvent::SendingTried);
    alert.masthead = masthead;
    let templates = built_in();
    for html in [
        templates.render(&digest).unwrap().html,
        templates.render(&confirmation).unwrap().html,
        templates.render(&alert).unwrap().html,
    ] {
        assert!(html.contains("#7a1f5c"));
        assert!(
            !html.contains("#0b5c4a") && !html.contains("#6fd3b5"),
            "the built-in green"
        );
    }
}

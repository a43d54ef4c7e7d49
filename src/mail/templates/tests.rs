use std::fs;

use super::*;
use crate::domain::delivery::SubscriberMail;
use crate::mail::templates::engine::to_single_line;

fn built_in() -> Templates {
    Templates::load(None).unwrap()
}

#[test]
fn built_in_templates_have_no_errors() {
    assert_eq!(check(None), vec![]);
}

#[test]
fn hostile_values_are_escaped() {
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
fn headline_names_the_week_only_if_weekly() {
    let mut digest = samples::digest();
    for (weekly, headline) in [(true, "Three posts this week"), (false, "Three new posts")] {
        digest.masthead.weekly = weekly;
        let rendered = built_in().render(&digest).unwrap();
        assert!(
            rendered.html.contains(&format!(">{headline}</h1>")),
            "{headline}"
        );
        assert!(
            rendered.text.contains(&format!("\n{headline}\n")),
            "{headline}"
        );
    }
}

#[test]
fn file_in_folder_overrides_built_in_template() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("confirmation")).unwrap();
    fs::write(
        dir.path().join("confirmation/subject.txt"),
        "Really, {{ masthead.name }}?\r\n ",
    )
    .unwrap();
    let templates = Templates::load(Some(dir.path())).unwrap();
    let rendered = templates.render(&samples::confirmation()).unwrap();
    assert_eq!(rendered.subject, "Really, Example Lab?");
    assert_eq!(
        rendered.text,
        built_in().render(&samples::confirmation()).unwrap().text
    );
}

#[test]
fn custom_body_may_extend_the_layout_or_not() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("confirmation")).unwrap();
    let body = dir.path().join("confirmation/body.html");
    let html = || {
        let templates = Templates::load(Some(dir.path()))?;
        let rendered = templates.render(&samples::confirmation()).unwrap();
        Ok::<_, Vec<TemplateError>>(rendered.html)
    };
    fs::write(&body, "<p>{{ confirm_url }}</p>").unwrap();
    assert!(html().unwrap().starts_with("<p>https://"));

    let extending =
        "{% extends \"base.html\" %}\n{% block content %}{{ confirm_url }}{% endblock %}";
    fs::write(&body, extending).unwrap();
    let in_layout = html().unwrap();
    assert!(in_layout.contains("</h1>https://") && in_layout.contains("1 Example Street"));

    let base = dir.path().join("base.html");
    fs::write(&base, "<i>{% block content %}{% endblock %}</i>").unwrap();
    let error = &html().unwrap_err()[0];
    assert!(error.file.ends_with("body.html (built in)"), "{error}");
    assert!(
        error.message.contains("not defined in any parent"),
        "{error}"
    );

    fs::write(&base, "<i>\n{% block %}</i>").unwrap();
    let errors = html().unwrap_err();
    let [error] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    let location = (error.file.as_str(), error.line);
    assert_eq!(location, (base.to_str().unwrap(), Some(2)));
}

#[test]
fn error_has_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("digest")).unwrap();
    let subject = dir.path().join("digest/subject.txt");
    let body = dir.path().join("digest/body.txt");
    fs::write(&subject, "one\n{% if %}").unwrap();
    fs::write(&body, "fine").unwrap();
    let errors = check(Some(dir.path()));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(
        (errors[0].file.as_str(), errors[0].line),
        (subject.to_str().unwrap(), Some(2))
    );

    fs::write(&subject, "{{ masthead.name }}\n\n{{ nonsense }}").unwrap();
    let errors = check(Some(dir.path()));
    assert_eq!(
        (errors[0].file.as_str(), errors[0].line),
        (subject.to_str().unwrap(), Some(3))
    );

    fs::write(&subject, "fine").unwrap();
    let errors = check(Some(dir.path()));
    assert!(
        errors
            .iter()
            .all(|error| error.file == body.to_str().unwrap())
    );
    assert!(errors[0].message.contains("/unsubscribe/"), "{}", errors[0]);
}

#[test]
fn unescaped_value_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("confirmation")).unwrap();
    fs::write(
        dir.path().join("confirmation/body.html"),
        "{{ masthead.name | safe }}{{ confirm_url }}",
    )
    .unwrap();
    let errors = check(Some(dir.path()));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].message.contains("not escaped"));
}

#[test]
fn subject_is_one_line_without_control_characters() {
    assert_eq!(
        to_single_line(" a\r\nBcc: b\u{0}\u{7f}\tc\u{2028}d ", 100),
        "a Bcc: b c d"
    );
    assert_eq!(to_single_line(&"é".repeat(300), 250).chars().count(), 250);
}

#[test]
fn messages_match_snapshots() {
    let templates = built_in();
    insta::assert_snapshot!(
        "digest_text",
        with_subject(&templates.render(&samples::digest()).unwrap())
    );
    insta::assert_snapshot!(
        "confirmation_text",
        with_subject(&templates.render(&samples::confirmation()).unwrap())
    );
    insta::assert_snapshot!(
        "already_subscribed_text",
        with_subject(&templates.render(&samples::already_subscribed()).unwrap())
    );
    let links = SubscriberMail::ALL.iter().map(|about| {
        let mail = templates.render(&samples::reader_link(*about)).unwrap();
        with_subject(&mail)
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

fn with_subject(rendered: &Rendered) -> String {
    format!("Subject: {}\n\n{}", rendered.subject, rendered.text)
}

#[test]
fn alerts_match_snapshots() {
    let templates = built_in();
    let render = |event| {
        let rendered = templates.render(&samples::alert(event)).unwrap();
        format!("Subject: {}\n\n{}", rendered.subject, rendered.text)
    };
    let events = samples::events("A loader that hides in fonts").into_iter();
    let texts: Vec<String> = events.map(render).collect();
    insta::assert_snapshot!("alerts_text", texts.join("\n==========\n\n"));
    let draft = samples::events("A loader that hides in fonts").remove(1);
    let rendered = templates.render(&samples::alert(draft)).unwrap();
    insta::assert_snapshot!("alert_html", rendered.html);
}

#[test]
fn custom_accent_is_in_every_message() {
    let mut newsletter = samples::newsletter();
    newsletter.accent = crate::domain::accent::Accent::parse("#7a1f5c")
        .unwrap()
        .into();
    let mut digest = samples::digest();
    digest.masthead = newsletter.clone();
    let mut confirmation = samples::confirmation();
    confirmation.masthead = newsletter.clone();
    let mut alert = samples::alert(AlertEvent::SendingTried);
    alert.masthead = newsletter;
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

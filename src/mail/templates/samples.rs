//! Sample messages to check templates with: plain, minimal and hostile values of each.

use jiff::tz::TimeZone;
use url::Url;

use crate::domain::accent::Accent;
use crate::domain::delivery::SubscriberMail;
use crate::mail::templates::alert::{AlertCounts, AlertEvent, AlertMail, FailedFeed, Moment};
use crate::mail::templates::context::{
    AlreadySubscribedMail, ConfirmationMail, Day, DigestMail, DigestPost, Direction, EmailTemplate,
    NewsletterContext, ReaderLinkMail,
};
use crate::mail::templates::engine::{TemplateError, Templates};

/// Text that shows whether a template escapes its values.
const HOSTILE: &str = "{{7*7}}<script>alert(1)</script>\"'>&";

/// Renders all samples and returns each error once.
pub(super) fn render_all(templates: &Templates) -> Vec<TemplateError> {
    let mut errors = Vec::new();
    for digest in [digest(), minimal_digest(), hostile_digest()] {
        check_sample(templates, &digest, &mut errors);
    }
    for name in ["Example Lab", HOSTILE] {
        let (mut confirmation, mut already) = (confirmation(), already_subscribed());
        confirmation.masthead.name = name.to_owned();
        already.masthead.name = name.to_owned();
        check_sample(templates, &confirmation, &mut errors);
        check_sample(templates, &already, &mut errors);
    }
    for text in ["A loader that hides in fonts", HOSTILE] {
        for event in events(text) {
            check_sample(templates, &alert(event), &mut errors);
        }
    }
    for about in SubscriberMail::ALL {
        check_sample(templates, &reader_link(*about), &mut errors);
    }
    errors
}

/// Renders one sample and checks subject, escaping and links.
fn check_sample<T: EmailTemplate>(
    templates: &Templates,
    mail: &T,
    errors: &mut Vec<TemplateError>,
) {
    let mut add = |error: TemplateError| {
        if !errors.contains(&error) {
            errors.push(error);
        }
    };
    let rendered = match templates.render(mail) {
        Ok(rendered) => rendered,
        Err(error) => return add(error),
    };
    let mut report = |part: &str, message: String| {
        add(TemplateError {
            file: templates.display_path(&format!("{}/{part}", T::NAME)),
            line: None,
            message,
        });
    };
    if rendered.subject.is_empty() {
        report("subject.txt", "the subject is empty".to_owned());
    }
    if rendered.html.contains("<script>") {
        report(
            "body.html",
            "a value is not escaped; remove its `safe` filter".to_owned(),
        );
    }
    for link in mail.required_links() {
        if !rendered.text.split_whitespace().any(|word| word == link) {
            report(
                "body.txt",
                format!("the link {link} is missing or not followed by white space"),
            );
        }
        if !rendered.html.contains(&link.replace('&', "&amp;")) {
            report("body.html", format!("the link {link} is missing"));
        }
    }
}

pub(super) fn newsletter() -> NewsletterContext {
    NewsletterContext {
        name: "Example Lab".to_owned(),
        tagline: Some("Notes on systems that stay up".to_owned()),
        language: "en".to_owned(),
        direction: Direction::Ltr,
        site: "example.com".to_owned(),
        postal_address: Some("1 Example Street, Exampleton".to_owned()),
        weekly: true,
        accent: Accent::default().into(),
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("the samples are valid URLs")
}

fn post(number: u32, title: &str) -> DigestPost {
    DigestPost {
        title: title.to_owned(),
        url: url(&format!("https://example.com/posts/{number}?from=feed&n={number}")),
        excerpt: "The installer looked like any other. What it fetched next was hidden in the outlines of a typeface, one glyph at a time.".to_owned(),
        image: None,
        author: Some("Ada Example".to_owned()),
        minutes: Some(4),
    }
}

pub(super) fn digest() -> DigestMail {
    let mut first = post(1, "A loader that hides in fonts");
    first.image = Some(url("https://example.com/images/fonts.png"));
    let mut last = post(3, "What your router’s keys say about you");
    last.author = None;
    DigestMail {
        masthead: newsletter(),
        number: 42,
        day: Day {
            year: 2026,
            month: 11,
            day: 20,
        },
        subject: None,
        preheader: None,
        note_html: Some(
            "<p>We are at <a href=\"https://example.com/conf\">ExampleConf</a> next week.</p>"
                .to_owned(),
        ),
        note_text: Some("We are at ExampleConf next week: https://example.com/conf".to_owned()),
        posts: vec![first, post(2, "Spam in the third quarter"), last],
        more: 6,
        blog_url: url("https://example.com/blog"),
        unsubscribe_url: format!("https://n.example.com/unsubscribe/{}", "U".repeat(48)),
        preferences_url: format!("https://n.example.com/preferences/{}", "P".repeat(48)),
        web_url: "https://n.example.com/issues/42".to_owned(),
    }
}

/// A digest without optional values.
fn minimal_digest() -> DigestMail {
    let mut digest = digest();
    digest.masthead.tagline = None;
    digest.masthead.weekly = false;
    digest.masthead.postal_address = None;
    digest.note_html = None;
    digest.note_text = None;
    digest.more = 0;
    digest.posts.truncate(1);
    for post in &mut digest.posts {
        post.excerpt = String::new();
        post.image = None;
        post.author = None;
        post.minutes = None;
    }
    digest
}

pub(super) fn hostile_digest() -> DigestMail {
    let mut digest = digest();
    digest.masthead.name = HOSTILE.to_owned();
    digest.masthead.direction = Direction::Rtl;
    digest.posts = (1..=14).map(|number| post(number, HOSTILE)).collect();
    for post in &mut digest.posts {
        post.excerpt = HOSTILE.to_owned();
        post.author = Some(HOSTILE.to_owned());
    }
    digest
}

pub(super) fn confirmation() -> ConfirmationMail {
    ConfirmationMail {
        masthead: newsletter(),
        confirm_url: format!("https://n.example.com/confirm/{}", "C".repeat(60)),
        days: 7,
    }
}

pub(super) fn already_subscribed() -> AlreadySubscribedMail {
    AlreadySubscribedMail {
        masthead: newsletter(),
        issues_url: "https://n.example.com/issues".to_owned(),
        preferences_url: format!("https://n.example.com/preferences/{}", "P".repeat(48)),
        unsubscribe_url: format!("https://n.example.com/unsubscribe/{}", "U".repeat(48)),
    }
}

pub(super) fn alert(event: AlertEvent) -> AlertMail {
    AlertMail {
        masthead: newsletter(),
        at: event
            .at()
            .map(|at| Moment::new(at, &TimeZone::fixed(jiff::tz::offset(1)))),
        desk_url: format!("https://n.example.com/{}", event.admin_path()),
        event,
    }
}

/// Returns one event of each kind.
pub(super) fn events(text: &str) -> Vec<AlertEvent> {
    // Friday 27 November 2026, 10:00 in Berlin.
    let at = 1_795_770_000_000;
    let counts = AlertCounts {
        recipients: 1284,
        delivered: 1270,
        to_go: 0,
        bounced: 9,
        skipped: 3,
        in_doubt: 2,
    };
    let ended = |cancelled| AlertEvent::IssueEnded {
        number: 43,
        subject: text.to_owned(),
        cancelled,
        counts,
    };
    let failed = |number| AlertEvent::FeedsFailed {
        slot: "2026-W48".to_owned(),
        feeds: vec![FailedFeed {
            url: "https://example.com/feed.xml".to_owned(),
            says: text.to_owned(),
        }],
        number,
    };
    vec![
        AlertEvent::SendingTried,
        AlertEvent::DraftReady {
            at,
            subject: text.to_owned(),
            titles: vec![text.to_owned(), "Spam in the third quarter".to_owned()],
            readers: 1284,
        },
        ended(false),
        ended(true),
        AlertEvent::IssuePaused {
            number: 43,
            subject: text.to_owned(),
            says: "550 5.7.26 This mail has been blocked: the sender is unauthenticated".to_owned(),
            counts,
        },
        AlertEvent::SlotMissed {
            at,
            slot: "2026-W48".to_owned(),
        },
        AlertEvent::IssueNotMade {
            slot: "2026-W48".to_owned(),
            says: text.to_owned(),
        },
        failed(Some(43)),
        failed(None),
    ]
}

pub(super) fn reader_link(about: SubscriberMail) -> ReaderLinkMail {
    let page = about.as_str();
    let token = "R".repeat(80);
    let link = format!("https://n.example.com/{page}/{token}");
    ReaderLinkMail {
        masthead: newsletter(),
        about: page,
        link: about.purpose().map(|_| link),
        minutes: 60,
    }
}

use crate::domain::missing_setting::MissingSetting;
use crate::web::admin::draft::post::{AddPostPage, EditPostPage, PostErrors, PostFields};
use crate::web::admin::draft::preview::PreviewOptions;
use crate::web::admin::draft::send::{ReviewPage, WeekIssue};
use crate::web::admin::draft::view::{
    ChosenPost, Conflict, DraftPage, DraftText, ExcludedPost, TestForm,
};
use crate::web::tests::samples::admin::layout;
use crate::web::tests::samples::{Album, FRIDAY, Fill, days_after};
use crate::web::upcoming::UpcomingSlot;

const ID: &str = "0190a0b0-0000-7000-8000-00000000000";
const TITLES: [&str; 3] = [
    "A loader that hides in plain fonts",
    "Spam and phishing in the third quarter",
    "What the firmware told us",
];

pub fn upcoming(is_skipped: bool) -> UpcomingSlot {
    UpcomingSlot {
        slot: "2026-W47".to_owned(),
        at: FRIDAY,
        is_this_week: !is_skipped,
        is_skipped,
    }
}

fn blockers(fill: Fill) -> Vec<MissingSetting> {
    let links = MissingSetting::LoopbackLinks {
        public_url: "http://127.0.0.1:8080".to_owned(),
        smtp_host: "smtp.example.com".to_owned(),
    };
    match fill {
        Fill::Empty => vec![MissingSetting::Name],
        _ => vec![MissingSetting::From, MissingSetting::PostalAddress, links],
    }
}

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    draft(album, fill);
    post(album, fill);
    review(album, fill);
}

fn draft(album: &mut Album<'_>, fill: Fill) {
    let page = page(fill);
    let faulty = DraftText {
        subject_error: fill.maybe("201 characters are too many; at most 200 fit"),
        preheader_error: fill.maybe("201 characters are too many; at most 200 fit"),
        note_error: fill.maybe("with this note the mail has 80 KB; 60 are the most"),
        ..page.text_fields.clone()
    };
    let test = TestForm {
        address: fill.needed("nobody"),
        error: fill.maybe("Enter an email address like name@example.com"),
    };
    let states = [
        ("", page.clone()),
        (
            "-faulty",
            DraftPage {
                text_fields: faulty,
                preview: PreviewOptions::parse("text", "phone", "dark"),
                upcoming: fill.some(upcoming(true)),
                ..page.clone()
            },
        ),
        (
            "-test",
            DraftPage {
                test,
                ..page.clone()
            },
        ),
        (
            "-test-blocked",
            DraftPage {
                test_blockers: blockers(fill),
                ..page.clone()
            },
        ),
        (
            "-too-few",
            DraftPage {
                is_enough: false,
                min_posts: 5,
                ..page.clone()
            },
        ),
    ];
    for (name, page) in states {
        album.add(&format!("next{name}"), page);
    }
    let theirs = Conflict {
        sent_number: None,
        subject: Some(fill.text("Their subject")),
        preheader: Some(fill.text("Their preheader")),
        note: Some(fill.text("Their *note*")),
    };
    let gone = Conflict {
        sent_number: Some(42),
        ..Conflict::default()
    };
    for (name, conflict) in [
        ("words", theirs),
        ("order", Conflict::default()),
        ("gone", gone),
    ] {
        let page = DraftPage {
            conflict: Some(conflict),
            ..page.clone()
        };
        album.add(&format!("next-conflict-{name}"), page);
    }
}

fn page(fill: Fill) -> DraftPage {
    let chosen = |(at, title): (usize, &&str)| ChosenPost {
        id: format!("{ID}{at}"),
        title: fill.needed(title),
        url: "https://example.com/p".to_owned(),
        excerpt: fill.text("The installer looked like any other."),
        published_at: days_after(FRIDAY, -5),
        reason: fill.text("hot: 31 comments, 2 days old"),
        is_pinned: at == 0,
        is_edited: at == 1,
        can_move_up: at > 1,
        can_move_down: at == 1,
    };
    let out = |at: usize, title: &str, why: &str| ExcludedPost {
        id: format!("{ID}{at}"),
        title: fill.needed(title),
        reason: fill.text(why),
        is_hidden: at == 8,
    };
    DraftPage {
        layout: layout(fill),
        number: 43,
        version: 7,
        subject: fill.needed("A loader in fonts, spam in Q3, router keys"),
        subject_length: 41,
        preheader: fill.text("A loader in fonts · Spam in Q3"),
        text_fields: DraftText {
            subject: fill.text("A loader in fonts, spam in Q3, router keys"),
            preheader: fill.text("And what the firmware told us"),
            note: fill.text("We are at *ExampleConf* next week."),
            ..DraftText::default()
        },
        conflict: None,
        upcoming: fill.some(upcoming(false)),
        goes_at: fill.some(FRIDAY),
        subscribers: 1284,
        posts: fill.list(TITLES.iter().enumerate().map(chosen).collect()),
        excluded: fill.list(vec![
            out(8, "A note on an old tool", "hidden by you"),
            out(9, "Sixteen more routers", "no room; offered again"),
        ]),
        has_custom_order: fill != Fill::Empty,
        is_enough: fill != Fill::Empty,
        min_posts: 1,
        preview: PreviewOptions::default(),
        plain_text: fill.text("EXAMPLE LAB, weekly\n\n1. A loader\nhttps://example.com/p\n"),
        kilobytes: 14,
        test: TestForm {
            address: fill.needed("editor@example.com"),
            error: None,
        },
        test_blockers: Vec::new(),
    }
}

fn post(album: &mut Album<'_>, fill: Fill) {
    for (name, is_conflict, is_faulty) in [
        ("", false, false),
        ("-faulty", false, true),
        ("-conflict", true, false),
    ] {
        let fault = |says: &str| fill.maybe(says).filter(|_| is_faulty);
        let faults = PostErrors {
            title: fault("enter a title"),
            url: fault("enter an address like https://example.com/post"),
            excerpt: fault("1501 characters are too many; at most 1500 are allowed"),
        };
        let page = EditPostPage {
            layout: layout(fill),
            number: 43,
            id: format!("{ID}1"),
            version: 7,
            url: "https://example.com/p".to_owned(),
            title: fill.text("A loader that hides"),
            excerpt: fill.text("The installer looked like any other."),
            feed_title: fill.maybe("A loader that hides in plain fonts"),
            feed_excerpt: fill.maybe("It looked like any other."),
            is_edited: fill != Fill::Empty,
            is_conflict,
            errors: faults.clone(),
        };
        let new = AddPostPage {
            layout: layout(fill),
            number: 43,
            post: PostFields {
                title: fill.text("A guest's post"),
                url: fill.text("https://example.net/guest"),
                excerpt: fill.text("Worth reading."),
                errors: faults,
            },
        };
        album.add(&format!("post{name}"), page);
        album.add(&format!("add-post{name}"), new);
    }
}

fn review(album: &mut Album<'_>, fill: Fill) {
    for blocked in [false, true] {
        let send = ReviewPage {
            layout: layout(fill),
            number: 43,
            subject: fill.needed("A loader in fonts, spam in Q3, router keys"),
            preheader: fill.text("A loader in fonts · Spam in Q3"),
            from: fill.needed("Example Lab <news@example.com>"),
            subscribers: 1284,
            has_note: fill != Fill::Empty,
            titles: fill.list(TITLES.iter().map(|title| fill.text(title)).collect()),
            blockers: if blocked { blockers(fill) } else { Vec::new() },
            to_outbox: fill != Fill::Empty,
            upcoming: fill.some(upcoming(fill == Fill::Hostile)),
            week_issue: None,
            reviewed: fill.needed("h4sh"),
        };
        if !blocked {
            for state in ["sent", "cancelled", "sending"] {
                let used = Some(WeekIssue { number: 42, state });
                let send = ReviewPage {
                    week_issue: used,
                    ..send.clone()
                };
                album.add(&format!("send-used-{state}"), send);
            }
        }
        album.add(&format!("send-{blocked}"), send);
    }
}

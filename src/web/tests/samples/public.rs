use crate::domain::delivery::ReaderMail;
use crate::web::public::views::*;
use crate::web::tests::samples::{Album, FRIDAY, Fill, days_after};

fn form(fill: Fill, fault: Option<SignupError>) -> SignupForm {
    let email = if fault.is_some() {
        fill.text("ada@example")
    } else {
        String::new()
    };
    let name = if fault.is_some() {
        fill.text("Ada Lovelace")
    } else {
        String::new()
    };
    SignupForm {
        stamp: fill.needed("AbCd_123"),
        email,
        name,
        fault,
        suggestion: None,
    }
}

pub fn posts(fill: Fill) -> Vec<PostLine> {
    let post = |title: &str, excerpt: &str| PostLine {
        title: fill.needed(title),
        url: "https://example.com/p?a=1&b=2".to_owned(),
        excerpt: fill.text(excerpt),
        author: fill.maybe("Mira Holm"),
        minutes: fill.some(4),
    };
    fill.list(vec![
        post("A loader that hides in plain fonts", "The group moved its second stage into a font table. We show how it is unpacked, and what to look for."),
        post("Spam and phishing in the third quarter", "Fewer attachments, more calendar invites. The figures, by country and by week."),
        post("What the firmware told us", "Eleven routers, one shared key. A short story about a long supply chain."),
    ])
}

fn link(fill: Fill, number: i64) -> IssueLink {
    let title = fill.needed("A loader in fonts, spam in Q3, router keys");
    IssueLink {
        number,
        title,
        sent_at: days_after(FRIDAY, 7 * (number - 42)),
    }
}

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    home(album, fill);
    doors(album, fill);
    links(album, fill);
    fresh_links(album, fill);
    archive(album, fill);
    album.add("embed", Embed {});
    album.add(
        "privacy",
        Privacy {
            contact: fill.maybe("editor@example.com"),
            counts_clicks: fill == Fill::Full,
        },
    );
    for status in [400, 403, 404, 405, 408, 413, 415, 422, 429, 500, 503] {
        album.add(
            &format!("error-{status}"),
            ErrorPage {
                status,
                at_desk: status == 403,
            },
        );
    }
}

fn home(album: &mut Album<'_>, fill: Fill) {
    let page = |form| Home {
        form,
        latest: fill.some(link(fill, 42)),
        posts: posts(fill),
        first_issue_at: None,
        now: FRIDAY,
    };
    album.add("home", page(form(fill, None)));
    for fault in [
        SignupError::Address,
        SignupError::AddressNotAscii,
        SignupError::NameTooLong,
        SignupError::NameControl,
        SignupError::TooMany,
    ] {
        album.add(&format!("home-{fault:?}"), page(form(fill, Some(fault))));
    }
    let typo = SignupForm {
        email: fill.text("ada@gmial.com"),
        suggestion: Some(fill.text("ada@gmail.com")),
        ..form(fill, None)
    };
    album.add(
        "home-typo",
        page(SignupForm {
            name: fill.text("Ada"),
            ..typo
        }),
    );
    album.add(
        "home-posts",
        Home {
            latest: None,
            ..page(form(fill, None))
        },
    );
    let first_issue_at = fill.some(days_after(FRIDAY, 7));
    album.add(
        "home-first",
        Home {
            form: form(fill, None),
            latest: None,
            posts: Vec::new(),
            first_issue_at,
            now: FRIDAY,
        },
    );
}

fn doors(album: &mut Album<'_>, fill: Fill) {
    album.add(
        "check",
        Check {
            address: fill.maybe("ada@example.com"),
            stamp: fill.needed("AbCd_123"),
        },
    );
    album.add(
        "check-general",
        Check {
            address: None,
            stamp: String::new(),
        },
    );
    let (stamp, email, name) = (
        fill.needed("AbCd_123"),
        fill.needed("ada@example.com"),
        fill.text("Ada"),
    );
    album.add(
        "one-more-step",
        ConfirmHuman {
            stamp,
            email,
            name,
            keep: fill == Fill::Full,
        },
    );
}

fn links(album: &mut Album<'_>, fill: Fill) {
    let (token, address) = ("T0ken".to_owned(), fill.needed("ada@example.com"));
    let next_issue_at = fill.some(days_after(FRIDAY, 7));
    album.add(
        "confirm",
        Confirm {
            token: token.clone(),
            address: address.clone(),
        },
    );
    for (already, only_looked) in [(false, false), (true, false), (true, true)] {
        let latest = fill.some(link(fill, 42));
        album.add(
            &format!("confirmed-{already}-{only_looked}"),
            Confirmed {
                already,
                only_looked,
                next_issue_at,
                latest,
            },
        );
    }
    for link in [
        Link::Confirm,
        Link::Unsubscribe,
        Link::Preferences,
        Link::Fresh,
    ] {
        album.add(
            &format!("link-gone-{link:?}"),
            InvalidLink {
                link,
                form: form(fill, None),
            },
        );
    }
    let preferences_token = fill.some("Pr3f".to_owned());
    album.add(
        "unsubscribe",
        Unsubscribe {
            token: token.clone(),
            address: address.clone(),
            preferences_token: preferences_token.clone(),
        },
    );
    album.add("unsubscribed", Unsubscribed { preferences_token });
    let page = Preferences {
        token,
        address,
        reading: Reading::On,
        paused_until: None,
        next_issue_at,
        saved: true,
        asked: None,
    };
    album.add("preferences", page.clone());
    album.add(
        "preferences-asked",
        Preferences {
            saved: false,
            asked: Some(ReaderMail::Export.as_str()),
            ..page.clone()
        },
    );
    album.add(
        "preferences-paused",
        Preferences {
            paused_until: next_issue_at,
            saved: false,
            ..page.clone()
        },
    );
    for reading in [Reading::Left, Reading::Bounced] {
        let page = Preferences {
            reading,
            ..page.clone()
        };
        album.add(&format!("preferences-{reading:?}"), page);
    }
}

fn fresh_links(album: &mut Album<'_>, fill: Fill) {
    let (token, address) = ("T0ken".to_owned(), fill.needed("ada@example.com"));
    let faults = [SignupError::Address, SignupError::AddressNotAscii];
    for fault in [None, Some(faults[0]), Some(faults[1])] {
        for asked in [false, true] {
            let page = ChangeAddress {
                token: token.clone(),
                address: address.clone(),
                email: fill.text("ada@new.example"),
                fault,
                asked: asked && fault.is_none(),
            };
            album.add(&format!("change-address-{fault:?}-{asked}"), page);
        }
    }
    let of = || (token.clone(), address.clone());
    let (token, address) = of();
    album.add("new-address", NewAddress { token, address });
    let (token, address) = of();
    album.add("export", Export { token, address });
    let (token, address) = of();
    album.add("erase", Erase { token, address });
    album.add("erased", Erased {});
}

fn archive(album: &mut Album<'_>, fill: Fill) {
    let year = |year, numbers: std::ops::Range<i64>| ArchiveYear {
        year,
        issues: numbers.rev().map(|number| link(fill, number)).collect(),
    };
    let years = fill.list(vec![year(2026, 36..43), year(2025, 1..3)]);
    album.add(
        "issues",
        Issues {
            years,
            next_issue_at: fill.some(FRIDAY),
            form: form(fill, None),
        },
    );
    let issue = Issue {
        number: 42,
        title: fill.needed("A loader in fonts, spam in Q3, router keys"),
        sent_at: FRIDAY,
        note: fill.maybe("Hello *you*,\n\n- a  \nb\n\n---"),
        posts: posts(fill),
        previous: fill.some(link(fill, 41)),
        next: fill.some(link(fill, 43)),
        form: form(fill, None),
    };
    album.add("issue", issue);
    let entry = |number| FeedEntry {
        number,
        title: fill.needed("A & B"),
        sent_at: FRIDAY,
        note: fill.maybe("Hello *you*,\n\n- a  \nb\n\n---"),
        posts: posts(fill),
    };
    album.add(
        "issues-feed",
        IssuesFeed {
            updated_at: FRIDAY,
            entries: fill.list(vec![entry(42), entry(41)]),
        },
    );
}

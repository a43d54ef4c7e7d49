//! Samples of the public pages.

use crate::domain::delivery::SubscriberMail;
use crate::web::middleware::error_pages::ErrorPage;
use crate::web::public::views::*;
use crate::web::tests::samples::{Album, FRIDAY, Fill, days_after};

fn form(fill: Fill, error: Option<SignupError>) -> SignupForm {
    let email = if error.is_some() {
        fill.text("ada@example")
    } else {
        String::new()
    };
    let name = if error.is_some() {
        fill.text("Ada Lovelace")
    } else {
        String::new()
    };
    SignupForm {
        stamp: fill.needed("AbCd_123"),
        email,
        name,
        error,
        suggestion: None,
        unknown_ending: None,
    }
}

/// Returns three posts.
pub fn posts(fill: Fill) -> Vec<PostItem> {
    let post = |title: &str, excerpt: &str| PostItem {
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

/// Adds each public page in each state.
pub fn fill(album: &mut Album<'_>, fill: Fill) {
    home(album, fill);
    signup_steps(album, fill);
    private_links(album, fill);
    email_links(album, fill);
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
                is_admin: status == 403,
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
    for error in [
        SignupError::Address,
        SignupError::AddressNotAscii,
        SignupError::NameTooLong,
        SignupError::NameControl,
        SignupError::TooMany,
    ] {
        album.add(&format!("home-{error:?}"), page(form(fill, Some(error))));
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
    let unknown = SignupForm {
        email: fill.text("ada@example.qqq"),
        unknown_ending: Some(fill.text("qqq")),
        ..form(fill, None)
    };
    album.add("home-tld", page(unknown));
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

fn signup_steps(album: &mut Album<'_>, fill: Fill) {
    album.add(
        "check",
        Check {
            address: fill.maybe("ada@example.com"),
            stamp: fill.needed("AbCd_123"),
            can_resend: true,
            is_last: false,
            sent: 1,
        },
    );
    album.add(
        "check-general",
        Check {
            address: None,
            stamp: String::new(),
            can_resend: false,
            is_last: false,
            sent: 0,
        },
    );
    let (stamp, email, name) = (
        fill.needed("AbCd_123"),
        fill.needed("ada@example.com"),
        fill.text("Ada"),
    );
    album.add(
        "confirm-human",
        ConfirmHuman {
            stamp,
            email,
            name,
            keep: fill == Fill::Full,
        },
    );
}

fn private_links(album: &mut Album<'_>, fill: Fill) {
    let (token, address) = ("T0ken".to_owned(), fill.needed("ada@example.com"));
    let next_issue_at = fill.some(days_after(FRIDAY, 7));
    album.add(
        "confirm",
        Confirm {
            token: token.clone(),
            address: address.clone(),
        },
    );
    for (already, is_get) in [(false, false), (true, false), (true, true)] {
        let latest = fill.some(link(fill, 42));
        album.add(
            &format!("confirmed-{already}-{is_get}"),
            Confirmed {
                already,
                is_get,
                next_issue_at,
                latest,
            },
        );
    }
    for link in [
        LinkKind::Confirm,
        LinkKind::Unsubscribe,
        LinkKind::Preferences,
        LinkKind::Requested,
    ] {
        album.add(
            &format!("invalid-link-{link:?}"),
            InvalidLink {
                link,
                form: form(fill, None),
            },
        );
    }
    for link in [
        TestCopyLink::Issue,
        TestCopyLink::Unsubscribe,
        TestCopyLink::Preferences,
    ] {
        album.add(&format!("test-copy-{link:?}"), TestCopy { link });
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
        status: SubscriptionStatus::Active,
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
            asked: Some(SubscriberMail::Export.as_str()),
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
    for status in [
        SubscriptionStatus::Unsubscribed,
        SubscriptionStatus::Bounced,
    ] {
        let page = Preferences {
            status,
            ..page.clone()
        };
        album.add(&format!("preferences-{status:?}"), page);
    }
}

fn email_links(album: &mut Album<'_>, fill: Fill) {
    let (token, address) = ("T0ken".to_owned(), fill.needed("ada@example.com"));
    let errors = [SignupError::Address, SignupError::AddressNotAscii];
    for error in [None, Some(errors[0]), Some(errors[1])] {
        for asked in [false, true] {
            let page = ChangeAddress {
                token: token.clone(),
                address: address.clone(),
                email: fill.text("ada@new.example"),
                error,
                asked: asked && error.is_none(),
            };
            album.add(&format!("change-address-{error:?}-{asked}"), page);
        }
    }
    let fields = || (token.clone(), address.clone());
    let (token, address) = fields();
    album.add("new-address", NewAddress { token, address });
    let (token, address) = fields();
    album.add("export", Export { token, address });
    let (token, address) = fields();
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

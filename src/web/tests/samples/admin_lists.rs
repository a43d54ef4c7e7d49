use crate::domain::delivery::DeliveryState;
use crate::domain::issue::IssueStatus;
use crate::web::admin::feeds::{AddFeed, FeedTableRow, FeedsPage};
use crate::web::admin::issues::view::{
    DeliveryTableRow, FailureGroup, IssuePage, IssuesPage, LookupResult, NextIssueRow, PostClicks,
    RecipientLookup, SkippedWeek,
};
use crate::web::admin::outbox::{MessagePart, OutboxListPage, OutboxMessagePage, OutboxRow};
use crate::web::tests::samples::admin::{issue_rows, layout, progress};
use crate::web::tests::samples::{Album, FRIDAY, Fill};

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    issues(album, fill);
    feeds(album, fill);
    outbox(album, fill);
}

fn issues(album: &mut Album<'_>, fill: Fill) {
    album.add(
        "admin-issues",
        IssuesPage {
            layout: layout(fill),
            next: fill.some(NextIssueRow {
                number: 43,
                goes_at: Some(FRIDAY),
            }),
            issues: issue_rows(fill),
            skipped: fill.list(vec![SkippedWeek {
                year: 2026,
                week: 46,
            }]),
            newer: true,
            older: fill.maybe("37"),
        },
    );
    for state in [
        IssueStatus::Sending,
        IssueStatus::Paused,
        IssueStatus::Sent,
        IssueStatus::SentWithFailures,
        IssueStatus::Cancelled,
    ] {
        let delivery = |(index, state): (usize, &DeliveryState)| {
            DeliveryTableRow {
            address: if index == 4 { None } else { fill.maybe("a.long.reader.name@mail.example.com") },
            state: state.as_str(),
            attempts: 2,
            at: FRIDAY,
            next_attempt_at: (*state == DeliveryState::Deferred).then_some(FRIDAY),
            reply: fill.maybe("550 5.1.1 <reader@example.com>: Recipient address rejected: User unknown in virtual mailbox table"),
        }
        };
        let page = IssuePage {
            layout: layout(fill),
            number: 42,
            subject: fill.needed("A loader in fonts, spam in Q3, router keys"),
            progress: progress(fill, state),
            started_at: FRIDAY,
            finished_at: (state == IssueStatus::Sent).then_some(FRIDAY),
            failures: fill.list(vec![FailureGroup {
                count: 9,
                reason: "mailbox_full",
                replies: fill.list(vec![fill.text("552 5.2.2 over quota")]),
            }]),
            unsubscribes: if fill == Fill::Empty { 0 } else { 4 },
            lookup: None,
            filter: (state == IssueStatus::Sent).then_some("deferred"),
            deliveries: fill.list(
                DeliveryState::ALL
                    .iter()
                    .enumerate()
                    .map(delivery)
                    .collect(),
            ),
            newer: state == IssueStatus::Sent,
            older: fill.maybe("0190&b"),
            clicks: (state == IssueStatus::Sent).then(|| {
                vec![PostClicks {
                    title: fill.text("A loader that hides"),
                    clicks: 1284,
                }]
            }),
        };
        album.add(&format!("admin-issue-{}", state.as_str()), page.clone());
        let came = match state {
            IssueStatus::Sending => LookupResult::Found,
            IssueStatus::Paused => LookupResult::NotRecipient,
            IssueStatus::Sent => LookupResult::Invalid,
            _ => LookupResult::Unknown,
        };
        let looked_up = IssuePage {
            lookup: Some(RecipientLookup {
                address: fill.text("ada@example.com"),
                result: came,
            }),
            deliveries: Vec::new(),
            ..page
        };
        album.add(&format!("admin-issue-{came:?}"), looked_up);
    }
}

fn feeds(album: &mut Album<'_>, fill: Fill) {
    let feed = |error: Option<String>, checked: bool, from_settings| FeedTableRow {
        id: "0190aaaa".to_owned(),
        url: "https://example.com/feed.xml?a=1&b=2".to_owned(),
        title: fill.maybe("Example Lab"),
        checked_at: checked.then_some(FRIDAY),
        last_good_at: checked.then_some(FRIDAY),
        error,
        posts: 42,
        from_settings,
    };
    let feeds = fill.list(vec![
        feed(None, true, true),
        feed(fill.maybe("404"), true, false),
        feed(None, false, false),
    ]);
    album.add(
        "feeds",
        FeedsPage {
            layout: layout(fill),
            feeds: feeds.clone(),
            add: AddFeed::default(),
        },
    );
    let add = AddFeed {
        url: fill.text("http://10.0.0.1/feed"),
        error: fill.maybe("10.0.0.1 is a private address"),
    };
    album.add(
        "feeds-fault",
        FeedsPage {
            layout: layout(fill),
            feeds,
            add,
        },
    );
}

fn outbox(album: &mut Album<'_>, fill: Fill) {
    let mail = OutboxRow {
        id: "1795168800000-0190".to_owned(),
        subject: fill.needed("Confirm your address"),
        to: fill.needed("ada@example.com"),
        at: FRIDAY,
    };
    album.add(
        "outbox",
        OutboxListPage {
            layout: layout(fill),
            is_smtp_configured: false,
            messages: fill.list(vec![mail.clone(), mail]),
            newer: true,
            older: fill.maybe("17"),
        },
    );
    let body = fill.text("From: Example Lab <news@example.com>\nTo: ada@example.com\n\nHello\n");
    for (name, shown) in [
        ("html", MessagePart::Html),
        ("text", MessagePart::Text { body: body.clone() }),
        ("source", MessagePart::Source { body }),
    ] {
        let page = OutboxMessagePage {
            layout: layout(fill),
            id: "1795168800000-0190".to_owned(),
            subject: fill.needed("Confirm your address"),
            from: fill.needed("Example Lab <news@example.com>"),
            to: fill.needed("ada@example.com"),
            at: FRIDAY,
            shown,
        };
        album.add(&format!("outbox-mail-{name}"), page);
    }
}

use super::{Album, FRIDAY, Fill, days_after};
use crate::domain::delivery::DeliveryState;
use crate::domain::issue::{IssueState, Tally};
use crate::domain::subscriber::SubscriberState;
use crate::web::admin::views::*;

fn desk(fill: Fill) -> Desk {
    let notice = fill.some(Notice::TestQueued);
    Desk {
        csrf: fill.text("c5rf"),
        account: fill.text("editor@example.com"),
        now: days_after(FRIDAY, -3),
        notice,
    }
}

fn tally(fill: Fill) -> TallyView {
    let tally = Tally {
        queued: 470,
        deferred: 2,
        delivered: 803,
        bounced: 7,
        skipped: 1,
        in_doubt: 1,
    };
    TallyView::from(&fill.some(tally).unwrap_or_default())
}

fn line(fill: Fill, number: i64, state: IssueState) -> IssueLine {
    let all = Tally {
        delivered: 1250,
        bounced: if number % 2 == 0 { 9 } else { 0 },
        ..Tally::default()
    };
    let tally = if state == IssueState::Sent {
        TallyView::from(&all)
    } else {
        tally(fill)
    };
    let begun_at = days_after(FRIDAY, 7 * (number - 43));
    IssueLine {
        number,
        title: fill.text("Six posts"),
        begun_at,
        state: state.as_str(),
        tally,
    }
}

fn lines(fill: Fill) -> Vec<IssueLine> {
    fill.list(vec![
        line(fill, 42, IssueState::Sending),
        line(fill, 41, IssueState::Sent),
        line(fill, 40, IssueState::Sent),
        line(fill, 39, IssueState::Cancelled),
        line(fill, 38, IssueState::Paused),
    ])
}

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    door(album, fill);
    overview(album, fill);
    draft(album, fill);
    issues(album, fill);
    readers(album, fill);
    feeds(album, fill);
    outbox(album, fill);
    for notice in Notice::ALL {
        let desk = Desk {
            notice: Some(*notice),
            ..desk(fill)
        };
        album.add(
            &format!("notice-{}", notice.as_str()),
            Settings {
                desk,
                sections: Vec::new(),
            },
        );
    }
}

fn door(album: &mut Album<'_>, fill: Fill) {
    for fault in [
        None,
        Some(LoginFault::Password),
        Some(LoginFault::TooMany),
        Some(LoginFault::Stale),
    ] {
        let login = Login {
            csrf: fill.text("c5rf"),
            email: fill.text("editor@example.com"),
            fault,
            no_admin: fill == Fill::Empty,
            next: fill.maybe("/admin/feeds"),
        };
        album.add(&format!("login-{fault:?}"), login);
    }
    for purpose in [
        SetupPurpose::Create,
        SetupPurpose::Reset,
        SetupPurpose::Gone,
    ] {
        for fault in [
            None,
            Some(SetupFault::Address),
            Some(SetupFault::Short),
            Some(SetupFault::Long),
            Some(SetupFault::Different),
        ] {
            let setup = Setup {
                token: fill.text("0nce"),
                purpose,
                email: fill.text("editor@example.com"),
                fixed_email: purpose == SetupPurpose::Reset,
                minimum: 12,
                fault,
            };
            album.add(&format!("setup-{purpose:?}-{fault:?}"), setup);
        }
    }
}

fn overview(album: &mut Album<'_>, fill: Fill) {
    for state in [IssueState::Sending, IssueState::Paused] {
        let done = fill == Fill::Full;
        let page = Overview {
            desk: desk(fill),
            checklist: (state == IssueState::Paused || fill == Fill::Empty).then_some(Checklist {
                feed: done,
                sending: done,
                test: false,
                form: done,
            }),
            sending: fill.some(SendingNow {
                number: 42,
                state: state.as_str(),
                tally: tally(fill),
            }),
            next: NextIssue {
                number: 43,
                goes_at: fill.some(FRIDAY),
                posts: if fill == Fill::Empty { 0 } else { 5 },
                readers: 1284,
            },
            figures: Figures {
                subscribers: if fill == Fill::Empty { 0 } else { 1284 },
                new_this_week: if fill == Fill::Empty { 0 } else { 31 },
                left_this_week: 4,
                delivered_per_mille: fill.some(992),
            },
            recent: lines(fill),
        };
        album.add(&format!("overview-{}", state.as_str()), page);
    }
}

fn draft(album: &mut Album<'_>, fill: Fill) {
    let titles = [
        "A loader that hides in plain fonts",
        "Spam and phishing in the third quarter",
        "What the firmware told us",
    ];
    let post = |title: &&str| ChosenPost {
        title: fill.text(title),
        url: "https://example.com/p".to_owned(),
        published_at: days_after(FRIDAY, -5),
        why: fill.text("new this week"),
    };
    let out = |title: &str, why: &str| LeftOut {
        title: fill.text(title),
        why: fill.text(why),
    };
    let page = Next {
        desk: desk(fill),
        number: 43,
        subject: fill.text("A loader in fonts, spam in Q3, router keys"),
        goes_at: fill.some(FRIDAY),
        readers: 1284,
        posts: fill.list(titles.iter().map(post).collect()),
        left_out: fill.list(vec![
            out("A note on an old tool", "older than 14 days"),
            out("Sixteen more routers", "no room; offered again"),
        ]),
        preview: Shown::Html,
        bytes: fill.some(14_200),
        test: TestForm {
            address: fill.text("editor@example.com"),
            fault: None,
        },
    };
    album.add("next", page.clone());
    let test = TestForm {
        address: fill.text("nobody"),
        fault: fill.maybe("Enter an e-mail address like name@example.com"),
    };
    let body = fill.text(
        "EXAMPLE LAB, weekly\n\n1. A loader that hides in plain fonts\nhttps://example.com/p\n",
    );
    album.add(
        "next-text",
        Next {
            preview: Shown::Text { body },
            test,
            ..page
        },
    );
    for blocked in [false, true] {
        let send = Send {
            desk: desk(fill),
            number: 43,
            subject: fill.text("A loader in fonts, spam in Q3, router keys"),
            from: fill.text("Example Lab <news@example.com>"),
            readers: 1284,
            titles: fill.list(titles.iter().map(|title| fill.text(title)).collect()),
            blockers: if blocked {
                vec![fill.text("newsletter.postal_address is not set")]
            } else {
                Vec::new()
            },
            to_outbox: fill != Fill::Empty,
            reviewed: fill.text("h4sh"),
        };
        album.add(&format!("send-{blocked}"), send);
    }
}

fn issues(album: &mut Album<'_>, fill: Fill) {
    album.add(
        "desk-issues",
        Issues {
            desk: desk(fill),
            issues: lines(fill),
            newer: true,
            older: fill.maybe("37"),
        },
    );
    for state in [
        IssueState::Sending,
        IssueState::Paused,
        IssueState::Sent,
        IssueState::Cancelled,
    ] {
        let delivery = |(index, state): (usize, &DeliveryState)| {
            DeliveryLine {
            address: if index == 4 { None } else { fill.maybe("a.long.reader.name@mail.example.com") },
            state: state.as_str(),
            attempts: 2,
            at: FRIDAY,
            next_at: (*state == DeliveryState::Deferred).then_some(FRIDAY),
            reply: fill.maybe("550 5.1.1 <reader@example.com>: Recipient address rejected: User unknown in virtual mailbox table"),
        }
        };
        let page = Issue {
            desk: desk(fill),
            number: 42,
            subject: fill.text("A loader in fonts, spam in Q3, router keys"),
            state: state.as_str(),
            begun_at: FRIDAY,
            finished_at: (state == IssueState::Sent).then_some(FRIDAY),
            says: (state == IssueState::Paused)
                .then(|| fill.text("550 5.7.26 unauthenticated mail is prohibited")),
            tally: tally(fill),
            filter: (state == IssueState::Sent).then_some("deferred"),
            deliveries: fill.list(
                DeliveryState::ALL
                    .iter()
                    .enumerate()
                    .map(delivery)
                    .collect(),
            ),
            newer: state == IssueState::Sent,
            older: fill.maybe("0190&b"),
        };
        album.add(&format!("desk-issue-{}", state.as_str()), page);
    }
}

fn readers(album: &mut Album<'_>, fill: Fill) {
    let row = |state: &SubscriberState| SubscriberLine {
        address: fill.text("ada.lovelace@example.com"),
        name: fill.maybe("Ada Lovelace"),
        state: state.as_str(),
        since: days_after(FRIDAY, -17),
        paused_until: (*state == SubscriberState::Confirmed).then_some(FRIDAY),
        source: fill.text("form"),
    };
    let all = if fill == Fill::Empty { 0 } else { 1409 };
    let page = Subscribers {
        desk: desk(fill),
        counts: SubscriberCounts {
            all,
            pending: 17,
            confirmed: 1284,
            unsubscribed: 96,
            suppressed: 12,
        },
        query: String::new(),
        state: None,
        rows: fill.list(SubscriberState::ALL.iter().map(row).collect()),
        newer: false,
        older: fill.maybe("0190a"),
        add: AddSubscriber::default(),
    };
    album.add("subscribers", page.clone());
    let add = AddSubscriber {
        address: fill.text("x"),
        source: fill.text("meeting"),
        fault: fill.maybe("Enter an e-mail address like name@example.com"),
    };
    album.add(
        "subscribers-found",
        Subscribers {
            query: fill.text("ada"),
            state: Some("confirmed"),
            newer: true,
            add,
            ..page.clone()
        },
    );
    album.add(
        "subscribers-nobody",
        Subscribers {
            query: fill.text("zoe"),
            rows: Vec::new(),
            ..page
        },
    );
}

fn feeds(album: &mut Album<'_>, fill: Fill) {
    let feed = |error: Option<String>, checked: bool, from_settings| FeedLine {
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
        Feeds {
            desk: desk(fill),
            feeds: feeds.clone(),
            add: AddFeed::default(),
        },
    );
    let add = AddFeed {
        url: fill.text("http://10.0.0.1/feed"),
        fault: fill.maybe("10.0.0.1 is a private address"),
    };
    album.add(
        "feeds-fault",
        Feeds {
            desk: desk(fill),
            feeds,
            add,
        },
    );
}

fn outbox(album: &mut Album<'_>, fill: Fill) {
    let mail = OutboxLine {
        id: "1795168800000-0190".to_owned(),
        subject: fill.text("Confirm your address"),
        to: fill.text("ada@example.com"),
        at: FRIDAY,
    };
    album.add(
        "outbox",
        Outbox {
            desk: desk(fill),
            smtp_set: false,
            mails: fill.list(vec![mail.clone(), mail]),
            newer: true,
            older: fill.maybe("17"),
        },
    );
    let body = fill.text("From: Example Lab <news@example.com>\nTo: ada@example.com\n\nHello\n");
    for (name, shown) in [
        ("html", Shown::Html),
        ("text", Shown::Text { body: body.clone() }),
        ("source", Shown::Source { body }),
    ] {
        let page = OutboxMail {
            desk: desk(fill),
            id: "1795168800000-0190".to_owned(),
            subject: fill.text("Confirm your address"),
            from: fill.text("Example Lab <news@example.com>"),
            to: fill.text("ada@example.com"),
            at: FRIDAY,
            shown,
        };
        album.add(&format!("outbox-mail-{name}"), page);
    }
    let setting = |key: &str, value: &str, origin: &str| Setting {
        key: key.to_owned(),
        value: fill.maybe(value),
        origin: origin.to_owned(),
    };
    let section = |name: &str| SettingSection {
        name: name.to_owned(),
        settings: vec![
            setting("listen", "127.0.0.1:8080", "default"),
            setting("public_url", "https://news.example.com/weekly", "file"),
        ],
    };
    album.add(
        "settings",
        Settings {
            desk: desk(fill),
            sections: vec![section("server"), section("newsletter")],
        },
    );
}

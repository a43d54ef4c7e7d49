use super::{Album, FRIDAY, Fill, days_after, desk_settings};
use crate::domain::issue::{IssueState, Tally};
use crate::web::admin::views::*;

pub fn desk(fill: Fill) -> Desk {
    let notice = fill.some(Notice::TestQueued);
    Desk {
        csrf: fill.needed("c5rf"),
        account: fill.needed("editor@example.com"),
        now: days_after(FRIDAY, -3),
        notice,
    }
}

pub fn tally(fill: Fill) -> TallyView {
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
        title: fill.needed("Six posts"),
        begun_at,
        state: state.as_str(),
        tally,
    }
}

pub fn lines(fill: Fill) -> Vec<IssueLine> {
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
    for notice in Notice::ALL {
        let desk = Desk {
            notice: Some(*notice),
            ..desk(fill)
        };
        album.add(
            &format!("notice-{}", notice.as_str()),
            desk_settings::page(desk, "limits", fill),
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
            csrf: fill.needed("c5rf"),
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
                token: fill.needed("0nce"),
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
                missing: fill.list(vec![fill.text("newsletter.from: needed before a send")]),
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
        title: fill.needed(title),
        url: "https://example.com/p".to_owned(),
        published_at: days_after(FRIDAY, -5),
        why: fill.text("new this week"),
    };
    let out = |title: &str, why: &str| LeftOut {
        title: fill.needed(title),
        why: fill.text(why),
    };
    let page = Next {
        desk: desk(fill),
        number: 43,
        subject: fill.needed("A loader in fonts, spam in Q3, router keys"),
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
            address: fill.needed("editor@example.com"),
            fault: None,
        },
    };
    album.add("next", page.clone());
    let test = TestForm {
        address: fill.needed("nobody"),
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
            subject: fill.needed("A loader in fonts, spam in Q3, router keys"),
            from: fill.needed("Example Lab <news@example.com>"),
            readers: 1284,
            titles: fill.list(titles.iter().map(|title| fill.text(title)).collect()),
            blockers: if blocked {
                vec![fill.text("newsletter.postal_address is not set")]
            } else {
                Vec::new()
            },
            to_outbox: fill != Fill::Empty,
            reviewed: fill.needed("h4sh"),
        };
        album.add(&format!("send-{blocked}"), send);
    }
}

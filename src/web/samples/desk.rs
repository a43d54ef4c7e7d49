use crate::domain::issue::{DeliveryCounts, IssueStatus};
use crate::domain::subscriber::growth::{self, DailyChange};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::growth_chart::Growth;
use crate::web::admin::issues::counts_view::TallyView;
use crate::web::admin::issues::progress_view::Live;
use crate::web::admin::issues::view::IssueLine;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::login::view::{Login, LoginFault, Setup, SetupFault, SetupPurpose};
use crate::web::admin::overview::{Checklist, Figures, Health, NextIssue, Overview, SendingNow};
use crate::web::samples::{Album, FRIDAY, Fill, days_after, desk_settings};

pub fn desk(fill: Fill) -> AdminLayout {
    let notice = fill.some(FlashMessage::TestQueued);
    AdminLayout {
        csrf: fill.needed("c5rf"),
        account: fill.needed("editor@example.com"),
        is_admin: fill != Fill::Empty,
        now: days_after(FRIDAY, -3),
        notice,
        revoked: fill.some(2).unwrap_or_default(),
    }
}

pub fn tally(fill: Fill) -> TallyView {
    let tally = DeliveryCounts {
        queued: 470,
        deferred: 2,
        delivered: 803,
        bounced: 7,
        skipped: 1,
        in_doubt: 1,
    };
    TallyView::from(&fill.some(tally).unwrap_or_default())
}

pub fn live(fill: Fill, state: IssueStatus) -> Live {
    let sending = state == IssueStatus::Sending;
    Live {
        state: state.as_str(),
        tally: tally(fill),
        per_second: fill.some(14).filter(|_| sending),
        per_minute: None,
        seconds_left: fill.some(34).filter(|_| sending),
        silent: (sending && fill != Fill::Empty).then_some(75),
        server: fill.needed("smtp.example.com:587"),
        last: fill.maybe("421 4.3.2 try again later"),
        next_try: None,
        paused_why: fill.maybe("550 5.7.26 unauthenticated mail is prohibited"),
        paused_by: fill.maybe("editor@example.com"),
    }
}

fn line(fill: Fill, number: i64, state: IssueStatus) -> IssueLine {
    let all = DeliveryCounts {
        delivered: 1250,
        bounced: if number % 2 == 0 { 9 } else { 0 },
        ..DeliveryCounts::default()
    };
    let tally = if state == IssueStatus::Sent {
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
        line(fill, 42, IssueStatus::Sending),
        line(fill, 41, IssueStatus::Sent),
        line(fill, 40, IssueStatus::SentWithFailures),
        line(fill, 39, IssueStatus::Cancelled),
        line(fill, 38, IssueStatus::Paused),
    ])
}

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    door(album, fill);
    overview(album, fill);
    for notice in FlashMessage::ALL {
        let desk = AdminLayout {
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
    for state in [IssueStatus::Sending, IssueStatus::Paused] {
        let done = fill == Fill::Full;
        let page = Overview {
            desk: desk(fill),
            health: health(fill, state == IssueStatus::Paused),
            checklist: (state == IssueStatus::Paused || fill == Fill::Empty).then_some(Checklist {
                feed: done,
                sending: done,
                missing: fill.list(vec![fill.text("newsletter.from: needed before a send")]),
                test: false,
                form: done,
            }),
            sending: fill.some(SendingNow {
                number: 42,
                live: live(fill, state),
            }),
            next: NextIssue {
                number: 43,
                upcoming: fill.some(crate::web::samples::editor::upcoming(
                    state == IssueStatus::Paused,
                )),
                goes_at: fill.some(FRIDAY),
                is_enough: fill != Fill::Empty,
                posts: if fill == Fill::Empty { 0 } else { 5 },
                readers: 1284,
            },
            figures: Figures {
                subscribers: if fill == Fill::Empty { 0 } else { 1284 },
                new_this_week: if fill == Fill::Empty { 0 } else { 31 },
                left_this_week: 4,
                delivered_per_mille: fill.some(992),
            },
            growth: fill.some(growth()),
            recent: lines(fill),
        };
        album.add(&format!("overview-{}", state.as_str()), page);
    }
}

fn health(fill: Fill, has_trouble: bool) -> Health {
    let trouble = has_trouble && fill != Fill::Empty;
    Health {
        missing: Vec::new(),
        feeds: if fill == Fill::Empty { 0 } else { 2 },
        failing_feeds: usize::from(trouble),
        feeds_read_at: fill.some(days_after(FRIDAY, -3)),
        has_template_faults: trouble,
        server: fill.maybe("smtp.example.com:587"),
    }
}

fn growth() -> Growth {
    let days: Vec<DailyChange> = (0..84)
        .map(|day| DailyChange {
            day: 20_700 - day,
            came: 3 + day % 5,
            went: day % 3,
        })
        .collect();
    Growth::new(&growth::weeks(1284, &days, 20_700)).unwrap()
}

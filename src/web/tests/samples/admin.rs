use crate::domain::issue::{DeliveryCounts, IssueStatus};
use crate::domain::missing_setting::MissingSetting;
use crate::domain::subscriber::growth::{self, DailyChange};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::growth_chart::GrowthChart;
use crate::web::admin::issues::counts_view::CountsView;
use crate::web::admin::issues::progress_view::SendProgress;
use crate::web::admin::issues::view::IssueTableRow;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::login::view::{LoginError, LoginPage, SetupError, SetupPage, SetupPurpose};
use crate::web::admin::overview::{
    Checklist, Figures, Health, NextIssue, OverviewPage, UnfinishedIssue,
};
use crate::web::tests::samples::{Album, FRIDAY, Fill, admin_settings, days_after};

pub fn layout(fill: Fill) -> AdminLayout {
    let notice = fill.some(FlashMessage::TestQueued);
    AdminLayout {
        csrf: fill.needed("c5rf"),
        account: fill.needed("editor@example.com"),
        is_admin: fill != Fill::Empty,
        now: days_after(FRIDAY, -3),
        message: notice,
        revoked_tokens: fill.some(2).unwrap_or_default(),
    }
}

pub fn counts(fill: Fill) -> CountsView {
    let tally = DeliveryCounts {
        queued: 470,
        deferred: 2,
        delivered: 803,
        bounced: 7,
        skipped: 1,
        in_doubt: 1,
    };
    CountsView::from(&fill.some(tally).unwrap_or_default())
}

pub fn progress(fill: Fill, state: IssueStatus) -> SendProgress {
    let sending = state == IssueStatus::Sending;
    SendProgress {
        state: state.as_str(),
        counts: counts(fill),
        per_second: fill.some(14).filter(|_| sending),
        per_minute: None,
        seconds_left: fill.some(34).filter(|_| sending),
        stalled_for: (sending && fill != Fill::Empty).then_some(75),
        server: fill.needed("smtp.example.com:587"),
        last_reply: fill.maybe("421 4.3.2 try again later"),
        next_attempt_at: None,
        pause_reason: fill.maybe("550 5.7.26 unauthenticated mail is prohibited"),
        paused_by: fill.maybe("editor@example.com"),
    }
}

fn issue_row(fill: Fill, number: i64, state: IssueStatus) -> IssueTableRow {
    let all = DeliveryCounts {
        delivered: 1250,
        bounced: if number % 2 == 0 { 9 } else { 0 },
        ..DeliveryCounts::default()
    };
    let tally = if state == IssueStatus::Sent {
        CountsView::from(&all)
    } else {
        counts(fill)
    };
    let begun_at = days_after(FRIDAY, 7 * (number - 43));
    IssueTableRow {
        number,
        title: fill.needed("Six posts"),
        started_at: begun_at,
        state: state.as_str(),
        counts: tally,
    }
}

pub fn issue_rows(fill: Fill) -> Vec<IssueTableRow> {
    fill.list(vec![
        issue_row(fill, 42, IssueStatus::Sending),
        issue_row(fill, 41, IssueStatus::Sent),
        issue_row(fill, 40, IssueStatus::SentWithFailures),
        issue_row(fill, 39, IssueStatus::Cancelled),
        issue_row(fill, 38, IssueStatus::Paused),
    ])
}

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    login(album, fill);
    overview(album, fill);
    for message in <FlashMessage as strum::VariantArray>::VARIANTS {
        let layout = AdminLayout {
            message: Some(*message),
            ..self::layout(fill)
        };
        album.add(
            &format!("notice-{}", message.as_str()),
            admin_settings::page(layout, "limits", fill),
        );
    }
}

fn login(album: &mut Album<'_>, fill: Fill) {
    for fault in [
        None,
        Some(LoginError::WrongCredentials),
        Some(LoginError::TooMany),
        Some(LoginError::Expired),
    ] {
        let login = LoginPage {
            csrf: fill.needed("c5rf"),
            email: fill.text("editor@example.com"),
            error: fault,
            no_admin: fill == Fill::Empty,
            next: fill.maybe("/admin/feeds"),
        };
        album.add(&format!("login-{fault:?}"), login);
    }
    for purpose in [
        SetupPurpose::Create,
        SetupPurpose::Reset,
        SetupPurpose::Expired,
    ] {
        for fault in [
            None,
            Some(SetupError::InvalidAddress),
            Some(SetupError::TooShort),
            Some(SetupError::TooLong),
            Some(SetupError::Mismatch),
        ] {
            let setup = SetupPage {
                token: fill.needed("0nce"),
                purpose,
                email: fill.text("editor@example.com"),
                fixed_email: purpose == SetupPurpose::Reset,
                min_chars: 12,
                error: fault,
            };
            album.add(&format!("setup-{purpose:?}-{fault:?}"), setup);
        }
    }
}

fn overview(album: &mut Album<'_>, fill: Fill) {
    for state in [IssueStatus::Sending, IssueStatus::Paused] {
        let done = fill == Fill::Full;
        let page = OverviewPage {
            layout: layout(fill),
            health: health(fill, state == IssueStatus::Paused),
            checklist: (state == IssueStatus::Paused || fill == Fill::Empty).then_some(Checklist {
                feed: done,
                sending: done,
                missing: fill.list(vec![MissingSetting::From]),
                test: false,
                form: done,
            }),
            sending: fill.some(UnfinishedIssue {
                number: 42,
                progress: progress(fill, state),
            }),
            next: NextIssue {
                number: 43,
                upcoming: fill.some(crate::web::tests::samples::draft::upcoming(
                    state == IssueStatus::Paused,
                )),
                goes_at: fill.some(FRIDAY),
                is_enough: fill != Fill::Empty,
                posts: if fill == Fill::Empty { 0 } else { 5 },
                subscribers: 1284,
            },
            figures: Figures {
                subscribers: if fill == Fill::Empty { 0 } else { 1284 },
                subscribed_this_week: if fill == Fill::Empty { 0 } else { 31 },
                unsubscribed_this_week: 4,
                delivered_per_mille: fill.some(992),
            },
            growth: fill.some(growth()),
            recent: issue_rows(fill),
        };
        album.add(&format!("overview-{}", state.as_str()), page);
    }
}

fn health(fill: Fill, has_problems: bool) -> Health {
    let trouble = has_problems && fill != Fill::Empty;
    Health {
        missing: Vec::new(),
        feeds: if fill == Fill::Empty { 0 } else { 2 },
        failing_feeds: usize::from(trouble),
        feeds_read_at: fill.some(days_after(FRIDAY, -3)),
        has_template_errors: trouble,
        untrusted_proxy: trouble.then(|| "172.17.0.1".to_owned()),
        server: fill.maybe("smtp.example.com:587"),
    }
}

fn growth() -> GrowthChart {
    let days: Vec<DailyChange> = (0..84)
        .map(|day| DailyChange {
            day: 20_700 - day,
            joined: 3 + day % 5,
            left: day % 3,
        })
        .collect();
    GrowthChart::new(&growth::weekly_growth(1284, &days, 20_700)).unwrap()
}

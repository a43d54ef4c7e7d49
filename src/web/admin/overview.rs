//! `/admin`: the overview.

use axum::extract::State;
use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryKind;
use crate::domain::issue::{IssueState, IssueStatus};
use crate::domain::missing_setting::MissingSetting;
use crate::domain::subscriber::growth;
use crate::store::{FeedRow, StoreError};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::growth_chart::GrowthChart;
use crate::web::admin::issues::list::issue_rows;
use crate::web::admin::issues::progress_view::SendProgress;
use crate::web::admin::issues::view::IssueTableRow;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::response::{HandlerResult, render};
use crate::web::admin::subscribers::view::SubscriberCounts;
use crate::web::error::HttpError;
use crate::web::render::{maybe_millis, templates};
use crate::web::state::SharedState;
use crate::web::upcoming::UpcomingSlot;
use crate::web::{Services, upcoming};

templates! {
    OverviewPage => "admin/overview.html",
}

/// Issues in the table.
const MAX_RECENT_ISSUES: i64 = 5;

/// The first four steps. Each is done when it has actually worked; the list is shown until
/// all are done.
#[derive(Clone, Debug, Serialize)]
pub struct Checklist {
    /// Whether a feed was fetched.
    pub feed: bool,
    /// Whether the mail server accepted a message, or the outbox was chosen.
    pub sending: bool,
    /// Settings that are missing for sending, each as its key and an explanation.
    pub missing: Vec<MissingSetting>,
    /// Whether a test was delivered.
    pub test: bool,
    /// Whether a subscriber used the form, or a visitor came to it from another site.
    pub form: bool,
}

/// Problems that need attention.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// Settings that are missing for sending, each as its key and an explanation.
    pub missing: Vec<MissingSetting>,
    /// Number of feeds.
    pub feeds: usize,
    /// Feeds whose last fetch failed.
    pub failing_feeds: usize,
    /// Last successful fetch of any feed.
    #[serde(serialize_with = "maybe_millis")]
    pub feeds_read_at: Option<Timestamp>,
    /// Whether the user's own email templates contain an error.
    pub has_template_errors: bool,
    /// Address of a proxy that is not trusted, so that all clients count as one.
    pub untrusted_proxy: Option<String>,
    /// The SMTP server; `None` if mail goes to the outbox.
    pub server: Option<String>,
}

/// An issue that is being sent or is paused. Posts `csrf` and `action` = `pause` or
/// `resume` to the issue's page.
#[derive(Clone, Debug, Serialize)]
pub struct UnfinishedIssue {
    /// The issue's number.
    pub number: i64,
    /// How far it is.
    pub progress: SendProgress,
}

/// The next issue.
#[derive(Clone, Debug, Serialize)]
pub struct NextIssue {
    /// The number that it will have.
    pub number: i64,
    /// The next slot of the schedule.
    pub upcoming: Option<UpcomingSlot>,
    /// When the issue is sent automatically.
    #[serde(serialize_with = "maybe_millis")]
    pub goes_at: Option<Timestamp>,
    /// Number of posts in the draft.
    pub posts: usize,
    /// Whether the draft has enough posts, or a note.
    pub is_enough: bool,
    /// Number of active subscribers.
    pub subscribers: i64,
}

/// Key figures.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Active subscribers.
    pub subscribers: i64,
    /// Subscribers who became active this week.
    pub subscribed_this_week: i64,
    /// Subscribers who are no longer active since this week.
    pub unsubscribed_this_week: i64,
    /// Delivered per mille of the last issue that was sent.
    pub delivered_per_mille: Option<i64>,
}

/// Data of `GET /admin`.
#[derive(Clone, Debug, Serialize)]
pub struct OverviewPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// Problems that need attention.
    pub health: Health,
    /// The first steps, until all are done.
    pub checklist: Option<Checklist>,
    /// The issue that is being sent or is paused.
    pub sending: Option<UnfinishedIssue>,
    /// The next issue.
    pub next: NextIssue,
    /// Key figures.
    pub figures: Figures,
    /// The number of subscribers over time.
    pub growth: Option<GrowthChart>,
    /// The latest issues, newest first.
    pub recent: Vec<IssueTableRow>,
}

/// `GET /admin`
pub async fn show(State(shared): State<SharedState>, user: CurrentUser) -> HandlerResult {
    let web = &shared.web;
    let counts = SubscriberCounts::read(&web.store).await?;
    let recent = web.store.issues(None, MAX_RECENT_ISSUES).await?;
    let recent = issue_rows(&shared, recent).await?;
    let last_sent = recent.iter().find(|issue| is_sent(issue.state));
    let today = growth::day_of(web.clock.now());
    let changes = web
        .store
        .daily_changes(growth::last_day_before_chart(today));
    let weeks = growth::weekly_growth(counts.confirmed, &changes.await?, today);
    let this_week = weeks[growth::CHART_WEEKS - 1];
    let figures = Figures {
        subscribers: counts.confirmed,
        subscribed_this_week: this_week.joined,
        unsubscribed_this_week: this_week.left,
        delivered_per_mille: last_sent.and_then(|issue| issue.counts.delivered_per_mille()),
    };
    let draft = web.digests.draft().await?;
    let (upcoming, goes_at) = upcoming::ahead(web).await?;
    let feeds = web.store.feeds().await?;
    let view = OverviewPage {
        layout: user.layout(&shared),
        health: health(web, &feeds).await?,
        checklist: checklist(web, &feeds).await?,
        sending: unfinished_issue(&shared).await?,
        next: NextIssue {
            number: draft.number.get(),
            upcoming,
            goes_at,
            posts: draft.selection.chosen.len(),
            is_enough: web.digests.has_enough_content(&draft),
            subscribers: draft.recipients,
        },
        figures,
        growth: GrowthChart::new(&weeks),
        recent,
    };
    render(&shared, &view)
}

fn is_sent(state: &str) -> bool {
    [IssueStatus::Sent, IssueStatus::SentWithFailures]
        .map(IssueStatus::as_str)
        .contains(&state)
}

/// Returns the oldest issue that is being sent, or else the oldest that is paused.
async fn unfinished_issue(shared: &SharedState) -> Result<Option<UnfinishedIssue>, HttpError> {
    let unfinished = shared.web.store.unfinished_issues().await?;
    let sending = unfinished
        .iter()
        .find(|issue| issue.state == IssueState::Sending);
    let Some(issue) = sending.or(unfinished.first()) else {
        return Ok(None);
    };
    let snapshot = shared.live.look(issue.clone()).await?;
    Ok(Some(UnfinishedIssue {
        number: issue.number.get(),
        progress: SendProgress::new(&snapshot, &shared.web.mail_goes_to),
    }))
}

async fn health(web: &Services, feeds: &[FeedRow]) -> Result<Health, StoreError> {
    let recorded = web.store.untrusted_proxy().await?;
    Ok(Health {
        missing: web.missing_settings.clone(),
        feeds: feeds.len(),
        failing_feeds: feeds
            .iter()
            .filter(|feed| feed.last_error.is_some())
            .count(),
        feeds_read_at: feeds.iter().filter_map(|feed| feed.last_good_at).max(),
        has_template_errors: !web.board.template_errors().is_empty(),
        untrusted_proxy: web.door.trusted_proxies.still_untrusted(recorded),
        server: web.outbox.is_none().then(|| web.mail_goes_to.clone()),
    })
}

/// Returns the state of each step, or `None` when all are done.
async fn checklist(web: &Services, feeds: &[FeedRow]) -> Result<Option<Checklist>, StoreError> {
    let store = &web.store;
    let list = Checklist {
        feed: feeds.iter().any(|feed| feed.last_good_at.is_some()),
        sending: web.missing_settings.is_empty() && is_sending_proven(web).await?,
        missing: web.missing_settings.clone(),
        test: store.has_delivered(DeliveryKind::Test).await?,
        form: store.has_signup().await? || store.form_seen_at().await?.is_some(),
    };
    let is_done = list.feed && list.sending && list.test && list.form;
    Ok((!is_done).then_some(list))
}

/// Returns whether the SMTP server has accepted a message, or the outbox was chosen.
async fn is_sending_proven(web: &Services) -> Result<bool, StoreError> {
    let Some(server) = &web.sending.server else {
        return Ok(web.sending.is_outbox_chosen);
    };
    Ok(web.store.has_smtp_success(server).await? || web.store.has_sent_by_server().await?)
}

//! `/admin`

use axum::extract::State;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryKind;
use crate::domain::issue::{IssueState, IssueStatus};
use crate::domain::subscriber::growth;
use crate::store::{FeedRow, StoreError};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::growth_chart::Growth;
use crate::web::admin::issues::list;
use crate::web::admin::issues::progress_view::Live;
use crate::web::admin::issues::view::IssueLine;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::response::{HandlerResult, page};
use crate::web::admin::subscribers::view::SubscriberCounts;
use crate::web::error::HttpError;
use crate::web::pages::maybe_millis;
use crate::web::pages::templates;
use crate::web::state::SharedState;
use crate::web::upcoming::UpcomingSlot;
use crate::web::{Services, upcoming};
use serde::Serialize;

templates! {
    Overview => "admin/overview.html",
}

/// What is done of the first four steps, each tried for real; shown until all are.
#[derive(Clone, Debug, Serialize)]
pub struct Checklist {
    /// A feed was read.
    pub feed: bool,
    /// The mail server took a mail, or the outbox was chosen.
    pub sending: bool,
    /// What must be set before a send, in words.
    pub missing: Vec<String>,
    /// A test was delivered.
    pub test: bool,
    /// Someone signed up by the form, or came to it from another site.
    pub form: bool,
}

/// Whether all is well, or what wants a person.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    /// What must be set before a send, in words.
    pub missing: Vec<String>,
    pub feeds: usize,
    /// Those that could not be read when last tried.
    pub failing_feeds: usize,
    /// When one was last read.
    #[serde(serialize_with = "maybe_millis")]
    pub feeds_read_at: Option<Timestamp>,
    /// The owner's mail templates were changed and cannot be used so.
    pub has_template_faults: bool,
    /// Where mail goes: a server, or the outbox when none is set.
    pub server: Option<String>,
}

/// An issue that is sending or paused. Posts `csrf` and `action` = `pause` or `resume` to
/// its page.
#[derive(Clone, Debug, Serialize)]
pub struct SendingNow {
    pub number: i64,
    pub live: Live,
}

#[derive(Clone, Debug, Serialize)]
pub struct NextIssue {
    pub number: i64,
    pub upcoming: Option<UpcomingSlot>,
    #[serde(serialize_with = "maybe_millis")]
    pub goes_at: Option<Timestamp>,
    pub posts: usize,
    /// Whether there is enough for an issue.
    pub is_enough: bool,
    pub readers: i64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub subscribers: i64,
    pub new_this_week: i64,
    pub left_this_week: i64,
    /// Of the last issue: `TallyView::delivered_per_mille`.
    pub delivered_per_mille: Option<i64>,
}

/// `GET /admin`.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    pub desk: AdminLayout,
    pub health: Health,
    pub checklist: Option<Checklist>,
    pub sending: Option<SendingNow>,
    pub next: NextIssue,
    pub figures: Figures,
    pub growth: Option<Growth>,
    pub recent: Vec<IssueLine>,
}

/// Issues on the first page.
const RECENT: i64 = 5;

pub async fn show(State(shared): State<SharedState>, editor: CurrentUser) -> HandlerResult {
    let web = &shared.web;
    let counts = SubscriberCounts::read(&web.store).await?;
    let recent = web.store.issues(None, RECENT).await?;
    let recent = list::lines(&shared, recent).await?;
    let last = recent.iter().find(|issue| is_sent(issue.state));
    let today = growth::day_of(web.clock.now());
    let moved = web.store.confirmed_by_day(growth::before_the_weeks(today));
    let weeks = growth::weeks(counts.confirmed, &moved.await?, today);
    let this_week = weeks[growth::WEEKS - 1];
    let figures = Figures {
        subscribers: counts.confirmed,
        new_this_week: this_week.came,
        left_this_week: this_week.went,
        delivered_per_mille: last.and_then(|issue| issue.tally.delivered_per_mille()),
    };
    let next = web.digests.draft().await?;
    let (upcoming, goes_at) = upcoming::ahead(web).await?;
    let feeds = web.store.feeds().await?;
    let view = Overview {
        desk: editor.desk(&shared),
        health: health(web, &feeds),
        checklist: checklist(web, &feeds).await?,
        sending: sending(&shared).await?,
        next: NextIssue {
            number: next.number.get(),
            upcoming,
            goes_at,
            posts: next.selection.chosen.len(),
            is_enough: web.digests.has_enough(&next),
            readers: next.readers,
        },
        figures,
        growth: Growth::new(&weeks),
        recent,
    };
    page(&shared, &view)
}

fn is_sent(state: &str) -> bool {
    [IssueStatus::Sent, IssueStatus::SentWithFailures]
        .map(IssueStatus::as_str)
        .contains(&state)
}

/// The oldest issue that is being sent, or else the oldest that is held back.
async fn sending(shared: &SharedState) -> Result<Option<SendingNow>, HttpError> {
    let unfinished = shared.web.store.unfinished_issues().await?;
    let sending = unfinished.iter().find(|it| it.state == IssueState::Sending);
    let Some(issue) = sending.or(unfinished.first()) else {
        return Ok(None);
    };
    let look = shared.live.look(issue.clone()).await?;
    Ok(Some(SendingNow {
        number: issue.number.get(),
        live: Live::new(&look, &shared.web.mail_goes_to),
    }))
}

fn health(web: &Services, feeds: &[FeedRow]) -> Health {
    Health {
        missing: web.not_ready.clone(),
        feeds: feeds.len(),
        failing_feeds: feeds.iter().filter(|it| it.last_error.is_some()).count(),
        feeds_read_at: feeds.iter().filter_map(|feed| feed.last_good_at).max(),
        has_template_faults: !web.board.template_faults().is_empty(),
        server: web.outbox.is_none().then(|| web.mail_goes_to.clone()),
    }
}

/// Each step by what has really happened; `None` when all of them have.
async fn checklist(web: &Services, feeds: &[FeedRow]) -> Result<Option<Checklist>, StoreError> {
    let store = &web.store;
    let list = Checklist {
        feed: feeds.iter().any(|feed| feed.last_good_at.is_some()),
        sending: web.not_ready.is_empty() && mail_leaves(web).await?,
        missing: web.not_ready.clone(),
        test: store.has_delivered(DeliveryKind::Test).await?,
        form: store.has_sign_up().await? || store.form_seen_at().await?.is_some(),
    };
    let done = list.feed && list.sending && list.test && list.form;
    Ok((!done).then_some(list))
}

/// The mail server took a mail, or someone chose to do without one.
async fn mail_leaves(web: &Services) -> Result<bool, StoreError> {
    let Some(server) = &web.sending.server else {
        return Ok(web.sending.is_outbox_chosen);
    };
    Ok(web.store.has_spoken_to(server).await? || web.store.has_sent_by_server().await?)
}

//! `/admin`

use axum::extract::State;

use crate::domain::delivery::DeliveryKind;
use crate::domain::issue::{IssueState, IssueStatus};
use crate::domain::subscriber::growth;
use crate::store::{FeedRow, StoreError};
use crate::web::admin::editor::CurrentUser;
use crate::web::admin::views::{
    Checklist, Figures, Growth, Health, Live, NextIssue, Overview, SendingNow, SubscriberCounts,
};
use crate::web::admin::{HandlerResult, issues, page};
use crate::web::error::HttpError;
use crate::web::state::SharedState;
use crate::web::{Services, upcoming};

/// Issues on the first page.
const RECENT: i64 = 5;

pub async fn show(State(shared): State<SharedState>, editor: CurrentUser) -> HandlerResult {
    let web = &shared.web;
    let counts = SubscriberCounts::read(&web.store).await?;
    let recent = web.store.issues(None, RECENT).await?;
    let recent = issues::lines(&shared, recent).await?;
    let last = recent.iter().find(|issue| is_sent(issue.state));
    let today = growth::day_of(web.clock.now());
    let moved = web
        .store
        .daily_changes(growth::last_day_before_chart(today));
    let weeks = growth::weekly_growth(counts.confirmed, &moved.await?, today);
    let this_week = weeks[growth::CHART_WEEKS - 1];
    let figures = Figures {
        subscribers: counts.confirmed,
        new_this_week: this_week.joined,
        left_this_week: this_week.left,
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
            is_enough: web.digests.has_enough_content(&next),
            readers: next.recipients,
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
        form: store.has_signup().await? || store.form_seen_at().await?.is_some(),
    };
    let done = list.feed && list.sending && list.test && list.form;
    Ok((!done).then_some(list))
}

/// The mail server took a mail, or someone chose to do without one.
async fn mail_leaves(web: &Services) -> Result<bool, StoreError> {
    let Some(server) = &web.sending.server else {
        return Ok(web.sending.is_outbox_chosen);
    };
    Ok(web.store.has_smtp_success(server).await? || web.store.has_sent_by_server().await?)
}

//! `/admin`

use std::time::Duration;

use axum::extract::State;

use super::editor::Editor;
use super::views::{Checklist, Figures, Live, NextIssue, Overview, SendingNow, SubscriberCounts};
use super::{Answer, issues, page, slots};
use crate::domain::delivery::DeliveryKind;
use crate::domain::issue::{IssueState, Standing};
use crate::domain::subscriber::SubscriberState;
use crate::store::StoreError;
use crate::web::Web;
use crate::web::errors::HttpError;
use crate::web::state::Shared;

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Issues on the first page.
const RECENT: i64 = 5;

pub async fn show(State(shared): State<Shared>, editor: Editor) -> Answer {
    let web = &shared.web;
    let counts = SubscriberCounts::read(&web.store).await?;
    let recent = web.store.issues(None, RECENT).await?;
    let recent = issues::lines(&shared, recent).await?;
    let last = recent.iter().find(|issue| is_sent(issue.state));
    let week_ago = web.clock.now().minus(WEEK);
    let arrived = async |state| web.store.arrived_in(state, week_ago).await;
    let figures = Figures {
        subscribers: counts.confirmed,
        new_this_week: arrived(SubscriberState::Confirmed).await?,
        left_this_week: arrived(SubscriberState::Unsubscribed).await?,
        delivered_per_mille: last.and_then(|issue| issue.tally.delivered_per_mille()),
    };
    let next = web.digests.draft().await?;
    let (upcoming, goes_at) = slots::ahead(web).await?;
    let view = Overview {
        desk: editor.desk(&shared),
        checklist: checklist(web, counts.confirmed).await?,
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
        recent,
    };
    page(&shared, &view)
}

fn is_sent(state: &str) -> bool {
    [Standing::Sent, Standing::SentWithFailures]
        .map(Standing::as_str)
        .contains(&state)
}

/// The oldest issue that is being sent, or else the oldest that is held back.
async fn sending(shared: &Shared) -> Result<Option<SendingNow>, HttpError> {
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

/// By what is there, not by what was clicked; `None` when all of it is.
async fn checklist(web: &Web, confirmed: i64) -> Result<Option<Checklist>, StoreError> {
    let list = Checklist {
        feed: !web.store.feeds().await?.is_empty(),
        sending: web.not_ready.is_empty(),
        test: web.store.has_delivery_of(DeliveryKind::Test).await?,
        form: confirmed > 0 || web.store.has_sign_up().await?,
    };
    let done = list.feed && list.sending && list.test && list.form;
    Ok((!done).then_some(list))
}

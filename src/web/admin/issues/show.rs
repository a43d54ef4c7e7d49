//! `/admin/issues/{number}`: how it goes, and who got it.

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use crate::domain::issue::{IssueId, IssueNumber};
use crate::store::{DeliveryRow, Store, StoreError};
use crate::web::Services;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::issues::deliveries::{self, Filter};
use crate::web::admin::issues::list::find;
use crate::web::admin::issues::progress_view::Live;
use crate::web::admin::issues::view::{Issue, PostClicks};
use crate::web::admin::response::{HandlerResult, page, redirect, redirect_with_flash};
use crate::web::error::HttpError;
use crate::web::issue_deed::IssueAction;
use crate::web::pagination::split_page;
use crate::web::state::SharedState;

const PAGE: usize = 25;

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    address: String,
}

pub async fn show(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Path(number): Path<String>,
    Query(asked): Query<Asked>,
) -> HandlerResult {
    let store = &shared.web.store;
    let found = find(&shared.web, &number).await;
    if matches!(found, Err(HttpError::NotFound)) && is_next(&shared.web, &number).await? {
        return Ok(redirect(&shared, "/admin/next"));
    }
    let issue = found?;
    let id = issue.id;
    let look = shared.live.look(issue.clone()).await?;
    let filter = Filter::parse(&asked.state);
    let begins = format!("{id}:");
    let after = Some(asked.after.as_str()).filter(|after| after.starts_with(&begins));
    let (look_up, (rows, older)) = if asked.address.is_empty() {
        (None, list(store, &id, filter, after).await?)
    } else {
        let (look_up, rows) = deliveries::look_up(store, &id, &asked.address).await?;
        (Some(look_up), (rows, None))
    };
    // Who looks for single copies has seen the reasons on the first page.
    let failures = if filter == Filter::All && after.is_none() && look_up.is_none() {
        deliveries::failures(store, &id).await?
    } else {
        Vec::new()
    };
    let view = Issue {
        desk: editor.desk(&shared),
        number: issue.number.get(),
        subject: issue.subject,
        live: Live::new(&look, &shared.web.mail_goes_to),
        begun_at: issue.frozen_at,
        finished_at: issue.finished_at,
        failures,
        left: store.unsubscribes_after(&id).await?,
        look_up,
        filter: filter.as_str(),
        deliveries: rows.into_iter().map(deliveries::line).collect(),
        newer: after.is_some(),
        older,
        clicks: clicks(&shared.web, &id).await?,
    };
    page(&shared, &view)
}

/// The last look before a send, by the issue's number.
pub async fn review(
    State(shared): State<SharedState>,
    _editor: CurrentUser,
    Path(number): Path<String>,
) -> HandlerResult {
    if is_next(&shared.web, &number).await? {
        return Ok(redirect(&shared, "/admin/next/send"));
    }
    let issue = find(&shared.web, &number).await?;
    let page = format!("/admin/issues/{}", issue.number);
    Ok(redirect(&shared, &page))
}

/// Whether it is the number that the draft will have.
async fn is_next(web: &Services, number: &str) -> Result<bool, StoreError> {
    let Ok(number) = IssueNumber::parse(number) else {
        return Ok(false);
    };
    Ok(number == web.store.next_number().await?)
}

/// A page of copies, and behind which one the next page begins.
async fn list(
    store: &Store,
    issue: &IssueId,
    filter: Filter,
    after: Option<&str>,
) -> Result<(Vec<DeliveryRow>, Option<String>), StoreError> {
    let mut rows = store
        .issue_deliveries(issue, &filter.states(), after, PAGE as i64 + 1)
        .await?;
    let older = split_page(&mut rows, PAGE).map(|row| row.id.clone());
    Ok((rows, older))
}

/// Pauses, resumes, cancels, or tries again. What no longer fits the issue's state
/// changes nothing; the page shows how it stands.
pub async fn act(
    State(shared): State<SharedState>,
    Path(number): Path<String>,
    posted: VerifiedForm,
) -> HandlerResult {
    let issue = find(&shared.web, &number).await?;
    let deed = IssueAction::parse(posted.fields.text("action")).ok_or(HttpError::Unprocessable)?;
    let by = posted.editor.admin.address.to_string();
    let changed = deed.apply(&shared, &issue, &by).await?;
    let path = format!("/admin/issues/{}", issue.number);
    let notice = match (deed, changed) {
        (IssueAction::TryNow, 0) => {
            return Ok(redirect_with_flash(
                &shared,
                &path,
                FlashMessage::NothingWaits,
            ));
        }
        (_, 0) => return Ok(redirect(&shared, &path)),
        (IssueAction::Pause, _) => FlashMessage::Paused,
        (IssueAction::Resume, _) => FlashMessage::Resumed,
        (IssueAction::Cancel, _) => FlashMessage::Cancelled,
        (IssueAction::TryNow, _) => FlashMessage::TriedNow,
        (IssueAction::SendAgain, _) => FlashMessage::SentAgain,
    };
    let did = deed.action();
    posted.editor.audit(&shared, did, issue.number).await;
    Ok(redirect_with_flash(&shared, &path, notice))
}

/// None unless they are counted.
async fn clicks(web: &Services, issue: &IssueId) -> Result<Option<Vec<PostClicks>>, StoreError> {
    if !web.digests.rules.count_clicks {
        return Ok(None);
    }
    let clicked = web.store.clicks_of(issue).await?.into_iter();
    let clicks = clicked.map(|post| PostClicks {
        title: post.title,
        clicks: post.clicks,
    });
    Ok(Some(clicks.collect()))
}

//! `/admin/issues/{number}`: progress, recipients and actions of one issue.

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use crate::digest::IssueAction;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::store::{DeliveryRow, Store, StoreError};
use crate::web::Services;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::issues::deliveries::{
    DeliveryStateFilter, delivery_row, failure_groups, find_recipient,
};
use crate::web::admin::issues::list::find_issue;
use crate::web::admin::issues::progress_view::SendProgress;
use crate::web::admin::issues::view::{IssuePage, PostClicks};
use crate::web::admin::response::{HandlerResult, redirect, redirect_with_flash, render};
use crate::web::error::HttpError;
use crate::web::pagination::split_page;
use crate::web::state::SharedState;

/// Deliveries per page.
const PAGE_SIZE: usize = 25;

/// Query of the issue page.
#[derive(Debug, Default, Deserialize)]
pub struct IssueQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    address: String,
}

/// `GET /admin/issues/{number}`. The number of the next issue redirects to the draft.
pub async fn show(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Path(number): Path<String>,
    Query(query): Query<IssueQuery>,
) -> HandlerResult {
    let store = &shared.web.store;
    let found = find_issue(&shared.web, &number).await;
    if matches!(found, Err(HttpError::NotFound)) && is_next(&shared.web, &number).await? {
        return Ok(redirect(&shared, "/admin/next"));
    }
    let issue = found?;
    let id = issue.id;
    let snapshot = shared.live.look(issue.clone()).await?;
    let filter = DeliveryStateFilter::parse(&query.state);
    // The ids of an issue's deliveries begin with the issue's id.
    let prefix = format!("{id}:");
    let after = Some(query.after.as_str()).filter(|after| after.starts_with(&prefix));
    let (lookup, (rows, older)) = if query.address.is_empty() {
        (None, delivery_page(store, &id, filter, after).await?)
    } else {
        let (lookup, rows) = find_recipient(store, &id, &query.address).await?;
        (Some(lookup), (rows, None))
    };
    let is_first_page = filter == DeliveryStateFilter::All && after.is_none() && lookup.is_none();
    let failures = if is_first_page {
        failure_groups(store, &id).await?
    } else {
        Vec::new()
    };
    let view = IssuePage {
        layout: user.layout(&shared),
        number: issue.number.get(),
        subject: issue.subject,
        progress: SendProgress::new(&snapshot, &shared.web.mail_goes_to),
        started_at: issue.frozen_at,
        finished_at: issue.finished_at,
        failures,
        unsubscribes: store.count_unsubscribes(&id).await?,
        lookup,
        filter: filter.as_str(),
        deliveries: rows.into_iter().map(delivery_row).collect(),
        newer: after.is_some(),
        older,
        clicks: post_clicks(&shared.web, &id).await?,
    };
    render(&shared, &view)
}

/// `GET /admin/issues/{number}/send`: redirects to the review page of the next issue, or to
/// the page of an existing one.
pub async fn review(
    State(shared): State<SharedState>,
    _user: CurrentUser,
    Path(number): Path<String>,
) -> HandlerResult {
    if is_next(&shared.web, &number).await? {
        return Ok(redirect(&shared, "/admin/next/send"));
    }
    let issue = find_issue(&shared.web, &number).await?;
    let path = format!("/admin/issues/{}", issue.number);
    Ok(redirect(&shared, &path))
}

/// Returns whether `number` is the number that the next issue will have.
async fn is_next(web: &Services, number: &str) -> Result<bool, StoreError> {
    let Ok(number) = IssueNumber::parse(number) else {
        return Ok(false);
    };
    Ok(number == web.store.next_number().await?)
}

/// Returns a page of deliveries and the cursor of the next page.
async fn delivery_page(
    store: &Store,
    issue: &IssueId,
    filter: DeliveryStateFilter,
    after: Option<&str>,
) -> Result<(Vec<DeliveryRow>, Option<String>), StoreError> {
    let mut rows = store
        .issue_deliveries(issue, &filter.states(), after, PAGE_SIZE as i64 + 1)
        .await?;
    let older = split_page(&mut rows, PAGE_SIZE).map(|row| row.id.clone());
    Ok((rows, older))
}

/// `POST /admin/issues/{number}`: pauses, resumes, cancels or retries the issue.
///
/// An action that the issue's state does not allow changes nothing; the page shows the
/// current state.
pub async fn submit_action(
    State(shared): State<SharedState>,
    Path(number): Path<String>,
    form: VerifiedForm,
) -> HandlerResult {
    let issue = find_issue(&shared.web, &number).await?;
    let action = IssueAction::parse(form.fields.text("action")).ok_or(HttpError::Unprocessable)?;
    let account = form.user.admin.address.to_string();
    let changed = action
        .apply(&shared.web.store, &issue.id, &account, shared.now())
        .await?;
    if changed > 0 {
        shared.live.changed(&issue.id);
    }
    let path = format!("/admin/issues/{}", issue.number);
    let message = match (action, changed) {
        (IssueAction::RetryNow, 0) => {
            let message = FlashMessage::NothingToRetry;
            return Ok(redirect_with_flash(&shared, &path, message));
        }
        (_, 0) => return Ok(redirect(&shared, &path)),
        (IssueAction::Pause, _) => FlashMessage::Paused,
        (IssueAction::Resume, _) => FlashMessage::Resumed,
        (IssueAction::Cancel, _) => FlashMessage::Cancelled,
        (IssueAction::RetryNow, _) => FlashMessage::Retrying,
        (IssueAction::RequeueFailed, _) => FlashMessage::Resending,
    };
    form.user
        .audit(&shared, action.audit_action(), issue.number)
        .await;
    Ok(redirect_with_flash(&shared, &path, message))
}

/// Returns the clicks per post, or `None` if clicks are not counted.
async fn post_clicks(
    web: &Services,
    issue: &IssueId,
) -> Result<Option<Vec<PostClicks>>, StoreError> {
    if !web.digests.rules.count_clicks {
        return Ok(None);
    }
    let posts = web.store.issue_clicks(issue).await?.into_iter();
    let clicks = posts.map(|post| PostClicks {
        title: post.title,
        clicks: post.clicks,
    });
    Ok(Some(clicks.collect()))
}

//! `/admin/issues/{number}`: how it goes, and who got it.

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::editor::{Editor, Posted};
use super::views::{DeliveryLine, Issue, Notice, PostClicks};
use super::{Answer, done, page, see_other};
use crate::domain::delivery::DeliveryState;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::store::{DeliveryRow, IssueRow, StoreError};
use crate::web::Web;
use crate::web::errors::HttpError;
use crate::web::state::Shared;

const PAGE: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    after: String,
}

pub async fn show(
    State(shared): State<Shared>,
    editor: Editor,
    Path(number): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let store = &shared.web.store;
    let issue = find(&shared.web, &number).await?;
    let filter = filter(&asked.state);
    let begins = format!("{}:", issue.id);
    let after = Some(asked.after.as_str()).filter(|after| after.starts_with(&begins));
    let mut rows = store
        .copies(&issue.id, filter, after, PAGE as i64 + 1)
        .await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let older = rows.last().filter(|_| more).map(|row| row.id.clone());
    let view = Issue {
        desk: editor.desk(&shared),
        number: issue.number.get(),
        tally: (&store.tally(&issue.id).await?).into(),
        subject: issue.subject,
        state: issue.state.as_str(),
        begun_at: issue.frozen_at,
        finished_at: issue.finished_at,
        says: issue.paused_why,
        filter: filter.map(DeliveryState::as_str),
        deliveries: rows.into_iter().map(line).collect(),
        newer: after.is_some(),
        older,
        clicks: clicks(&shared.web, &issue.id).await?,
    };
    page(&shared, &view)
}

/// Pauses, resumes, cancels, or tries again. What no longer fits the issue's state
/// changes nothing; the page shows how it stands.
pub async fn act(
    State(shared): State<Shared>,
    Path(number): Path<String>,
    posted: Posted,
) -> Answer {
    let web = &shared.web;
    let issue = find(web, &number).await?;
    let now = web.clock.now();
    let action = posted.fields.text("action");
    let (changed, notice) = match action {
        "pause" => (
            web.store.pause_issue(&issue.id, None).await?,
            Notice::Paused,
        ),
        "resume" => (web.store.resume_issue(&issue.id).await?, Notice::Resumed),
        "cancel" => (
            web.store.cancel_issue(&issue.id, now).await?,
            Notice::Cancelled,
        ),
        "try_now" => (
            web.store.try_now(&issue.id, now).await? > 0,
            Notice::TriedNow,
        ),
        "send_again" => (
            web.store.send_again(&issue.id, now).await? > 0,
            Notice::SentAgain,
        ),
        _ => return Err(HttpError::Unprocessable),
    };
    let path = format!("/admin/issues/{}", issue.number);
    if !changed {
        return Ok(see_other(&shared, &path));
    }
    tracing::info!(admin = %posted.editor.admin.id, issue = %issue.number, did = notice.as_str(), "from the desk");
    Ok(done(&shared, &path, notice))
}

/// None unless they are counted.
async fn clicks(web: &Web, issue: &IssueId) -> Result<Option<Vec<PostClicks>>, StoreError> {
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

async fn find(web: &Web, number: &str) -> Result<IssueRow, HttpError> {
    let number = IssueNumber::parse(number).map_err(|_| HttpError::NotFound)?;
    web.store.issue(number).await?.ok_or(HttpError::NotFound)
}

/// "Waiting" is one to people.
fn filter(word: &str) -> Option<DeliveryState> {
    match DeliveryState::parse(word).ok()? {
        DeliveryState::Leased | DeliveryState::Sending => Some(DeliveryState::Queued),
        state => Some(state),
    }
}

fn line(row: DeliveryRow) -> DeliveryLine {
    DeliveryLine {
        address: row.address,
        state: row.state.as_str(),
        attempts: row.attempts,
        at: row.at,
        next_at: row.due_at.filter(|_| row.state == DeliveryState::Deferred),
        reply: row.reply,
    }
}

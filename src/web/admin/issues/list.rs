//! `/admin/issues`: the list of issues.

use axum::extract::{Query, State};

use crate::domain::issue::IssueNumber;
use crate::domain::issue::slot::Slot;
use crate::store::{IssueRow, Store, StoreError};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::issues::view::{IssueTableRow, IssuesPage, NextIssueRow, SkippedWeek};
use crate::web::admin::response::{HandlerResult, render};
use crate::web::error::HttpError;
use crate::web::pagination::{After, split_page};
use crate::web::state::SharedState;
use crate::web::{Services, upcoming};

/// Issues per page.
const PAGE_SIZE: usize = 20;

/// Skipped weeks on the page.
const MAX_SKIPPED_WEEKS: i64 = 5;

/// `GET /admin/issues`
pub async fn show(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Query(After { after }): Query<After>,
) -> HandlerResult {
    let web = &shared.web;
    let before = IssueNumber::parse(&after).ok();
    let mut rows = web.store.issues(before, PAGE_SIZE as i64 + 1).await?;
    let older = split_page(&mut rows, PAGE_SIZE).map(|issue| issue.number.to_string());
    let next = match before {
        None => Some(NextIssueRow {
            number: web.store.next_number().await?.get(),
            goes_at: upcoming::ahead(web).await?.1,
        }),
        Some(_) => None,
    };
    let view = IssuesPage {
        layout: user.layout(&shared),
        next,
        issues: issue_rows(&shared, rows).await?,
        skipped: skipped_weeks(&web.store).await?,
        newer: before.is_some(),
        older,
    };
    render(&shared, &view)
}

async fn skipped_weeks(store: &Store) -> Result<Vec<SkippedWeek>, StoreError> {
    let slots = store.skipped_slots(MAX_SKIPPED_WEEKS).await?.into_iter();
    let week = |slot: Slot| SkippedWeek {
        year: slot.year(),
        week: slot.week(),
    };
    Ok(slots.map(week).collect())
}

/// Returns the table rows of `issues`, with their current delivery counts.
///
/// # Errors
/// Returns [`HttpError::Store`] if the database fails.
pub async fn issue_rows(
    shared: &SharedState,
    issues: Vec<IssueRow>,
) -> Result<Vec<IssueTableRow>, HttpError> {
    let mut rows = Vec::with_capacity(issues.len());
    for issue in issues {
        let snapshot = shared.live.look(issue).await?;
        let issue = &snapshot.sight.issue;
        rows.push(IssueTableRow {
            number: issue.number.get(),
            title: issue.subject.clone(),
            started_at: issue.frozen_at,
            state: snapshot.standing().as_str(),
            counts: (&issue.counts).into(),
        });
    }
    Ok(rows)
}

/// Returns the issue with this number.
///
/// # Errors
/// Returns [`HttpError::NotFound`] if `number` is not the number of an issue, and
/// [`HttpError::Store`] if the database fails.
pub async fn find_issue(web: &Services, number: &str) -> Result<IssueRow, HttpError> {
    let number = IssueNumber::parse(number).map_err(|_| HttpError::NotFound)?;
    web.store.issue(number).await?.ok_or(HttpError::NotFound)
}

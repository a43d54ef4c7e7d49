//! `/admin/issues`

use axum::extract::{Query, State};

use crate::domain::issue::IssueNumber;
use crate::domain::issue::slot::Slot;
use crate::store::{IssueRow, Store, StoreError};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::issues::view::{IssueLine, Issues, NextLine, SkippedWeek};
use crate::web::admin::response::{HandlerResult, page};
use crate::web::error::HttpError;
use crate::web::pagination::{After, split_page};
use crate::web::state::SharedState;
use crate::web::{Services, upcoming};

const PAGE: usize = 20;
/// Skipped weeks on the page.
const SKIPPED: i64 = 5;

pub async fn show(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Query(After { after }): Query<After>,
) -> HandlerResult {
    let web = &shared.web;
    let before = IssueNumber::parse(&after).ok();
    let mut rows = web.store.issues(before, PAGE as i64 + 1).await?;
    let older = split_page(&mut rows, PAGE).map(|issue| issue.number.to_string());
    let next = match before {
        None => Some(NextLine {
            number: web.store.next_number().await?.get(),
            goes_at: upcoming::ahead(web).await?.1,
        }),
        Some(_) => None,
    };
    let view = Issues {
        desk: editor.desk(&shared),
        next,
        issues: lines(&shared, rows).await?,
        skipped: skipped(&web.store).await?,
        newer: before.is_some(),
        older,
    };
    page(&shared, &view)
}

async fn skipped(store: &Store) -> Result<Vec<SkippedWeek>, StoreError> {
    let weeks = store.skipped_slots(SKIPPED).await?.into_iter();
    let week = |slot: Slot| SkippedWeek {
        year: slot.year(),
        week: slot.week(),
    };
    Ok(weeks.map(week).collect())
}

/// Issues with how their recipients are accounted for.
pub(crate) async fn lines(
    shared: &SharedState,
    rows: Vec<IssueRow>,
) -> Result<Vec<IssueLine>, HttpError> {
    let mut lines = Vec::with_capacity(rows.len());
    for issue in rows {
        let look = shared.live.look(issue).await?;
        let issue = &look.sight.issue;
        lines.push(IssueLine {
            number: issue.number.get(),
            title: issue.subject.clone(),
            begun_at: issue.frozen_at,
            state: look.standing().as_str(),
            tally: (&issue.tally).into(),
        });
    }
    Ok(lines)
}

pub async fn find(web: &Services, number: &str) -> Result<IssueRow, HttpError> {
    let number = IssueNumber::parse(number).map_err(|_| HttpError::NotFound)?;
    web.store.issue(number).await?.ok_or(HttpError::NotFound)
}

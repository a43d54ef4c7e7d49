//! `/admin/issues`

use axum::extract::{Query, State};
use serde::Deserialize;

use super::editor::Editor;
use super::views::{IssueLine, Issues, SkippedWeek};
use super::{Answer, page};
use crate::domain::issue::IssueNumber;
use crate::domain::slot::Slot;
use crate::store::{IssueRow, Store, StoreError};
use crate::web::state::Shared;

const PAGE: usize = 20;
/// Skipped weeks on the page.
const SKIPPED: i64 = 5;

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    after: String,
}

pub async fn show(
    State(shared): State<Shared>,
    editor: Editor,
    Query(asked): Query<Asked>,
) -> Answer {
    let store = &shared.web.store;
    let after = IssueNumber::parse(&asked.after).ok();
    let mut rows = store.issues(after, PAGE as i64 + 1).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let older = rows.last().filter(|_| more);
    let older = older.map(|issue| issue.number.to_string());
    let view = Issues {
        desk: editor.desk(&shared),
        issues: lines(store, rows).await?,
        skipped: skipped(store).await?,
        newer: after.is_some(),
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
pub(super) async fn lines(
    store: &Store,
    rows: Vec<IssueRow>,
) -> Result<Vec<IssueLine>, StoreError> {
    let mut lines = Vec::with_capacity(rows.len());
    for issue in rows {
        lines.push(IssueLine {
            number: issue.number.get(),
            tally: (&store.tally(&issue.id).await?).into(),
            title: issue.subject,
            begun_at: issue.frozen_at,
            state: issue.state.as_str(),
        });
    }
    Ok(lines)
}

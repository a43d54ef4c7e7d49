//! `/admin/audit`: who did what.

use axum::extract::{Query, State};
use serde::Deserialize;

use super::editor::Editor;
use super::views::{Audit, AuditLine};
use super::{Answer, page};
use crate::domain::ids::AuditId;
use crate::store::AuditRow;
use crate::web::state::Shared;

const PAGE: usize = 50;

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
    let after = AuditId::parse(&asked.after).ok();
    let mut rows = shared
        .web
        .store
        .audit(after.as_ref(), PAGE as i64 + 1)
        .await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let older = rows.last().filter(|_| more).map(|row| row.id.to_string());
    let view = Audit {
        desk: editor.desk(&shared),
        lines: rows.into_iter().map(line).collect(),
        newer: after.is_some(),
        older,
    };
    page(&shared, &view)
}

fn line(row: AuditRow) -> AuditLine {
    AuditLine {
        at: row.at,
        actor: row.actor,
        action: row.action.as_str(),
        object: row.object,
    }
}

//! `/admin/audit`: who did what.

use crate::domain::ids::AuditId;
use crate::store::AuditRow;
use crate::web::admin::accounts::view::{Audit, AuditLine};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::response::{HandlerResult, page};
use crate::web::pagination::{After, split_page};
use crate::web::state::SharedState;
use axum::extract::{Query, State};

const PAGE: usize = 50;

pub async fn show(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Query(After { after }): Query<After>,
) -> HandlerResult {
    let after = AuditId::parse(&after).ok();
    let mut rows = shared
        .web
        .store
        .audit(after.as_ref(), PAGE as i64 + 1)
        .await?;
    let older = split_page(&mut rows, PAGE).map(|row| row.id.to_string());
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
        kind: row.kind.as_str(),
        actor: row.actor,
        action: row.action.as_str(),
        object: row.object,
    }
}

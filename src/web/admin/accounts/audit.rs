//! `/admin/audit`: the audit log.

use axum::extract::{Query, State};

use crate::domain::ids::AuditId;
use crate::store::AuditRow;
use crate::web::admin::accounts::view::{AuditEntry, AuditPage};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::response::{HandlerResult, render};
use crate::web::pagination::{After, split_page};
use crate::web::state::SharedState;

/// Entries per page.
const PAGE_SIZE: usize = 50;

/// `GET /admin/audit`
pub async fn show(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Query(After { after }): Query<After>,
) -> HandlerResult {
    let after = AuditId::parse(&after).ok();
    let mut rows = shared
        .web
        .store
        .audit_entries(after.as_ref(), PAGE_SIZE as i64 + 1)
        .await?;
    let older = split_page(&mut rows, PAGE_SIZE).map(|row| row.id.to_string());
    let view = AuditPage {
        layout: user.layout(&shared),
        entries: rows.into_iter().map(audit_entry).collect(),
        newer: after.is_some(),
        older,
    };
    render(&shared, &view)
}

fn audit_entry(row: AuditRow) -> AuditEntry {
    AuditEntry {
        at: row.at,
        kind: row.actor_kind.as_str(),
        actor: row.actor,
        action: row.action.as_str(),
        target: row.target,
    }
}

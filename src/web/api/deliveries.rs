//! `/api/v1/issues/{number}/deliveries`: who got it, when, in how many tries.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::subscriber::SubscriberId;
use crate::store::DeliveryRow;
use crate::web::api::asked::{ApiQuery, page_of, page_size};
use crate::web::api::problem::Problem;
use crate::web::api::{HandlerResult, answer, issues};
use crate::web::pagination::split_page;
use crate::web::state::SharedState;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    state: Option<String>,
    /// A copy's id without its issue.
    after: Option<String>,
    limit: Option<String>,
}

pub async fn list(
    State(shared): State<SharedState>,
    Path(number): Path<String>,
    ApiQuery(asked): ApiQuery<List>,
) -> HandlerResult {
    let state = asked.state.as_deref().map(DeliveryState::parse).transpose();
    let state = state.map_err(|error| Problem::field("state", error))?;
    let size = page_size(asked.limit.as_deref())?;
    let after = asked.after.as_deref().map(SubscriberId::parse).transpose();
    let after = after.map_err(|error| Problem::field("after", error))?;
    let issue = issues::find(&shared, &number).await?.id;
    let after = after.map(|reader| DeliveryId::of_issue(&issue, &reader).to_string());
    let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
    let store = &shared.web.store;
    let copies = store.issue_deliveries(&issue, state.as_slice(), after.as_deref(), limit);
    let mut rows = copies.await?;
    let next =
        split_page(&mut rows, size).and_then(|row| Some(row.id.split_once(':')?.1.to_owned()));
    let rows = rows.iter().map(DeliveryRow::to_json).collect();
    answer(StatusCode::OK, &page_of("deliveries", rows, next))
}

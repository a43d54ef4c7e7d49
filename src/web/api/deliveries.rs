//! `/api/v1/issues/{number}/deliveries`: who got it, when, in how many tries.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::asked::{Asked, page_of, page_size};
use super::problem::Problem;
use super::{Answer, answer, issues};
use crate::domain::delivery::DeliveryState;
use crate::domain::issue::IssueId;
use crate::domain::subscriber::SubscriberId;
use crate::store::DeliveryRow;
use crate::web::admin::paging::cut;
use crate::web::state::Shared;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    state: String,
    after: String,
    limit: String,
}

pub async fn list(
    State(shared): State<Shared>,
    Path(number): Path<String>,
    Asked(asked): Asked<List>,
) -> Answer {
    let state = Some(asked.state.as_str()).filter(|state| !state.is_empty());
    let state = state.map(DeliveryState::parse).transpose();
    let state = state.map_err(|error| Problem::field("state", error))?;
    let size = page_size(&asked.limit)?;
    let issue = issues::find(&shared, &number).await?.id;
    let after = match asked.after.as_str() {
        "" => None,
        after if is_copy_of(&issue, after) => Some(after),
        _ => return Err(Problem::field("after", "it is no copy of this issue")),
    };
    let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
    let states = state.as_slice();
    let copies = shared.web.store.copies(&issue, states, after, limit);
    let mut rows = copies.await?;
    let next = cut(&mut rows, size).map(|row| row.id.clone());
    let rows = rows.iter().map(DeliveryRow::to_json).collect();
    answer(StatusCode::OK, &page_of("deliveries", rows, next))
}

fn is_copy_of(issue: &IssueId, id: &str) -> bool {
    let reader = id
        .split_once(':')
        .filter(|(of, _)| *of == issue.to_string());
    reader.is_some_and(|(_, reader)| SubscriberId::parse(reader).is_ok())
}

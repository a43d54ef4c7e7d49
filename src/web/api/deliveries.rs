//! `/api/v1/issues/{number}/deliveries`

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::subscriber::SubscriberId;
use crate::store::DeliveryRow;
use crate::web::api::enum_schemas::DeliveryStateSchema;
use crate::web::api::extract::{ApiQuery, parse_page_size};
use crate::web::api::issues::{IssuePath, find_issue};
use crate::web::api::problem::Problem;
use crate::web::api::response::{HandlerResult, json_response};
use crate::web::pagination::split_page;
use crate::web::state::SharedState;

/// Query of [`list`].
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Filters by state.
    #[param(value_type = DeliveryStateSchema, required = false)]
    state: Option<String>,
    /// `next` of the previous page.
    #[param(nullable = false, format = "uuid")]
    after: Option<String>,
    /// Number of rows of a page.
    #[param(value_type = i64, required = false, minimum = 1, maximum = 500, default = json!(50))]
    limit: Option<String>,
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryPage)]
struct PageResponse {
    deliveries: Vec<DeliveryResponse>,
    /// `after` of the next page, or null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// A delivery: the message of an issue to one subscriber.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
struct DeliveryResponse {
    id: String,
    #[schema(required)]
    issue: Option<i64>,
    /// Always `issue`.
    kind: &'static str,
    /// Null after the subscriber was erased.
    #[schema(required)]
    address: Option<String>,
    #[schema(value_type = DeliveryStateSchema)]
    state: &'static str,
    /// Number of attempts made.
    #[schema(minimum = 0)]
    attempts: i64,
    /// Last SMTP reply.
    #[schema(required)]
    reply: Option<String>,
    /// When this state began, in Unix milliseconds.
    at: i64,
    /// Next attempt, in Unix milliseconds; null unless deferred.
    #[schema(required)]
    due_at: Option<i64>,
    /// Whether the bounce was reported after the server had accepted the message.
    reported: bool,
}

impl From<DeliveryRow> for DeliveryResponse {
    fn from(row: DeliveryRow) -> Self {
        let due_at = row.due_at.filter(|_| row.state == DeliveryState::Deferred);
        Self {
            id: row.id,
            issue: row.issue,
            kind: row.kind.as_str(),
            address: row.address,
            state: row.state.as_str(),
            attempts: row.attempts,
            reply: row.reply,
            at: row.at.as_millis(),
            due_at: due_at.map(Timestamp::as_millis),
            reported: row.is_reported,
        }
    }
}

/// Lists the deliveries of an issue.
///
/// For each recipient: state, number of attempts and last SMTP reply.
#[utoipa::path(
    get, path = "/issues/{number}/deliveries", operation_id = "listDeliveries", tag = "Issues",
    params(IssuePath, ListQuery),
    responses((status = 200, description = "A page of deliveries.", body = PageResponse,
        example = json!({
            "deliveries": [{
                "id": "01986f4e-5c1a-7c3e-9d5b-0e6f2a4b8c1d:01986f4e-7777-7c3e-9d5b-0e6f2a4b8c1d",
                "issue": 43, "kind": "issue", "address": "ada@example.com",
                "state": "delivered", "attempts": 1, "reply": "250 2.0.0 ok",
                "at": 1_795_500_000_000_i64, "due_at": null, "reported": false,
            }],
            "next": "01986f4e-7777-7c3e-9d5b-0e6f2a4b8c1d",
        }))),
)]
pub async fn list(
    State(state): State<SharedState>,
    Path(path): Path<IssuePath>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> HandlerResult {
    let filter = query.state.as_deref().map(DeliveryState::parse).transpose();
    let filter = filter.map_err(|error| Problem::field("state", error))?;
    let size = parse_page_size(query.limit.as_deref())?;
    let after = query.after.as_deref().map(SubscriberId::parse).transpose();
    let after = after.map_err(|error| Problem::field("after", error))?;
    let issue = find_issue(&state, &path.number).await?.id;
    let after = after.map(|subscriber| DeliveryId::for_issue(&issue, &subscriber).to_string());
    let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
    let store = &state.web.store;
    let mut rows = store
        .issue_deliveries(&issue, filter.as_slice(), after.as_deref(), limit)
        .await?;
    // The id of a delivery is that of the issue and that of the subscriber.
    let next =
        split_page(&mut rows, size).and_then(|row| Some(row.id.split_once(':')?.1.to_owned()));
    let deliveries = rows.into_iter().map(DeliveryResponse::from).collect();
    json_response(StatusCode::OK, &PageResponse { deliveries, next })
}

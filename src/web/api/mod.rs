//! What programs see: `/api/v1/…` with a token, and `/api/openapi.json` that describes it.
//!
//! The table of routes says what a token must be good for, and [`auth`] holds it. What is
//! done is what the desk and the commands do, by the same functions. Every answer that is
//! no success is a [`problem::Problem`] (RFC 9457).

mod auth;
mod deliveries;
mod draft;
mod extract;
mod issues;
mod problem;
mod subscribers;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, patch, post};
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;

use self::problem::Problem;
use crate::domain::api_token::Scope;
use crate::web::issue_deed::IssueAction;
use crate::web::middleware::{body_limit, headers};
use crate::web::router::panicked;
use crate::web::state::SharedState;

/// Served as it is: what stands in it is held against the table by a test.
const DESCRIPTION: &str = include_str!("openapi.json");

/// A route of [`table`].
type Line = (Method, &'static str, Scope, MethodRouter<SharedState>);

/// Every request there is, relative to `/api/v1`, and what a token must be good for.
fn table() -> Vec<Line> {
    use Scope::{Issues, Read, Subscribers};
    let reading = |path, handler| (Method::GET, path, Read, handler);
    let posting = |path, scope, handler| (Method::POST, path, scope, handler);
    let deed = |path, deed: IssueAction| {
        let act = move |shared, caller, number, nothing| {
            issues::act(shared, caller, number, nothing, deed)
        };
        (Method::POST, path, Issues, post(act))
    };
    vec![
        reading("/subscribers", get(subscribers::list)),
        posting("/subscribers", Subscribers, post(subscribers::add)),
        reading("/subscribers/{id}", get(subscribers::one)),
        (
            Method::DELETE,
            "/subscribers/{id}",
            Subscribers,
            delete(subscribers::erase),
        ),
        posting(
            "/subscribers/{id}/unsubscribe",
            Subscribers,
            post(subscribers::unsubscribe),
        ),
        reading("/issues", get(issues::list)),
        reading("/issues/{number}", get(issues::one)),
        reading("/issues/{number}/deliveries", get(deliveries::list)),
        deed("/issues/{number}/pause", IssueAction::Pause),
        deed("/issues/{number}/resume", IssueAction::Resume),
        deed("/issues/{number}/cancel", IssueAction::Cancel),
        deed("/issues/{number}/try-now", IssueAction::TryNow),
        deed("/issues/{number}/send-again", IssueAction::SendAgain),
        reading("/next", get(draft::show)),
        (Method::PATCH, "/next", Issues, patch(draft::edit)),
        posting("/next/send", Issues, post(draft::send)),
    ]
}

/// The API, with what stands around it.
pub fn routes(shared: &SharedState) -> Router<SharedState> {
    let mut v1 = Router::new();
    for (_, path, scope, handler) in table() {
        let hold = from_fn_with_state((Arc::clone(shared), scope), auth::require_scope);
        v1 = v1.route(path, handler.route_layer(hold));
    }
    let nothing = async || StatusCode::NOT_FOUND;
    let api = Router::new()
        .route("/openapi.json", get(describe))
        .nest("/v1", v1)
        .fallback(nothing);
    Router::new()
        .nest("/api", api)
        .route("/api/", any(nothing))
        .layer(from_fn(body_limit::whole_body))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(problem::in_words))
        .layer(from_fn(headers::private_link))
}

async fn describe() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, DESCRIPTION).into_response()
}

type HandlerResult = Result<Response, Problem>;

fn answer(status: StatusCode, told: &impl Serialize) -> HandlerResult {
    let json = serde_json::to_vec(told).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let kind = HeaderValue::from_static("application/json");
    Ok((status, [(header::CONTENT_TYPE, kind)], json).into_response())
}

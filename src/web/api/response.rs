//! Successful JSON responses.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::web::api::problem::Problem;

/// Result of an API handler.
pub type HandlerResult = Result<Response, Problem>;

/// Builds a response with `body` as JSON.
///
/// # Errors
/// Returns a problem with status 500 if `body` cannot be serialized.
pub fn json_response(status: StatusCode, body: &impl Serialize) -> HandlerResult {
    let json = serde_json::to_vec(body).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let content_type = HeaderValue::from_static("application/json");
    Ok((status, [(header::CONTENT_TYPE, content_type)], json).into_response())
}

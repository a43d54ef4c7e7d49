//! Extractors for query strings and bodies. Unknown names are rejected.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::web::api::problem::Problem;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Rows of a page if `limit` is not given.
pub const DEFAULT_PAGE_SIZE: usize = 50;
/// Maximum of `limit`. Bounds the memory of one response.
pub const MAX_PAGE_SIZE: usize = 500;

/// Query string of type `T`. Rejected with 422 if it cannot be deserialized.
pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<SharedState> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &SharedState) -> Result<Self, Problem> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|error| Problem::field("query", error.body_text()))
    }
}

/// JSON body of type `T`. Rejected with 415 if it is not declared as JSON, 400 if it is not
/// valid JSON, 422 if it does not fit `T`.
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<SharedState> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &SharedState) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into());
        }
        let body = read_body(request, state).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            if error.is_data() {
                Problem::field("body", error)
            } else {
                Problem::invalid_json(&error)
            }
        })
    }
}

/// Asserts that the body is empty or `{}`. Rejected with 422 otherwise, because its content
/// would be ignored.
pub struct NoBody;

impl FromRequest<SharedState> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &SharedState) -> Result<Self, Problem> {
        let body = read_body(request, state).await?;
        match body.trim_ascii() {
            b"" | b"{}" => Ok(Self),
            _ => Err(Problem::field("body", "must be empty")),
        }
    }
}

async fn read_body(request: Request, state: &SharedState) -> Result<Bytes, Problem> {
    let body = Bytes::from_request(request, state).await;
    body.map_err(|_| HttpError::Mangled.into())
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (media_type, _) = value.split_once(';').unwrap_or((value, ""));
    media_type.trim().eq_ignore_ascii_case("application/json")
}

/// Parses the query parameter `limit`, the number of rows of a page.
///
/// # Errors
/// Returns a problem with status 422 if it is not a number from 1 to [`MAX_PAGE_SIZE`].
pub fn parse_page_size(limit: Option<&str>) -> Result<usize, Problem> {
    let Some(limit) = limit else {
        return Ok(DEFAULT_PAGE_SIZE);
    };
    let size = limit.parse().ok();
    let size = size.filter(|size| (1..=MAX_PAGE_SIZE).contains(size));
    size.ok_or_else(|| {
        let message = format!("expected a number from 1 to {MAX_PAGE_SIZE}");
        Problem::field("limit", message)
    })
}

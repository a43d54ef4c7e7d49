//! What a request asks for: a query, a body, a page of a list. Nothing in it is passed over.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::web::api::problem::Problem;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Rows of a page, unless asked otherwise.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 500;

/// A query whose names are all known.
pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<SharedState> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &SharedState) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        let Query(asked) = query.map_err(|error| Problem::field("query", error.body_text()))?;
        Ok(Self(asked))
    }
}

/// A body of JSON whose names are all known.
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<SharedState> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &SharedState) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Send JSON, and say so: 'Content-Type: application/json'.",
            ));
        }
        let body = read(request, shared).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            if error.is_data() {
                Problem::field("body", error)
            } else {
                let detail = format!("The body is no JSON: {error}.");
                Problem::new(StatusCode::BAD_REQUEST, detail)
            }
        })
    }
}

/// No body, or an empty one: what somebody wrote there would be passed over.
pub struct NoBody;

impl FromRequest<SharedState> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &SharedState) -> Result<Self, Problem> {
        let body = read(request, shared).await?;
        match body.trim_ascii() {
            b"" | b"{}" => Ok(Self),
            _ => Err(Problem::field("body", "nothing is expected here")),
        }
    }
}

async fn read(request: Request, shared: &SharedState) -> Result<Bytes, Problem> {
    let body = Bytes::from_request(request, shared).await;
    body.map_err(|_| HttpError::Mangled.into())
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (kind, _) = kind.split_once(';').unwrap_or((kind, ""));
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// How many rows a page is to have.
pub fn page_size(limit: Option<&str>) -> Result<usize, Problem> {
    let Some(limit) = limit else {
        return Ok(PAGE);
    };
    let size = limit.parse().ok();
    let size = size.filter(|size| (1..=LARGEST_PAGE).contains(size));
    let says = || format!("expected a number from 1 to {LARGEST_PAGE}");
    size.ok_or_else(|| Problem::field("limit", says()))
}

/// A page of a list under its name, and where the next one begins.
pub fn page_of<T: Serialize>(name: &str, rows: Vec<T>, next: Option<String>) -> Value {
    json!({ name: rows, "next": next })
}

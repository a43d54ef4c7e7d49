//! Result of a handler, and caching of the public pages.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::web::error::HttpError;

/// Result of a handler.
pub type HandlerResult = Result<Response, HttpError>;

/// How long caches may keep a page. A cached page contains no personal data; the timestamp in
/// its form is valid for a day.
#[derive(Clone, Copy)]
pub enum CachePolicy {
    /// One minute, so that a new issue appears promptly.
    OneMinute,
    /// For pages that change with the settings only.
    FifteenMinutes,
    /// For pages that contain personal data.
    NoStore,
}

/// Sets the caching header of a response.
pub fn with_cache(policy: CachePolicy, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    let value = match policy {
        CachePolicy::OneMinute => "public, max-age=60",
        CachePolicy::FifteenMinutes => "public, max-age=900",
        CachePolicy::NoStore => "no-store",
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
    response
}

//! Error pages.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::web::render::templates;
use crate::web::state::SharedState;

templates! {
    ErrorPage => "public/error.html",
}

/// Page for an error. The template chooses the text by the status.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorPage {
    /// Status of the response.
    pub status: u16,
    /// Whether the page links to the admin UI instead of the home page.
    pub is_admin: bool,
}

/// Middleware that turns an error with a bare status, or with a plain-text message of the
/// framework, into a page.
pub async fn error_pages(
    State(state): State<SharedState>,
    request: Request,
    next: Next,
) -> Response {
    let is_admin = request.uri().path().starts_with("/admin");
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || has_own_body(&response) {
        return response;
    }
    let (mut head, _) = response.into_parts();
    let page = ErrorPage {
        status: status.as_u16(),
        is_admin,
    };
    let Ok(page) = state.pages.text(&page) else {
        return status.into_response();
    };
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    head.headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    Response::from_parts(head, Body::from(page))
}

/// Returns whether a handler has set the body. Extractors of the framework reject requests
/// with plain text.
fn has_own_body(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| !value.as_bytes().starts_with(b"text/plain"))
}

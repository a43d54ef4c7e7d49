//! Responses that admin handlers return.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::web::admin::flash::FlashMessage;
use crate::web::error::HttpError;
use crate::web::render::View;
use crate::web::state::SharedState;

/// What a handler returns: a response, or an error that becomes an error page.
pub type HandlerResult = Result<Response, HttpError>;

/// Renders a page with status 200.
///
/// # Errors
/// Returns [`HttpError::Page`] if the template cannot be rendered.
pub fn render<V: View>(shared: &SharedState, view: &V) -> HandlerResult {
    Ok(shared.pages.html(view)?.into_response())
}

/// Renders a page whose form contains errors, with status 422.
///
/// # Errors
/// Returns [`HttpError::Page`] if the template cannot be rendered.
pub fn render_invalid<V: View>(shared: &SharedState, view: &V) -> HandlerResult {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shared.pages.html(view)?).into_response())
}

/// Redirects to `path`, like `/admin/feeds`, which must be percent-encoded.
pub fn redirect(shared: &SharedState, path: &str) -> Response {
    match HeaderValue::try_from(format!("{}{path}", shared.site.base)) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => HttpError::Mangled.into_response(),
    }
}

/// Redirects to `path`, which must have no query, and shows `message` there.
pub fn redirect_with_flash(shared: &SharedState, path: &str, message: FlashMessage) -> Response {
    redirect(shared, &format!("{path}?done={}", message.as_str()))
}

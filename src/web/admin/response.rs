//! Responses that admin handlers return.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::web::admin::flash::FlashMessage;
use crate::web::error::HttpError;
use crate::web::pages::View;
use crate::web::state::SharedState;

pub type HandlerResult = Result<Response, HttpError>;

pub fn page<V: View>(shared: &SharedState, view: &V) -> HandlerResult {
    Ok(shared.pages.html(view)?.into_response())
}

/// A form shown again with what was wrong in it.
pub fn refused<V: View>(shared: &SharedState, view: &V) -> HandlerResult {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shared.pages.html(view)?).into_response())
}

/// On to another page of ours; `path` is like `/admin/feeds`, already percent-encoded.
pub fn redirect(shared: &SharedState, path: &str) -> Response {
    match HeaderValue::try_from(format!("{}{path}", shared.site.base)) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => HttpError::Mangled.into_response(),
    }
}

/// The same, and what was done.
pub fn redirect_with_flash(shared: &SharedState, path: &str, notice: FlashMessage) -> Response {
    redirect(shared, &format!("{path}?done={}", notice.as_str()))
}

//! Response to a private link that is not valid: the same for every reason.

use axum::http::StatusCode;
use serde::Serialize;

use crate::subscription::LinkError;
use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::public::signup_form::SignupForm;
use crate::web::render::templates;
use crate::web::state::AppState;

templates! {
    InvalidLink => "public/invalid_link.html",
}

/// Kind of a private link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Link of the confirmation mail.
    Confirm,
    /// Unsubscribe link of an issue.
    Unsubscribe,
    /// Preferences link of an issue.
    Preferences,
    /// Link requested on the preferences page, valid for 60 minutes.
    Requested,
}

/// The page.
#[derive(Clone, Debug, Serialize)]
pub struct InvalidLink {
    /// Kind of the link.
    pub link: LinkKind,
    /// Shown for [`LinkKind::Confirm`].
    pub form: SignupForm,
}

/// Builds the response with status 404.
///
/// # Errors
/// Returns the [`HttpError`](crate::web::error::HttpError) of the database if the link could
/// not be verified because of it, or of the template.
pub fn response(state: &AppState, link: LinkKind, error: LinkError) -> HandlerResult {
    match error {
        LinkError::Invalid => {
            let form = SignupForm::blank(state);
            let page = state.pages.html(&InvalidLink { link, form })?;
            Ok(with_cache(
                CachePolicy::NoStore,
                (StatusCode::NOT_FOUND, page),
            ))
        }
        LinkError::Store(error) => Err(error.into()),
    }
}

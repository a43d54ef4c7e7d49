//! A private link that does not hold: one answer, whatever the reason.

use axum::http::StatusCode;

use crate::subscription::LinkError;
use crate::web::public::views::{InvalidLink, Link};
use crate::web::public::{HandlerResult, Keep, home, keep};
use crate::web::state::AppState;

/// 404 for a link that does not hold.
///
/// # Errors
/// When the database failed.
pub fn answer(state: &AppState, link: Link, error: LinkError) -> HandlerResult {
    match error {
        LinkError::Gone => {
            let page = state.pages.html(&InvalidLink {
                link,
                form: home::blank_form(state),
            })?;
            Ok(keep(Keep::Never, (StatusCode::NOT_FOUND, page)))
        }
        LinkError::Store(error) => Err(error.into()),
    }
}

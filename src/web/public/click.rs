//! `/r/{post}`: the same way to a post for every reader, where clicks are counted.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse;

use crate::domain::issue::post::PostId;
use crate::web::error::HttpError;
use crate::web::public::{HandlerResult, Keep, keep};
use crate::web::state::SharedState;

/// Leads on to the stored address of the post, and nowhere else. Links in old mails work
/// on when counting is switched off.
pub async fn follow(
    State(state): State<SharedState>,
    method: Method,
    Path(post): Path<String>,
) -> HandlerResult {
    let store = &state.web.store;
    let post = PostId::parse(&post).map_err(|_| HttpError::NotFound)?;
    let url = store.post_url(&post).await?.ok_or(HttpError::NotFound)?;
    if state.web.digests.rules.count_clicks && method == Method::GET {
        store.record_click(&post).await?;
    }
    let location = HeaderValue::try_from(url.as_str()).map_err(|_| HttpError::NotFound)?;
    let answer = (StatusCode::FOUND, [(header::LOCATION, location)]);
    Ok(keep(Keep::Never, answer.into_response()))
}

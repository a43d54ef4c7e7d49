//! `/r/{post}`: redirects to a post and counts clicks. The link is the same for every
//! subscriber.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse;

use crate::domain::issue::post::PostId;
use crate::web::error::HttpError;
use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::state::SharedState;

/// Redirects to the stored URL of the post. Links in sent issues keep working after click
/// counting is disabled.
pub async fn redirect(
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
    let response = (StatusCode::FOUND, [(header::LOCATION, location)]);
    Ok(with_cache(CachePolicy::NoStore, response.into_response()))
}

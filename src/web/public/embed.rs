//! `GET /embed`: the sign-up form as HTML to copy to another site.

use axum::extract::State;
use serde::Serialize;

use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::render::templates;
use crate::web::state::SharedState;

templates! {
    Embed => "public/embed.html",
}

/// The page.
#[derive(Clone, Debug, Serialize)]
pub struct Embed {}

/// Shows the page.
pub async fn show(State(state): State<SharedState>) -> HandlerResult {
    let page = state.pages.html(&Embed {})?;
    Ok(with_cache(CachePolicy::FifteenMinutes, page))
}

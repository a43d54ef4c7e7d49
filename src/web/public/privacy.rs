//! `GET /privacy`: which data is stored, why and for how long.

use axum::extract::State;
use serde::Serialize;

use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::render::templates;
use crate::web::state::SharedState;

templates! {
    Privacy => "public/privacy.html",
}

/// The page.
#[derive(Clone, Debug, Serialize)]
pub struct Privacy {
    /// Contact address: `newsletter.reply_to` or `newsletter.from`.
    pub contact: Option<String>,
    /// Whether clicks on the links of an issue are counted.
    pub counts_clicks: bool,
}

/// Shows the page.
pub async fn show(State(state): State<SharedState>) -> HandlerResult {
    let identity = &state.web.digests.identity;
    let sender = identity
        .reply_to
        .as_ref()
        .unwrap_or(&identity.from)
        .address();
    // Until the sender is set, it is a placeholder that receives no mail (RFC 2606 §2).
    let is_real = !sender.domain().ends_with(".invalid");
    let page = Privacy {
        contact: is_real.then(|| sender.to_string()),
        counts_clicks: state.web.digests.rules.count_clicks,
    };
    let page = state.pages.html(&page)?;
    Ok(with_cache(CachePolicy::FifteenMinutes, page))
}

//! `GET /privacy`: what is stored, why, for how long.

use axum::extract::State;

use crate::web::public::views::Privacy;
use crate::web::public::{HandlerResult, Keep, keep};
use crate::web::state::SharedState;

pub async fn show(State(state): State<SharedState>) -> HandlerResult {
    let identity = &state.web.digests.identity;
    let sender = identity
        .reply_to
        .as_ref()
        .unwrap_or(&identity.from)
        .address();
    // A stand-in, until the owner sets an address (RFC 2606 §2): nobody reads it.
    let is_real = !sender.domain().ends_with(".invalid");
    let contact = is_real.then(|| sender.to_string());
    let page = Privacy {
        contact,
        counts_clicks: state.web.digests.rules.count_clicks,
    };
    Ok(keep(Keep::Quarter, state.pages.html(&page)?))
}

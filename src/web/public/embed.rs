//! `GET /embed`: the form to put on another page.

use axum::extract::State;

use crate::web::public::views::Embed;
use crate::web::public::{HandlerResult, Keep, keep};
use crate::web::state::SharedState;

pub async fn show(State(state): State<SharedState>) -> HandlerResult {
    Ok(keep(Keep::Quarter, state.pages.html(&Embed {})?))
}

//! `GET /embed`: the form to put on another page.

use axum::extract::State;

use crate::web::public::views::Embed;
use crate::web::public::{Answer, Keep, keep};
use crate::web::state::SharedState;

pub async fn show(State(state): State<SharedState>) -> Answer {
    Ok(keep(Keep::Quarter, state.pages.html(&Embed {})?))
}

//! The desk.

pub mod views;

pub fn routes() -> axum::Router<super::state::Shared> {
    axum::Router::new()
}

//! The desk: one file per page, and who may see it.
//!
//! A page asks for an [`editor::Editor`], a change for an [`editor::Posted`] form; the
//! door ([`login`], [`setup`]) is the only part that does without.

pub mod board;
mod doorkeeper;
mod draft;
mod editor;
mod feeds;
mod fields;
mod issue;
mod issues;
mod login;
mod origin;
mod outbox;
mod overview;
mod send;
mod session;
mod settings;
mod setup;
mod subscribers;
#[cfg(test)]
mod tests;
pub mod views;

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use self::doorkeeper::Doorkeeper;
use self::views::Notice;
use super::errors::HttpError;
use super::headers;
use super::pages::View;
use super::state::Shared;

/// The desk, relative to `/admin`. Each call has counts of its own of who tried to log in.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(overview::show))
        .route("/setup", get(setup::show).post(setup::set))
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/next", get(draft::show))
        .route("/next/html", get(draft::html))
        .route("/next/test", post(draft::test))
        .route("/next/collect", post(draft::collect))
        .route("/next/send", get(send::show).post(send::send))
        .route("/issues", get(issues::show))
        .route("/issues/{number}", get(issue::show).post(issue::act))
        .route(
            "/subscribers",
            get(subscribers::show).post(subscribers::add),
        )
        .route("/feeds", get(feeds::show).post(feeds::add))
        .route("/feeds/{id}", post(feeds::act))
        .route("/settings", get(settings::show))
        .route(
            "/settings/{tab}",
            get(settings::show_tab).post(settings::save),
        )
        .route("/settings/sending/try", post(settings::try_sending))
        .route("/outbox", get(outbox::show))
        .route("/outbox/{name}", get(outbox::mail))
        .route("/outbox/{name}/html", get(outbox::html))
        .layer(Extension(Arc::new(Doorkeeper::new())))
        .layer(from_fn(headers::desk))
}

type Answer = Result<Response, HttpError>;

fn page<V: View>(shared: &Shared, view: &V) -> Answer {
    Ok(shared.pages.html(view)?.into_response())
}

/// A form shown again with what was wrong in it.
fn refused<V: View>(shared: &Shared, view: &V) -> Answer {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shared.pages.html(view)?).into_response())
}

/// On to another page of ours; `path` is like `/admin/feeds`, already percent-encoded.
fn see_other(shared: &Shared, path: &str) -> Response {
    match HeaderValue::try_from(format!("{}{path}", shared.site.base)) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => HttpError::Mangled.into_response(),
    }
}

/// The same, and what was done.
fn done(shared: &Shared, path: &str, notice: Notice) -> Response {
    see_other(shared, &format!("{path}?done={}", notice.as_str()))
}

//! The readers' pages: one file each.

mod check;
mod click_redirect;
mod confirm;
mod email_links;
mod embed;
mod embed_detection;
mod form_timing;
mod home;
mod invalid_link;
mod issues;
mod preferences;
mod privacy;
mod subscribe;
#[cfg(test)]
mod tests;
mod token;
mod unsubscribe;
pub mod views;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::web::error::HttpError;
use crate::web::middleware::headers;
use crate::web::state::SharedState;

pub fn routes() -> Router<SharedState> {
    let links = Router::new()
        .route(
            "/confirm/{token}",
            get(confirm::show).post(confirm::confirm),
        )
        .route(
            "/unsubscribe/{token}",
            get(unsubscribe::show).post(unsubscribe::unsubscribe),
        )
        .route(
            "/preferences/{token}",
            get(preferences::show).post(preferences::change),
        )
        .route(
            "/change-address/{token}",
            get(email_links::change_address).post(email_links::ask_new_address),
        )
        .route(
            "/new-address/{token}",
            get(email_links::new_address).post(email_links::take_new_address),
        )
        .route(
            "/export/{token}",
            get(email_links::export).post(email_links::download),
        )
        .route(
            "/erase/{token}",
            get(email_links::erase).post(email_links::erase_now),
        )
        .route_layer(from_fn(headers::private_link));
    Router::new()
        .route("/", get(home::show))
        .route("/subscribe", post(subscribe::subscribe))
        .route("/check", get(check::show))
        .route("/issues", get(issues::archive))
        .route("/issues/feed.xml", get(issues::feed))
        .route("/issues/{number}", get(issues::show))
        .route("/r/{post}", get(click_redirect::follow))
        .route("/embed", get(embed::show))
        .route("/privacy", get(privacy::show))
        .merge(links)
}

type HandlerResult = Result<Response, HttpError>;

/// How long a page may be shown without asking again. No page of these has a reader in
/// it; a form's stamp is good for a day.
#[derive(Clone, Copy)]
enum Keep {
    /// Seen at once when an issue comes out.
    Minute,
    Quarter,
    /// What somebody typed is nobody else's.
    Never,
}

fn keep(keep: Keep, page: impl IntoResponse) -> Response {
    let mut response = page.into_response();
    let value = match keep {
        Keep::Minute => "public, max-age=60",
        Keep::Quarter => "public, max-age=900",
        Keep::Never => "no-store",
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
    response
}

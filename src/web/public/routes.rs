//! Routes of the public pages.

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};

use crate::web::middleware::headers;
use crate::web::public::{
    check, click_redirect, confirm, email_links, embed, home, issues, preferences, privacy,
    signup_json, signup_step, subscribe, test_copy, unsubscribe,
};
use crate::web::state::SharedState;

/// Builds the router of the public pages.
pub fn routes() -> Router<SharedState> {
    let private_links = Router::new()
        .route(
            "/confirm/{token}",
            get(confirm::show).post(confirm::confirm),
        )
        .route(
            "/unsubscribe/{token}",
            get(unsubscribe::show).post(unsubscribe::unsubscribe),
        )
        .route("/subscribe/{token}", get(signup_step::show))
        .route(
            "/preferences/{token}",
            get(preferences::show).post(preferences::change),
        )
        .route(
            "/change-address/{token}",
            get(email_links::show_change_address).post(email_links::request_new_address),
        )
        .route(
            "/new-address/{token}",
            get(email_links::show_new_address).post(email_links::confirm_new_address),
        )
        .route(
            "/export/{token}",
            get(email_links::show_export).post(email_links::download_export),
        )
        .route(
            "/erase/{token}",
            get(email_links::show_erase).post(email_links::erase),
        )
        .route_layer(from_fn(headers::private_link));
    Router::new()
        .route("/", get(home::show))
        .route(
            "/subscribe",
            post(subscribe::subscribe).options(signup_json::preflight),
        )
        .route("/check", get(check::show))
        .route("/issues", get(issues::show_archive))
        .route("/issues/feed.xml", get(issues::feed))
        .route("/issues/test", get(test_copy::show_issue))
        .route("/issues/{number}", get(issues::show))
        .route("/r/{post}", get(click_redirect::redirect))
        .route("/embed", get(embed::show))
        .route("/privacy", get(privacy::show))
        .merge(private_links)
}

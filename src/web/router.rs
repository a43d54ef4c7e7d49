//! Routes of the site and their middleware.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;

use crate::web::error::{HttpError, panicked};
use crate::web::middleware::error_pages::error_pages;
use crate::web::middleware::headers::Transport;
use crate::web::middleware::request_log::log_request;
use crate::web::middleware::{body_limit, headers};
use crate::web::render::TemplatesError;
use crate::web::services::Services;
use crate::web::state::{AppState, SharedState};
use crate::web::{admin, api, health, public};

/// Builds the router of the whole site, without a socket.
///
/// # Errors
/// Returns [`TemplatesError`] if a built-in page template does not parse, which a test rules
/// out.
pub fn router(services: Services) -> Result<Router, TemplatesError> {
    Ok(build(&Arc::new(AppState::new(services)?)))
}

/// Builds the router for `state`.
pub(crate) fn build(state: &SharedState) -> Router {
    let transport = if state.web.door.public_url.is_https() {
        Transport::Tls
    } else {
        Transport::Plain
    };
    let forms = Router::new()
        .merge(public::routes())
        .nest("/admin", admin::routes(state))
        .fallback(async || HttpError::NotFound)
        .with_state(Arc::clone(state))
        .merge(state.assets.clone().router())
        .layer(from_fn(body_limit::buffer_body));
    let uploads = Router::new().nest("/admin", admin::uploads(state));
    let pages = forms
        .merge(uploads.with_state(Arc::clone(state)))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(state), error_pages));
    let site = pages
        .merge(api::routes(state).with_state(Arc::clone(state)))
        .merge(health::routes().with_state(Arc::clone(state)))
        .layer(from_fn_with_state(transport, headers::site))
        .layer(from_fn(log_request));
    with_prefix(&state.site.base, site)
}

/// Serves `/weekly/…` and `/…` alike, whether or not the reverse proxy strips the prefix.
fn with_prefix(prefix: &str, routes: Router) -> Router {
    if prefix.is_empty() {
        return routes;
    }
    // A middleware cannot change the route of its own router, so the routes are nested as a
    // fallback service.
    Router::new()
        .fallback_service(routes)
        .layer(from_fn_with_state(Arc::<str>::from(prefix), strip_prefix))
}

async fn strip_prefix(
    State(prefix): State<Arc<str>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(uri) = without_prefix(request.uri(), &prefix) {
        *request.uri_mut() = uri;
    }
    next.run(request).await
}

fn without_prefix(uri: &Uri, prefix: &str) -> Option<Uri> {
    let rest = uri.path().strip_prefix(prefix)?;
    let path = match rest {
        "" => "/",
        rest if rest.starts_with('/') => rest,
        _ => return None,
    };
    match uri.query() {
        Some(query) => format!("{path}?{query}").parse().ok(),
        None => path.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_prefix_strips_only_whole_segment() {
        for (uri, stripped) in [
            ("/weekly", Some("/")),
            ("/weekly/", Some("/")),
            ("/weekly?a=b", Some("/?a=b")),
            ("/weekly/issues/3?a=b", Some("/issues/3?a=b")),
            ("/weekly//x", Some("//x")),
            ("/weeklyish", None),
            ("/issues", None),
        ] {
            let found = without_prefix(&uri.parse().unwrap(), "/weekly");
            assert_eq!(
                found.map(|uri| uri.to_string()).as_deref(),
                stripped,
                "{uri}"
            );
        }
    }
}

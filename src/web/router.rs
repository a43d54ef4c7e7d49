//! Which address leads where, and through which layers.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use crate::web::error::{HttpError, error_pages};
use crate::web::middleware::body_limit;
use crate::web::middleware::headers::{self, Transport};
use crate::web::render::TemplatesError;
use crate::web::state::{AppState, SharedState};
use crate::web::{Services, admin, api, health, public};

/// All of the web, without a socket.
///
/// # Errors
/// When a built-in page template does not parse, which a test rules out.
pub fn router(web: Services) -> Result<Router, TemplatesError> {
    Ok(with_state(&Arc::new(AppState::new(web)?)))
}

pub(super) fn with_state(state: &SharedState) -> Router {
    let tls = state.web.door.public_url.is_https();
    let transport = if tls {
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
        .layer(from_fn(body_limit::whole_body));
    let uploads = Router::new().nest("/admin", admin::uploads(state));
    let pages = forms
        .merge(uploads.with_state(Arc::clone(state)))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(state), error_pages));
    let all = pages
        .merge(api::routes(state).with_state(Arc::clone(state)))
        .merge(health::routes().with_state(Arc::clone(state)))
        .layer(from_fn_with_state(transport, headers::site));
    under(&state.site.base, all)
}

/// Serves `/weekly/…` and `/…` alike: a proxy in front may take the prefix off, or not.
fn under(prefix: &str, routes: Router) -> Router {
    if prefix.is_empty() {
        return routes;
    }
    // A rewritten path is only seen by a router further in.
    Router::new()
        .fallback_service(routes)
        .layer(from_fn_with_state(
            Arc::<str>::from(prefix),
            take_prefix_off,
        ))
}

async fn take_prefix_off(
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

pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_prefix_comes_off() {
        for (uri, rest) in [
            ("/weekly", Some("/")),
            ("/weekly/", Some("/")),
            ("/weekly?a=b", Some("/?a=b")),
            ("/weekly/issues/3?a=b", Some("/issues/3?a=b")),
            ("/weekly//x", Some("//x")),
            ("/weeklyish", None),
            ("/issues", None),
        ] {
            let found = without_prefix(&uri.parse().unwrap(), "/weekly");
            assert_eq!(found.map(|uri| uri.to_string()).as_deref(), rest, "{uri}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_500() {
        use tower::ServiceExt;
        let broken = Router::new()
            .route(
                "/",
                axum::routing::get(async || {
                    if true {
                        panic!("on purpose")
                    }
                }),
            )
            .layer(CatchPanicLayer::custom(panicked));
        let answer = broken
            .oneshot(Request::new(axum::body::Body::empty()))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

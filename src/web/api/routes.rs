//! Routes of the API, each with the scope that it requires.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, patch, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::domain::api_token::Scope;
use crate::web::api::{auth, deliveries, draft, issues, openapi, problem, subscribers};
use crate::web::error::panicked;
use crate::web::middleware::{body_limit, headers};
use crate::web::state::SharedState;

/// The OpenAPI document as served, built on first use.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let scopes = table()
        .into_iter()
        .map(|(method, path, scope, _)| (method, path, scope));
    openapi::document(scopes).to_string()
});

/// An operation: method, path below `/api/v1`, required scope and handler.
pub type Operation = (Method, &'static str, Scope, MethodRouter<SharedState>);

/// Returns all operations.
pub fn table() -> Vec<Operation> {
    use Scope::{Issues, Read, Subscribers};
    let read = |path, handler| (Method::GET, path, Read, handler);
    let write = |path, scope, handler| (Method::POST, path, scope, handler);
    vec![
        read("/subscribers", get(subscribers::list)),
        write("/subscribers", Subscribers, post(subscribers::add)),
        read("/subscribers/{id}", get(subscribers::show)),
        (
            Method::DELETE,
            "/subscribers/{id}",
            Subscribers,
            delete(subscribers::erase),
        ),
        write(
            "/subscribers/{id}/unsubscribe",
            Subscribers,
            post(subscribers::unsubscribe),
        ),
        read("/issues", get(issues::list)),
        read("/issues/{number}", get(issues::show)),
        read("/issues/{number}/deliveries", get(deliveries::list)),
        write("/issues/{number}/pause", Issues, post(issues::pause)),
        write("/issues/{number}/resume", Issues, post(issues::resume)),
        write("/issues/{number}/cancel", Issues, post(issues::cancel)),
        write("/issues/{number}/try-now", Issues, post(issues::try_now)),
        write(
            "/issues/{number}/send-again",
            Issues,
            post(issues::send_again),
        ),
        read("/next", get(draft::show)),
        (Method::PATCH, "/next", Issues, patch(draft::edit)),
        write("/next/send", Issues, post(draft::send)),
    ]
}

/// Builds the router of the API with its middleware.
pub fn routes(state: &SharedState) -> Router<SharedState> {
    let mut v1 = Router::new();
    for (_, path, scope, handler) in table() {
        let check = from_fn_with_state((Arc::clone(state), scope), auth::require_scope);
        v1 = v1.route(path, handler.route_layer(check));
    }
    let not_found = async || StatusCode::NOT_FOUND;
    let api = Router::new()
        .route("/openapi.json", get(show_document))
        .nest("/v1", v1)
        .fallback(not_found);
    Router::new()
        .nest("/api", api)
        .route("/api/", any(not_found))
        .layer(from_fn(body_limit::buffer_body))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(problem::error_problems))
        .layer(from_fn(headers::private_link))
}

async fn show_document() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, DOCUMENT.as_str()).into_response()
}

//! The route table of the admin UI.
//!
//! Handlers take a [`CurrentUser`](crate::web::admin::current_user::CurrentUser) for a page and a
//! [`VerifiedForm`](crate::web::admin::current_user::VerifiedForm) for a change. Only the
//! login pages take neither.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};

use crate::web::admin::access::{self, Access};
use crate::web::admin::{
    accounts, draft, feeds, issues, login, outbox, overview, settings, subscribers,
};
use crate::web::middleware::headers;
use crate::web::state::SharedState;

/// Returns every route, relative to `/admin`, with the access it requires.
pub fn route_table() -> Vec<(&'static str, Access, MethodRouter<SharedState>)> {
    use Access::{Admin, Editor, Public};
    vec![
        (
            "/setup",
            Public,
            get(login::setup::show).post(login::setup::submit),
        ),
        (
            "/login",
            Public,
            get(login::form::show).post(login::form::log_in),
        ),
        ("/logout", Editor, post(login::form::log_out)),
        ("/", Editor, get(overview::show)),
        (
            "/next",
            Editor,
            get(draft::page::show).post(draft::edit::submit),
        ),
        ("/next/html", Editor, get(draft::page::preview_html)),
        ("/next/test", Editor, post(draft::page::send_test)),
        ("/next/collect", Editor, post(draft::page::check_feeds)),
        (
            "/next/add",
            Editor,
            get(draft::post::show_new).post(draft::post::add),
        ),
        (
            "/next/posts/{id}",
            Editor,
            get(draft::post::show).post(draft::post::change),
        ),
        ("/next/skip", Editor, post(draft::skip::skip)),
        (
            "/next/send",
            Editor,
            get(draft::send::show).post(draft::send::send),
        ),
        ("/issues", Editor, get(issues::list::show)),
        (
            "/issues/{number}",
            Editor,
            get(issues::show::show).post(issues::show::submit_action),
        ),
        ("/issues/{number}/send", Editor, get(issues::show::review)),
        (
            "/issues/{number}/live",
            Editor,
            get(issues::progress_stream::stream),
        ),
        (
            "/issues/{number}/deliveries.csv",
            Editor,
            get(issues::deliveries::export),
        ),
        (
            "/subscribers",
            Editor,
            get(subscribers::list::show).post(subscribers::list::add),
        ),
        (
            "/subscribers/export",
            Editor,
            get(subscribers::export::download),
        ),
        (
            "/subscribers/import",
            Editor,
            get(subscribers::import::form),
        ),
        (
            "/subscribers/import/{id}",
            Editor,
            get(subscribers::import::show).post(subscribers::import::submit_action),
        ),
        (
            "/subscribers/resend",
            Editor,
            post(subscribers::bulk::resend),
        ),
        (
            "/subscribers/many",
            Editor,
            get(subscribers::bulk::confirm).post(subscribers::bulk::apply),
        ),
        (
            "/subscribers/many/{id}",
            Editor,
            get(subscribers::bulk::show),
        ),
        (
            "/subscribers/{id}",
            Editor,
            get(subscribers::show::show).post(subscribers::show::submit_action),
        ),
        ("/feeds", Editor, get(feeds::show).post(feeds::add)),
        ("/feeds/{id}", Editor, post(feeds::submit_action)),
        ("/outbox", Editor, get(outbox::show)),
        ("/outbox/{name}", Editor, get(outbox::show_message)),
        ("/outbox/{name}/html", Editor, get(outbox::message_html)),
        ("/account", Editor, get(accounts::own::show)),
        (
            "/account/password",
            Editor,
            post(accounts::own::change_password),
        ),
        (
            "/account/log-out",
            Editor,
            post(accounts::own::log_out_everywhere),
        ),
        ("/settings", Admin, get(settings::save::show)),
        (
            "/settings/{tab}",
            Admin,
            get(settings::save::show_tab).post(settings::save::save),
        ),
        (
            "/settings/tokens",
            Admin,
            get(settings::tokens::show).post(settings::tokens::create),
        ),
        (
            "/settings/tokens/{id}",
            Admin,
            post(settings::tokens::revoke),
        ),
        (
            "/settings/sending/try",
            Admin,
            post(settings::save::send_test),
        ),
        (
            "/accounts",
            Admin,
            get(accounts::list::show).post(accounts::list::invite),
        ),
        ("/accounts/{id}", Admin, post(accounts::list::submit_action)),
        ("/audit", Admin, get(accounts::audit::show)),
    ]
}

/// Returns the router of the admin UI, relative to `/admin`.
pub fn routes(shared: &SharedState) -> Router<SharedState> {
    let mut router = Router::new();
    for (path, access, handlers) in route_table() {
        let guard = from_fn_with_state((Arc::clone(shared), access), access::require);
        router = router.route(path, handlers.layer(guard));
    }
    router.layer(from_fn(headers::admin))
}

/// Returns the route that accepts large files. Separate from [`routes`], because the body
/// limit of the other routes must not apply to it.
pub fn uploads(shared: &SharedState) -> Router<SharedState> {
    let guard = from_fn_with_state((Arc::clone(shared), Access::Editor), access::require);
    let upload = post(subscribers::import::receive).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/subscribers/import", upload.layer(guard))
        .layer(from_fn(headers::admin))
}

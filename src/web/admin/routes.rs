//! The desk: one file per page, and who may see it.
//!
//! The table of routes says whom each page is for, and [`guard`] holds it. A page asks for
//! an [`editor::Editor`], a change for an [`editor::Posted`] form; the door ([`login`],
//! [`setup`]) is the only part that does without.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};

use crate::web::admin::access::{self, Access};
use crate::web::admin::{
    accounts, draft, feeds, issues, login, outbox, overview, settings, subscribers,
};
use crate::web::headers;
use crate::web::state::SharedState;

/// Every page of the desk, relative to `/admin`, and whom it is for.
pub fn table() -> Vec<(&'static str, Access, MethodRouter<SharedState>)> {
    use Access::{Admin, Editor, Public};
    vec![
        (
            "/setup",
            Public,
            get(login::setup::show).post(login::setup::set),
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
            get(draft::page::show).post(draft::edit::change),
        ),
        ("/next/html", Editor, get(draft::page::html)),
        ("/next/test", Editor, post(draft::page::test)),
        ("/next/collect", Editor, post(draft::page::collect)),
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
            get(issues::show::show).post(issues::show::act),
        ),
        ("/issues/{number}/send", Editor, get(issues::show::review)),
        (
            "/issues/{number}/live",
            Editor,
            get(issues::progress_stream::follow),
        ),
        (
            "/issues/{number}/deliveries.csv",
            Editor,
            get(issues::deliveries::file),
        ),
        (
            "/subscribers",
            Editor,
            get(subscribers::list::show).post(subscribers::list::add),
        ),
        (
            "/subscribers/export",
            Editor,
            get(subscribers::export::send),
        ),
        (
            "/subscribers/import",
            Editor,
            get(subscribers::import::form),
        ),
        (
            "/subscribers/import/{id}",
            Editor,
            get(subscribers::import::show).post(subscribers::import::act),
        ),
        (
            "/subscribers/resend",
            Editor,
            post(subscribers::bulk::resend),
        ),
        (
            "/subscribers/many",
            Editor,
            get(subscribers::bulk::ask).post(subscribers::bulk::act),
        ),
        (
            "/subscribers/many/{id}",
            Editor,
            get(subscribers::bulk::show),
        ),
        (
            "/subscribers/{id}",
            Editor,
            get(subscribers::show::show).post(subscribers::show::act),
        ),
        ("/feeds", Editor, get(feeds::show).post(feeds::add)),
        ("/feeds/{id}", Editor, post(feeds::act)),
        ("/outbox", Editor, get(outbox::show)),
        ("/outbox/{name}", Editor, get(outbox::mail)),
        ("/outbox/{name}/html", Editor, get(outbox::html)),
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
            get(settings::tokens::show).post(settings::tokens::make),
        ),
        ("/settings/tokens/{id}", Admin, post(settings::tokens::act)),
        (
            "/settings/sending/try",
            Admin,
            post(settings::save::try_sending),
        ),
        (
            "/accounts",
            Admin,
            get(accounts::list::show).post(accounts::list::invite),
        ),
        ("/accounts/{id}", Admin, post(accounts::list::act)),
        ("/audit", Admin, get(accounts::audit::show)),
    ]
}

/// The desk, relative to `/admin`.
pub fn routes(shared: &SharedState) -> Router<SharedState> {
    let mut router = Router::new();
    for (path, who, pages) in table() {
        let guard = from_fn_with_state((Arc::clone(shared), who), access::require);
        router = router.route(path, pages.layer(guard));
    }
    router.layer(from_fn(headers::desk))
}

/// The desk's part that takes large files, so that it stands beside the rest.
pub fn uploads(shared: &SharedState) -> Router<SharedState> {
    let guard = from_fn_with_state((Arc::clone(shared), Access::Editor), access::require);
    let upload = post(subscribers::import::receive).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/subscribers/import", upload.layer(guard))
        .layer(from_fn(headers::desk))
}

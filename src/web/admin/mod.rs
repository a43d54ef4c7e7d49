//! The desk: one file per page, and who may see it.
//!
//! The table of routes says whom each page is for, and [`guard`] holds it. A page asks for
//! an [`editor::Editor`], a change for an [`editor::Posted`] form; the door ([`login`],
//! [`setup`]) is the only part that does without.

mod account;
mod accounts;
mod audit;
pub mod board;
mod copies;
mod deed;
pub(super) mod doorkeeper;
mod draft;
mod edit;
mod edit_post;
mod editor;
mod feeds;
mod fields;
mod guard;
mod issue;
mod issues;
mod live;
mod login;
pub(super) mod once;
mod one_time_link;
mod origin;
mod outbox;
mod overview;
pub(super) mod paging;
mod preview;
mod send;
mod session;
mod settings;
mod setup;
mod slots;
pub mod subscribers;
#[cfg(test)]
mod tests;
pub mod views;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

pub use self::one_time_link::one_time_link;

use self::guard::Access;
use self::views::FlashMessage;
use crate::web::error::HttpError;
use crate::web::middleware::headers;
use crate::web::render::View;
use crate::web::state::SharedState;

/// Every page of the desk, relative to `/admin`, and whom it is for.
fn table() -> Vec<(&'static str, Access, MethodRouter<SharedState>)> {
    use Access::{Admin, Editor, Public};
    vec![
        ("/setup", Public, get(setup::show).post(setup::set)),
        ("/login", Public, get(login::show).post(login::log_in)),
        ("/logout", Editor, post(login::log_out)),
        ("/", Editor, get(overview::show)),
        ("/next", Editor, get(draft::show).post(edit::change)),
        ("/next/html", Editor, get(draft::html)),
        ("/next/test", Editor, post(draft::test)),
        ("/next/collect", Editor, post(draft::collect)),
        (
            "/next/add",
            Editor,
            get(edit_post::show_new).post(edit_post::add),
        ),
        (
            "/next/posts/{id}",
            Editor,
            get(edit_post::show).post(edit_post::change),
        ),
        ("/next/skip", Editor, post(slots::skip)),
        ("/next/send", Editor, get(send::show).post(send::send)),
        ("/issues", Editor, get(issues::show)),
        (
            "/issues/{number}",
            Editor,
            get(issue::show).post(issue::act),
        ),
        ("/issues/{number}/send", Editor, get(issue::review)),
        ("/issues/{number}/live", Editor, get(live::follow)),
        ("/issues/{number}/deliveries.csv", Editor, get(copies::file)),
        (
            "/subscribers",
            Editor,
            get(subscribers::show).post(subscribers::add),
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
            post(subscribers::many::resend),
        ),
        (
            "/subscribers/many",
            Editor,
            get(subscribers::many::ask).post(subscribers::many::act),
        ),
        (
            "/subscribers/many/{id}",
            Editor,
            get(subscribers::many::show),
        ),
        (
            "/subscribers/{id}",
            Editor,
            get(subscribers::one::show).post(subscribers::one::act),
        ),
        ("/feeds", Editor, get(feeds::show).post(feeds::add)),
        ("/feeds/{id}", Editor, post(feeds::act)),
        ("/outbox", Editor, get(outbox::show)),
        ("/outbox/{name}", Editor, get(outbox::mail)),
        ("/outbox/{name}/html", Editor, get(outbox::html)),
        ("/account", Editor, get(account::show)),
        ("/account/password", Editor, post(account::change_password)),
        (
            "/account/log-out",
            Editor,
            post(account::log_out_everywhere),
        ),
        ("/settings", Admin, get(settings::show)),
        (
            "/settings/{tab}",
            Admin,
            get(settings::show_tab).post(settings::save),
        ),
        (
            "/settings/tokens",
            Admin,
            get(settings::tokens::show).post(settings::tokens::make),
        ),
        ("/settings/tokens/{id}", Admin, post(settings::tokens::act)),
        ("/settings/sending/try", Admin, post(settings::try_sending)),
        (
            "/accounts",
            Admin,
            get(accounts::show).post(accounts::invite),
        ),
        ("/accounts/{id}", Admin, post(accounts::act)),
        ("/audit", Admin, get(audit::show)),
    ]
}

/// The desk, relative to `/admin`.
pub fn routes(shared: &SharedState) -> Router<SharedState> {
    let mut router = Router::new();
    for (path, who, pages) in table() {
        let guard = from_fn_with_state((Arc::clone(shared), who), guard::require);
        router = router.route(path, pages.layer(guard));
    }
    router.layer(from_fn(headers::desk))
}

/// The desk's part that takes large files, so that it stands beside the rest.
pub fn uploads(shared: &SharedState) -> Router<SharedState> {
    let guard = from_fn_with_state((Arc::clone(shared), Access::Editor), guard::require);
    let upload = post(subscribers::import::receive).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/subscribers/import", upload.layer(guard))
        .layer(from_fn(headers::desk))
}

type HandlerResult = Result<Response, HttpError>;

fn page<V: View>(shared: &SharedState, view: &V) -> HandlerResult {
    Ok(shared.pages.html(view)?.into_response())
}

/// A form shown again with what was wrong in it.
fn refused<V: View>(shared: &SharedState, view: &V) -> HandlerResult {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shared.pages.html(view)?).into_response())
}

/// On to another page of ours; `path` is like `/admin/feeds`, already percent-encoded.
fn redirect(shared: &SharedState, path: &str) -> Response {
    match HeaderValue::try_from(format!("{}{path}", shared.site.base)) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => HttpError::Mangled.into_response(),
    }
}

/// The same, and what was done.
fn redirect_with_flash(shared: &SharedState, path: &str, notice: FlashMessage) -> Response {
    redirect(shared, &format!("{path}?done={}", notice.as_str()))
}

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

use self::guard::Who;
use self::views::Notice;
use crate::web::errors::HttpError;
use crate::web::headers;
use crate::web::pages::View;
use crate::web::state::SharedState;

/// Every page of the desk, relative to `/admin`, and whom it is for.
fn table() -> Vec<(&'static str, Who, MethodRouter<SharedState>)> {
    use Who::{Admins, Anyone, Editors};
    vec![
        ("/setup", Anyone, get(setup::show).post(setup::set)),
        ("/login", Anyone, get(login::show).post(login::log_in)),
        ("/logout", Editors, post(login::log_out)),
        ("/", Editors, get(overview::show)),
        ("/next", Editors, get(draft::show).post(edit::change)),
        ("/next/html", Editors, get(draft::html)),
        ("/next/test", Editors, post(draft::test)),
        ("/next/collect", Editors, post(draft::collect)),
        (
            "/next/add",
            Editors,
            get(edit_post::show_new).post(edit_post::add),
        ),
        (
            "/next/posts/{id}",
            Editors,
            get(edit_post::show).post(edit_post::change),
        ),
        ("/next/skip", Editors, post(slots::skip)),
        ("/next/send", Editors, get(send::show).post(send::send)),
        ("/issues", Editors, get(issues::show)),
        (
            "/issues/{number}",
            Editors,
            get(issue::show).post(issue::act),
        ),
        ("/issues/{number}/send", Editors, get(issue::review)),
        ("/issues/{number}/live", Editors, get(live::follow)),
        (
            "/issues/{number}/deliveries.csv",
            Editors,
            get(copies::file),
        ),
        (
            "/subscribers",
            Editors,
            get(subscribers::show).post(subscribers::add),
        ),
        (
            "/subscribers/export",
            Editors,
            get(subscribers::export::send),
        ),
        (
            "/subscribers/import",
            Editors,
            get(subscribers::import::form),
        ),
        (
            "/subscribers/import/{id}",
            Editors,
            get(subscribers::import::show).post(subscribers::import::act),
        ),
        (
            "/subscribers/resend",
            Editors,
            post(subscribers::many::resend),
        ),
        (
            "/subscribers/many",
            Editors,
            get(subscribers::many::ask).post(subscribers::many::act),
        ),
        (
            "/subscribers/many/{id}",
            Editors,
            get(subscribers::many::show),
        ),
        (
            "/subscribers/{id}",
            Editors,
            get(subscribers::one::show).post(subscribers::one::act),
        ),
        ("/feeds", Editors, get(feeds::show).post(feeds::add)),
        ("/feeds/{id}", Editors, post(feeds::act)),
        ("/outbox", Editors, get(outbox::show)),
        ("/outbox/{name}", Editors, get(outbox::mail)),
        ("/outbox/{name}/html", Editors, get(outbox::html)),
        ("/account", Editors, get(account::show)),
        ("/account/password", Editors, post(account::change_password)),
        (
            "/account/log-out",
            Editors,
            post(account::log_out_everywhere),
        ),
        ("/settings", Admins, get(settings::show)),
        (
            "/settings/{tab}",
            Admins,
            get(settings::show_tab).post(settings::save),
        ),
        (
            "/settings/tokens",
            Admins,
            get(settings::tokens::show).post(settings::tokens::make),
        ),
        ("/settings/tokens/{id}", Admins, post(settings::tokens::act)),
        ("/settings/sending/try", Admins, post(settings::try_sending)),
        (
            "/accounts",
            Admins,
            get(accounts::show).post(accounts::invite),
        ),
        ("/accounts/{id}", Admins, post(accounts::act)),
        ("/audit", Admins, get(audit::show)),
    ]
}

/// The desk, relative to `/admin`.
pub fn routes(shared: &SharedState) -> Router<SharedState> {
    let mut router = Router::new();
    for (path, who, pages) in table() {
        let guard = from_fn_with_state((Arc::clone(shared), who), guard::hold);
        router = router.route(path, pages.layer(guard));
    }
    router.layer(from_fn(headers::desk))
}

/// The desk's part that takes large files, so that it stands beside the rest.
pub fn uploads(shared: &SharedState) -> Router<SharedState> {
    let guard = from_fn_with_state((Arc::clone(shared), Who::Editors), guard::hold);
    let upload = post(subscribers::import::receive).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/subscribers/import", upload.layer(guard))
        .layer(from_fn(headers::desk))
}

type Answer = Result<Response, HttpError>;

fn page<V: View>(shared: &SharedState, view: &V) -> Answer {
    Ok(shared.pages.html(view)?.into_response())
}

/// A form shown again with what was wrong in it.
fn refused<V: View>(shared: &SharedState, view: &V) -> Answer {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shared.pages.html(view)?).into_response())
}

/// On to another page of ours; `path` is like `/admin/feeds`, already percent-encoded.
fn see_other(shared: &SharedState, path: &str) -> Response {
    match HeaderValue::try_from(format!("{}{path}", shared.site.base)) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => HttpError::Mangled.into_response(),
    }
}

/// The same, and what was done.
fn done(shared: &SharedState, path: &str, notice: Notice) -> Response {
    see_other(shared, &format!("{path}?done={}", notice.as_str()))
}

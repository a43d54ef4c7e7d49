//! Who is at the desk: pages are for whoever is logged in, changes for whoever sends a
//! form of their own pages.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::fields::Fields;
use super::views::{Desk, Notice};
use super::{see_other, session};
use crate::domain::token::Purpose;
use crate::store::Admin;
use crate::web::errors::HttpError;
use crate::web::state::Shared;

/// The logged-in admin. Who is not is sent to the door.
#[derive(Clone, Debug)]
pub struct Editor {
    pub admin: Admin,
    /// The hash of the session's token.
    pub session: String,
    notice: Option<Notice>,
}

/// A form that the logged-in admin sent from a page of this session.
#[derive(Clone, Debug)]
pub struct Posted {
    pub editor: Editor,
    pub fields: Fields,
}

impl Editor {
    /// What stands around every page.
    pub fn desk(&self, shared: &Shared) -> Desk {
        let web = &shared.web;
        Desk {
            csrf: web.keys.seal(Purpose::Csrf, b"", self.session.as_bytes()),
            account: self.admin.address.to_string(),
            now: web.clock.now(),
            notice: self.notice,
        }
    }

    /// Whether a form with this token is from a page of this session.
    pub fn sent(&self, csrf: &str, shared: &Shared) -> bool {
        let keys = &shared.web.keys;
        let opened = keys.open(Purpose::Csrf, csrf, self.session.as_bytes());
        opened.is_ok_and(|payload| payload.is_empty())
    }
}

impl FromRequestParts<Shared> for Editor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let web = &shared.web;
        if let Some(hash) = session::claimed(web, &parts.headers) {
            let found = web.store.session(&hash, web.clock.now()).await;
            let found = found.map_err(|error| HttpError::from(error).into_response())?;
            if let Some(found) = found {
                return Ok(Self {
                    admin: found.admin,
                    session: hash,
                    notice: notice(parts.uri.query()),
                });
            }
        }
        Err(away(parts, shared))
    }
}

impl FromRequest<Shared> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let editor = Editor::from_request_parts(&mut parts, shared).await?;
        let fields = Fields::from_request(Request::from_parts(parts, body), shared)
            .await
            .map_err(IntoResponse::into_response)?;
        if !editor.sent(fields.text("csrf"), shared) {
            return Err(HttpError::Forbidden.into_response());
        }
        Ok(Self { editor, fields })
    }
}

/// A page is worth coming back to after logging in; a form is not sent twice.
fn away(parts: &Parts, shared: &Shared) -> Response {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return HttpError::Forbidden.into_response();
    }
    match parts.uri.path() {
        "/" => see_other(shared, "/admin/login"),
        path => {
            let next: String =
                url::form_urlencoded::byte_serialize(format!("/admin{path}").as_bytes()).collect();
            see_other(shared, &format!("/admin/login?next={next}"))
        }
    }
}

fn notice(query: Option<&str>) -> Option<Notice> {
    let mut pairs = url::form_urlencoded::parse(query?.as_bytes());
    let (_, word) = pairs.find(|(name, _)| name == "done")?;
    Notice::parse(&word)
}

//! Who may use which page. The table of routes decides; this layer holds it.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::form_urlencoded::{Serializer, byte_serialize, parse};

use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::response::redirect;
use crate::web::error::HttpError;
use crate::web::pages::templates;
use crate::web::state::SharedState;

templates! {
    Forbidden => "admin/forbidden.html",
}

/// Whom a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The door: whoever comes.
    Public,
    /// Whoever is logged in.
    Editor,
    Admin,
}

/// Instead of a page for admins, shown to an editor (403).
#[derive(Clone, Debug, Serialize)]
pub struct Forbidden {
    pub desk: AdminLayout,
}

/// A layer for one route. Lets nobody further who may not, and tells the page who it is.
pub async fn require(
    State((shared, who)): State<(SharedState, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    if who == Access::Public {
        return next.run(request).await;
    }
    let (headers, query) = (request.headers(), request.uri().query());
    match CurrentUser::find(&shared, headers, query).await {
        Ok(None) => away(&request, &shared),
        Ok(Some(editor)) if who == Access::Admin && !editor.is_admin() => {
            forbidden(&shared, &editor)
        }
        Ok(Some(editor)) => {
            request.extensions_mut().insert(editor);
            next.run(request).await
        }
        Err(error) => HttpError::from(error).into_response(),
    }
}

/// Says that this is for admins: also where one form of a page is, and the page is not.
pub fn forbidden(shared: &SharedState, editor: &CurrentUser) -> Response {
    let view = Forbidden {
        desk: editor.desk(shared),
    };
    match shared.pages.html(&view) {
        Ok(page) => (StatusCode::FORBIDDEN, page).into_response(),
        Err(error) => HttpError::from(error).into_response(),
    }
}

/// A page is worth coming back to after logging in; a form is not sent twice.
fn away(request: &Request, shared: &SharedState) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return HttpError::Forbidden.into_response();
    }
    match page_of(request.uri()) {
        page if page == "/" => redirect(shared, "/admin/login"),
        page => {
            let next: String = byte_serialize(format!("/admin{page}").as_bytes()).collect();
            redirect(shared, &format!("/admin/login?next={next}"))
        }
    }
}

/// The page that was asked for, or on which a file, a frame or a stream was, with what it
/// was to show. What was done was said already.
fn page_of(uri: &Uri) -> String {
    let path = uri.path();
    let page = match path.rsplit_once('/') {
        Some((page, "export" | "deliveries.csv" | "html" | "live")) => page,
        _ => path,
    };
    let asked = parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = Serializer::new(String::new());
    query.extend_pairs(asked.filter(|(name, _)| name != "done"));
    match query.finish() {
        none if none.is_empty() => page.to_owned(),
        query => format!("{page}?{query}"),
    }
}

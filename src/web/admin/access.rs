//! Access control. The route table names the access of each page; this layer enforces it.

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
use crate::web::render::templates;
use crate::web::state::SharedState;

templates! {
    Forbidden => "admin/forbidden.html",
}

/// Accounts for which a page is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every visitor, for the login pages.
    Public,
    /// Every account that is logged in.
    Editor,
    /// Accounts with the role admin.
    Admin,
}

/// Page that an editor sees instead of a page for admins, with status 403.
#[derive(Clone, Debug, Serialize)]
pub struct Forbidden {
    /// Data of the admin layout.
    pub layout: AdminLayout,
}

/// Middleware of one route: rejects requests without `access` and passes the
/// [`CurrentUser`] to the handler as a request extension.
pub async fn require(
    State((shared, access)): State<(SharedState, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    if access == Access::Public {
        return next.run(request).await;
    }
    let (headers, query) = (request.headers(), request.uri().query());
    match CurrentUser::find(&shared, headers, query).await {
        Ok(None) => redirect_to_login(&request, &shared),
        Ok(Some(user)) if access == Access::Admin && !user.is_admin() => forbidden(&shared, &user),
        Ok(Some(user)) => {
            request.extensions_mut().insert(user);
            next.run(request).await
        }
        Err(error) => HttpError::from(error).into_response(),
    }
}

/// Returns the page that says that this is only for admins.
fn forbidden(shared: &SharedState, user: &CurrentUser) -> Response {
    let view = Forbidden {
        layout: user.layout(shared),
    };
    match shared.pages.html(&view) {
        Ok(page) => (StatusCode::FORBIDDEN, page).into_response(),
        Err(error) => HttpError::from(error).into_response(),
    }
}

/// Redirects to the login page, which returns to the requested page. A form is rejected,
/// since it cannot be repeated after the login.
fn redirect_to_login(request: &Request, shared: &SharedState) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return HttpError::Forbidden.into_response();
    }
    match return_path(request.uri()) {
        page if page == "/" => redirect(shared, "/admin/login"),
        page => {
            let next: String = byte_serialize(format!("/admin{page}").as_bytes()).collect();
            redirect(shared, &format!("/admin/login?next={next}"))
        }
    }
}

/// Returns the page to show after the login: without the sub-resource (export, preview,
/// event stream) and without the flash message.
fn return_path(uri: &Uri) -> String {
    let path = uri.path();
    let page = match path.rsplit_once('/') {
        Some((page, "export" | "deliveries.csv" | "html" | "live")) => page,
        _ => path,
    };
    let pairs = parse(uri.query().unwrap_or_default().as_bytes());
    let mut query = Serializer::new(String::new());
    query.extend_pairs(pairs.filter(|(name, _)| name != "done"));
    match query.finish() {
        empty if empty.is_empty() => page.to_owned(),
        query => format!("{page}?{query}"),
    }
}

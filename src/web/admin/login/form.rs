//! `/admin/login` and `/admin/logout`.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::domain::signed_token::Purpose;
use crate::store::Admin;
use crate::web::Services;
use crate::web::admin::current_user::{VerifiedForm, record_audit};
use crate::web::admin::form::FormFields;
use crate::web::admin::login::view::{LoginError, LoginPage};
use crate::web::admin::response::{HandlerResult, redirect};
use crate::web::auth::session;
use crate::web::error::HttpError;
use crate::web::middleware::client_ip::ClientIp;
use crate::web::state::SharedState;

/// How long the login form can stay open before its CSRF token expires.
const FORM_MAX_AGE: Duration = Duration::from_secs(12 * 60 * 60);

/// Context of the login form's CSRF token. Distinguishes it from the tokens of a session,
/// whose context is the session's hash.
const CSRF_CONTEXT: &[u8] = b"log in";

/// Characters of a typed address that the form shows again. No address is longer.
const MAX_ADDRESS_CHARS: usize = 254;

/// Query of the login page.
#[derive(Debug, Default, Deserialize)]
pub struct LoginQuery {
    #[serde(default)]
    next: String,
}

/// `GET /admin/login`
pub async fn show(
    State(shared): State<SharedState>,
    Query(query): Query<LoginQuery>,
) -> HandlerResult {
    let next = safe_admin_path(&query.next);
    login_page(&shared, StatusCode::OK, None, "", next).await
}

/// `POST /admin/login`
pub async fn log_in(
    State(shared): State<SharedState>,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    fields: FormFields,
) -> HandlerResult {
    let (email, next) = (fields.text("email"), safe_admin_path(fields.text("next")));
    let reject = async |status, error| login_page(&shared, status, Some(error), email, next).await;
    if !is_valid_csrf(&shared.web, fields.text("csrf")) {
        return reject(StatusCode::FORBIDDEN, LoginError::Expired).await;
    }
    let address = EmailAddress::parse(email).ok();
    // An invalid address is counted as an account that does not exist.
    let account = address.as_ref().map_or_else(String::new, EmailAddress::key);
    if shared.login_throttle.check_login(ip, &account).is_err() {
        tracing::warn!("login rejected: too many attempts");
        return reject(StatusCode::TOO_MANY_REQUESTS, LoginError::TooMany).await;
    }
    let admin = authenticate(&shared, address.as_ref(), fields.text("password")).await?;
    let Some(admin) = admin else {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return reject(status, LoginError::WrongCredentials).await;
    };
    if let Some(old) = session::session_hash(&shared.web, &headers) {
        shared.web.store.close_session(&old).await?;
    }
    let action = AuditAction::LoggedIn;
    record_audit(&shared.web, &admin, action, AuditTarget::Nothing).await;
    start_session(&shared, &admin.id, next.unwrap_or("/admin")).await
}

/// `POST /admin/logout`: closes the session.
pub async fn log_out(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    shared.web.store.close_session(&form.user.session).await?;
    let login = redirect(&shared, "/admin/login");
    let cookie = session::clear_cookie(&shared.web);
    Ok(([(header::SET_COOKIE, cookie)], login).into_response())
}

/// Starts a session and redirects to `path`.
///
/// # Errors
/// Returns [`HttpError::Store`] if the session cannot be stored.
pub async fn start_session(shared: &SharedState, admin: &AdminId, path: &str) -> HandlerResult {
    let cookie = session::start_session(&shared.web, admin).await?;
    Ok(([(header::SET_COOKIE, cookie)], redirect(shared, path)).into_response())
}

/// Returns the account with this address and password.
///
/// Does the same steps and the same work whether the address has an account, has none, or
/// is invalid, so that the response time does not reveal which.
async fn authenticate(
    shared: &SharedState,
    address: Option<&EmailAddress>,
    password: &str,
) -> Result<Option<Admin>, HttpError> {
    let admin = match address {
        Some(address) => shared.web.store.admin_by_address(address).await?,
        None => None,
    };
    let hash = admin
        .as_ref()
        .and_then(|admin| admin.password_hash.as_deref());
    let is_correct = shared.password_hasher.verify(password, hash).await?;
    Ok(admin.filter(|_| is_correct))
}

async fn login_page(
    shared: &SharedState,
    status: StatusCode,
    error: Option<LoginError>,
    email: &str,
    next: Option<&str>,
) -> HandlerResult {
    let view = LoginPage {
        csrf: csrf_token(&shared.web),
        email: email.chars().take(MAX_ADDRESS_CHARS).collect(),
        error,
        no_admin: !shared.web.store.has_admin().await?,
        next: next.map(str::to_owned),
    };
    Ok((status, shared.pages.html(&view)?).into_response())
}

/// Returns a signed token that contains the current time.
fn csrf_token(web: &Services) -> String {
    let now = web.clock.now().as_millis().to_be_bytes();
    web.keys.sign(Purpose::Csrf, &now, CSRF_CONTEXT)
}

fn is_valid_csrf(web: &Services, token: &str) -> bool {
    let payload = web.keys.verify(Purpose::Csrf, token, CSRF_CONTEXT).ok();
    let millis = payload.and_then(|payload| payload.try_into().ok());
    let shown_at = millis.map(|millis| Timestamp::from_millis(i64::from_be_bytes(millis)));
    shown_at.is_some_and(|shown_at| web.clock.now().since(shown_at) <= FORM_MAX_AGE)
}

/// Returns `next` if it is the path of an admin page. Rejects everything else, so that a
/// link cannot lead to another host after the login (open redirect).
fn safe_admin_path(next: &str) -> Option<&str> {
    let (path, query) = next.split_once('?').unwrap_or((next, ""));
    let rest = path.strip_prefix("/admin")?;
    let consists_of = |text: &str, marks: &[u8]| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || marks.contains(&b))
    };
    let is_path = rest.is_empty() || rest.starts_with('/') && rest.len() > 1;
    let is_path =
        is_path && rest.len() <= 100 && consists_of(rest, b"/-_.") && !rest.contains("//");
    // The characters of a query that a form or an admin page encodes.
    let is_query = query.len() <= 1000 && consists_of(query, b"*-._+%=&");
    (is_path && is_query).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_admin_path_accepts_only_admin_pages() {
        for good in [
            "/admin",
            "/admin/feeds",
            "/admin/issues/42",
            "/admin/next/send",
            "/admin/subscribers?state=pending&q=%40example&order=oldest",
        ] {
            assert_eq!(safe_admin_path(good), Some(good));
        }
        for bad in [
            "",
            "/",
            "//evil.example",
            "https://evil.example",
            "/admin//evil.example",
            "/admin.evil.example",
            "/admin@evil.example",
            "/admin/\\evil.example",
            "/admin/\r\nSet-Cookie: x",
            "/admin/?x=<b>",
            "/admin/feeds?x=<b>",
            "/admin/feeds?x=//evil.example",
            "/admin/feeds?x\r\nSet-Cookie: x",
            "/administer",
        ] {
            assert_eq!(safe_admin_path(bad), None, "{bad}");
        }
    }
}

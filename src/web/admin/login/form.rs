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
use crate::web::admin::current_user::{VerifiedForm, note};
use crate::web::admin::form::FormFields;
use crate::web::admin::login::view::{Login, LoginFault};
use crate::web::admin::response::{HandlerResult, redirect};
use crate::web::auth::login_throttle::LoginThrottle;
use crate::web::auth::session;
use crate::web::client_ip::ClientIp;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// How long the form may lie open.
const FORM_HOLDS: Duration = Duration::from_secs(12 * 60 * 60);
/// Sets the door's form apart from those of a session, which are bound to its hash.
const BOUND: &[u8] = b"log in";

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
}

pub async fn show(State(shared): State<SharedState>, Query(asked): Query<Asked>) -> HandlerResult {
    let next = desk_path(&asked.next);
    form(&shared, StatusCode::OK, None, "", next).await
}

pub async fn log_in(
    State(shared): State<SharedState>,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    fields: FormFields,
) -> HandlerResult {
    let (email, next) = (fields.text("email"), desk_path(fields.text("next")));
    let again = async |status, fault| form(&shared, status, Some(fault), email, next).await;
    if !holds(&shared.web, fields.text("csrf")) {
        return again(StatusCode::FORBIDDEN, LoginFault::Stale).await;
    }
    let address = EmailAddress::parse(email).ok();
    // What is no address is counted as one nobody has.
    let account = address.as_ref().map_or_else(String::new, EmailAddress::key);
    if shared.keeper.count(ip, &account).is_err() {
        tracing::warn!("too many tries to log in");
        return again(StatusCode::TOO_MANY_REQUESTS, LoginFault::TooMany).await;
    }
    let checked = check(
        &shared.web,
        &shared.keeper,
        address.as_ref(),
        fields.text("password"),
    )
    .await;
    match checked? {
        Some(admin) => {
            if let Some(old) = session::from_request(&shared.web, &headers) {
                shared.web.store.close_session(&old).await?;
            }
            note(
                &shared.web,
                &admin,
                AuditAction::LoggedIn,
                AuditTarget::Nothing,
            )
            .await;
            enter(&shared, &admin.id, next.unwrap_or("/admin")).await
        }
        None => again(StatusCode::UNPROCESSABLE_ENTITY, LoginFault::Password).await,
    }
}

pub async fn log_out(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    shared
        .web
        .store
        .close_session(&posted.editor.session)
        .await?;
    let away = redirect(&shared, "/admin/login");
    Ok(([(header::SET_COOKIE, session::forget(&shared.web))], away).into_response())
}

/// Begins a session and goes on to `path`.
pub(crate) async fn enter(shared: &SharedState, admin: &AdminId, path: &str) -> HandlerResult {
    let cookie = session::open(&shared.web, admin).await?;
    Ok(([(header::SET_COOKIE, cookie)], redirect(shared, path)).into_response())
}

/// The same steps and the same work, whether the address has an account, has none, or is
/// no address.
async fn check(
    web: &Services,
    keeper: &LoginThrottle,
    address: Option<&EmailAddress>,
    password: &str,
) -> Result<Option<Admin>, HttpError> {
    let admin = match address {
        Some(address) => web.store.admin_by_address(address).await?,
        None => None,
    };
    let hash = admin
        .as_ref()
        .and_then(|admin| admin.password_hash.as_deref());
    let right = keeper.verify(password, hash).await?;
    Ok(admin.filter(|_| right))
}

async fn form(
    shared: &SharedState,
    status: StatusCode,
    fault: Option<LoginFault>,
    email: &str,
    next: Option<&str>,
) -> HandlerResult {
    let view = Login {
        csrf: token(&shared.web),
        email: email.chars().take(254).collect(),
        fault,
        no_admin: !shared.web.store.has_admin().await?,
        next: next.map(str::to_owned),
    };
    Ok((status, shared.pages.html(&view)?).into_response())
}

fn token(web: &Services) -> String {
    let now = web.clock.now().as_millis().to_be_bytes();
    web.keys.sign(Purpose::Csrf, &now, BOUND)
}

fn holds(web: &Services, token: &str) -> bool {
    let opened = web.keys.verify(Purpose::Csrf, token, BOUND).ok();
    let shown = opened.and_then(|payload| payload.try_into().ok());
    let shown = shown.map(|millis| Timestamp::from_millis(i64::from_be_bytes(millis)));
    shown.is_some_and(|shown| web.clock.now().since(shown) <= FORM_HOLDS)
}

/// A page of the desk to go on to, and nothing else: never another host.
fn desk_path(next: &str) -> Option<&str> {
    let (path, query) = next.split_once('?').unwrap_or((next, ""));
    let rest = path.strip_prefix("/admin")?;
    let made_of = |text: &str, marks: &[u8]| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || marks.contains(&b))
    };
    let good = rest.is_empty() || rest.starts_with('/') && rest.len() > 1;
    let good = good && rest.len() <= 100 && made_of(rest, b"/-_.") && !rest.contains("//");
    // A query as forms and this desk encode it.
    let asks_well = query.len() <= 1000 && made_of(query, b"*-._+%=&");
    (good && asks_well).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_desk_is_gone_on_to() {
        for good in [
            "/admin",
            "/admin/feeds",
            "/admin/issues/42",
            "/admin/next/send",
            "/admin/subscribers?state=pending&q=%40example&order=oldest",
        ] {
            assert_eq!(desk_path(good), Some(good));
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
            assert_eq!(desk_path(bad), None, "{bad}");
        }
    }
}

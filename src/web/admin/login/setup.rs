//! `/admin/setup`: the one-time link that creates the first admin or sets a password.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::store::{Admin, StoreError};
use crate::web::Services;
use crate::web::admin::current_user::record_audit;
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::form::FormFields;
use crate::web::admin::login::form::start_session;
use crate::web::admin::login::view::{SetupError, SetupPage, SetupPurpose};
use crate::web::admin::response::{HandlerResult, render, render_invalid};
use crate::web::auth::password::{MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS};
use crate::web::auth::session::hash_token;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Query of the one-time link.
#[derive(Debug, Default, Deserialize)]
pub struct SetupQuery {
    #[serde(default)]
    token: String,
}

/// The account that a valid link is for.
enum LinkTarget {
    /// The first admin account, which does not exist yet.
    FirstAdmin,
    Account(Admin),
}

/// `GET /admin/setup`
pub async fn show(
    State(shared): State<SharedState>,
    Query(query): Query<SetupQuery>,
) -> HandlerResult {
    let token = query.token;
    match link_target(&shared.web, &token).await? {
        Some(target) => render(&shared, &setup_page(&target, &token, "", None)),
        None => expired_page(&shared),
    }
}

/// `POST /admin/setup`: sets the password and starts a session.
pub async fn submit(State(shared): State<SharedState>, fields: FormFields) -> HandlerResult {
    let web = &shared.web;
    let (token, email) = (fields.text("token"), fields.text("email"));
    let Some(target) = link_target(web, token).await? else {
        return expired_page(&shared);
    };
    let password = fields.text("password");
    let (address, error) = match (&target, EmailAddress::parse(email)) {
        (LinkTarget::Account(admin), _) => (Some(admin.address.clone()), None),
        (LinkTarget::FirstAdmin, Ok(address)) => (Some(address), None),
        (LinkTarget::FirstAdmin, Err(_)) => (None, Some(SetupError::InvalidAddress)),
    };
    let error = error.or_else(|| password_error(password, fields.text("again")));
    let (Some(address), None) = (address, error) else {
        return render_invalid(&shared, &setup_page(&target, token, email, error));
    };
    let hasher = &shared.password_hasher;
    let hash = hasher.hash(password, web.random.bytes()).await?;
    let redeemed = redeem_link(web, &target, &hash_token(token), &address, &hash).await?;
    let Some(id) = redeemed else {
        return expired_page(&shared);
    };
    if let Some(admin) = web.store.admin(&id).await? {
        record_audit(web, &admin, AuditAction::PasswordSet, AuditTarget::Nothing).await;
    }
    let welcome = format!("/admin?done={}", FlashMessage::Welcome.as_str());
    start_session(&shared, &id, &welcome).await
}

/// Returns what the link is for, or `None` if it is unknown, used or expired.
async fn link_target(web: &Services, token: &str) -> Result<Option<LinkTarget>, StoreError> {
    let link = web
        .store
        .admin_link(&hash_token(token), web.clock.now())
        .await?;
    match link {
        None => Ok(None),
        Some(None) => Ok((!web.store.has_admin().await?).then_some(LinkTarget::FirstAdmin)),
        Some(Some(id)) => Ok(web.store.admin(&id).await?.map(LinkTarget::Account)),
    }
}

/// Sets the password and invalidates the link. Returns `None` if a concurrent request has
/// used the link.
async fn redeem_link(
    web: &Services,
    target: &LinkTarget,
    link: &str,
    address: &EmailAddress,
    hash: &str,
) -> Result<Option<AdminId>, StoreError> {
    let now = web.clock.now();
    match target {
        LinkTarget::FirstAdmin => {
            let id = AdminId::new(now, &web.random);
            web.store
                .create_first_admin(link, (&id, address), hash, now)
                .await
        }
        LinkTarget::Account(admin) => {
            let is_set = web
                .store
                .set_password_with_link(link, &admin.id, hash, now)
                .await?;
            Ok(is_set.then_some(admin.id))
        }
    }
}

/// Returns why a new password is not accepted.
pub fn password_error(password: &str, again: &str) -> Option<SetupError> {
    match password.chars().count() {
        length if length < MIN_PASSWORD_CHARS => Some(SetupError::TooShort),
        length if length > MAX_PASSWORD_CHARS => Some(SetupError::TooLong),
        _ if password != again => Some(SetupError::Mismatch),
        _ => None,
    }
}

fn setup_page(
    target: &LinkTarget,
    token: &str,
    email: &str,
    error: Option<SetupError>,
) -> SetupPage {
    let (purpose, email) = match target {
        LinkTarget::FirstAdmin => (SetupPurpose::Create, email.to_owned()),
        LinkTarget::Account(admin) => (SetupPurpose::Reset, admin.address.to_string()),
    };
    SetupPage {
        token: token.to_owned(),
        purpose,
        email,
        fixed_email: purpose == SetupPurpose::Reset,
        min_chars: MIN_PASSWORD_CHARS as u32,
        error,
    }
}

fn expired_page(shared: &SharedState) -> Result<Response, HttpError> {
    let view = SetupPage {
        token: String::new(),
        purpose: SetupPurpose::Expired,
        email: String::new(),
        fixed_email: false,
        min_chars: MIN_PASSWORD_CHARS as u32,
        error: None,
    };
    Ok((StatusCode::GONE, shared.pages.html(&view)?).into_response())
}

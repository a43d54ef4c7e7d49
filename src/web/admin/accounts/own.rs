//! `/admin/account`: password and sessions of the current user.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::store::{OpenSession, StoreError};
use crate::web::admin::accounts::view::{OwnAccountPage, PasswordError, SessionRow};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::login::setup::password_error;
use crate::web::admin::response::{
    HandlerResult, redirect, redirect_with_flash, render, render_invalid,
};
use crate::web::auth::password::MIN_PASSWORD_CHARS;
use crate::web::auth::session;
use crate::web::middleware::client_ip::ClientIp;
use crate::web::state::SharedState;

/// `GET /admin/account`
pub async fn show(State(shared): State<SharedState>, user: CurrentUser) -> HandlerResult {
    let view = account_page(&shared, &user, None).await?;
    render(&shared, &view)
}

/// `POST /admin/account/password`
///
/// Requires the current password, so that an unattended session cannot change it. Attempts
/// are counted like those of the login page.
pub async fn change_password(
    State(shared): State<SharedState>,
    ClientIp(ip): ClientIp,
    form: VerifiedForm,
) -> HandlerResult {
    let VerifiedForm { user, fields } = form;
    let (web, hasher) = (&shared.web, &shared.password_hasher);
    let password = fields.text("password");
    let (account, current_hash) = (
        user.admin.address.key(),
        user.admin.password_hash.as_deref(),
    );
    let error = if shared.login_throttle.check_login(ip, &account).is_err() {
        Some(PasswordError::TooMany)
    } else if !hasher.verify(fields.text("current"), current_hash).await? {
        Some(PasswordError::WrongCurrent)
    } else {
        password_error(password, fields.text("again")).map(PasswordError::New)
    };
    if error.is_some() {
        return render_invalid(&shared, &account_page(&shared, &user, error).await?);
    }
    let hash = hasher.hash(password, web.random.bytes()).await?;
    web.store
        .change_password(&user.admin.id, &hash, &user.session)
        .await?;
    user.audit(&shared, AuditAction::PasswordChanged, AuditTarget::Nothing)
        .await;
    let message = FlashMessage::PasswordChanged;
    Ok(redirect_with_flash(&shared, "/admin/account", message))
}

/// `POST /admin/account/log-out`: closes all sessions of the current user.
pub async fn log_out_everywhere(
    State(shared): State<SharedState>,
    form: VerifiedForm,
) -> HandlerResult {
    let (web, user) = (&shared.web, &form.user);
    web.store.close_admin_sessions(&user.admin.id).await?;
    let action = AuditAction::LoggedOutEverywhere;
    user.audit(&shared, action, AuditTarget::Nothing).await;
    let login = redirect(&shared, "/admin/login");
    Ok(([(header::SET_COOKIE, session::clear_cookie(web))], login).into_response())
}

async fn account_page(
    shared: &SharedState,
    user: &CurrentUser,
    error: Option<PasswordError>,
) -> Result<OwnAccountPage, StoreError> {
    let web = &shared.web;
    let sessions = web
        .store
        .admin_sessions(&user.admin.id, web.clock.now())
        .await?;
    let row = |session: OpenSession| SessionRow {
        is_this: session.token_hash == user.session,
        started_at: session.started_at,
    };
    Ok(OwnAccountPage {
        layout: user.layout(shared),
        role: user.admin.role.as_str(),
        sessions: sessions.into_iter().map(row).collect(),
        min_chars: MIN_PASSWORD_CHARS as u32,
        error,
    })
}

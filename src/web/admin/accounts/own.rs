//! `/admin/account`: one's own password and sessions.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::store::{OpenSession, StoreError};
use crate::web::admin::accounts::view::{Account, PasswordFault, SessionLine};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::login::setup::password_fault;
use crate::web::admin::response::{HandlerResult, page, redirect, redirect_with_flash, refused};
use crate::web::auth::login_throttle::{LoginThrottle, SHORTEST};
use crate::web::auth::session;
use crate::web::client_ip::ClientIp;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

pub async fn show(State(shared): State<SharedState>, editor: CurrentUser) -> HandlerResult {
    let view = view(&shared, &editor, None).await?;
    page(&shared, &view)
}

/// Whoever finds a desk left open must not be able to lock its owner out: the current
/// password is asked for, and tries are counted as at the door.
pub async fn change_password(
    State(shared): State<SharedState>,
    ClientIp(ip): ClientIp,
    posted: VerifiedForm,
) -> HandlerResult {
    let VerifiedForm { editor, fields } = posted;
    let password = fields.text("password");
    let fault = if shared
        .keeper
        .count(ip, &editor.admin.address.key())
        .is_err()
    {
        Some(PasswordFault::TooMany)
    } else if !is_right(&shared.keeper, &editor, fields.text("current")).await? {
        Some(PasswordFault::Current)
    } else {
        password_fault(password, fields.text("again")).map(PasswordFault::New)
    };
    if fault.is_some() {
        return refused(&shared, &view(&shared, &editor, fault).await?);
    }
    let web = &shared.web;
    let hash = shared.keeper.hash(password, web.random.bytes()).await?;
    let (id, session) = (&editor.admin.id, &editor.session);
    web.store.change_password(id, &hash, session).await?;
    let did = AuditAction::PasswordChanged;
    editor.audit(&shared, did, AuditTarget::Nothing).await;
    Ok(redirect_with_flash(
        &shared,
        "/admin/account",
        FlashMessage::PasswordChanged,
    ))
}

pub async fn log_out_everywhere(
    State(shared): State<SharedState>,
    posted: VerifiedForm,
) -> HandlerResult {
    let (web, editor) = (&shared.web, &posted.editor);
    web.store.close_sessions_of(&editor.admin.id).await?;
    let did = AuditAction::LoggedOutEverywhere;
    editor.audit(&shared, did, AuditTarget::Nothing).await;
    let away = redirect(&shared, "/admin/login");
    Ok(([(header::SET_COOKIE, session::forget(web))], away).into_response())
}

async fn is_right(
    keeper: &LoginThrottle,
    editor: &CurrentUser,
    password: &str,
) -> Result<bool, HttpError> {
    let hash = editor.admin.password_hash.as_deref();
    Ok(keeper.verify(password, hash).await?)
}

async fn view(
    shared: &SharedState,
    editor: &CurrentUser,
    fault: Option<PasswordFault>,
) -> Result<Account, StoreError> {
    let web = &shared.web;
    let sessions = web
        .store
        .sessions_of(&editor.admin.id, web.clock.now())
        .await?;
    let line = |session: OpenSession| SessionLine {
        is_this: session.token_hash == editor.session,
        begun_at: session.begun_at,
    };
    Ok(Account {
        desk: editor.desk(shared),
        role: editor.admin.role.as_str(),
        sessions: sessions.into_iter().map(line).collect(),
        minimum: SHORTEST as u32,
        fault,
    })
}

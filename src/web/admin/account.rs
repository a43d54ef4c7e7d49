//! `/admin/account`: one's own password and sessions.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::store::{OpenSession, StoreError};
use crate::web::admin::doorkeeper::{Doorkeeper, SHORTEST};
use crate::web::admin::editor::{Editor, Posted};
use crate::web::admin::setup::password_fault;
use crate::web::admin::views::{Account, Notice, PasswordFault, SessionLine};
use crate::web::admin::{Answer, done, page, refused, see_other, session};
use crate::web::client_ip::ClientIp;
use crate::web::errors::HttpError;
use crate::web::state::SharedState;

pub async fn show(State(shared): State<SharedState>, editor: Editor) -> Answer {
    let view = view(&shared, &editor, None).await?;
    page(&shared, &view)
}

/// Whoever finds a desk left open must not be able to lock its owner out: the current
/// password is asked for, and tries are counted as at the door.
pub async fn change_password(
    State(shared): State<SharedState>,
    ClientIp(ip): ClientIp,
    posted: Posted,
) -> Answer {
    let Posted { editor, fields } = posted;
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
    editor.did(&shared, did, AuditTarget::Nothing).await;
    Ok(done(&shared, "/admin/account", Notice::PasswordChanged))
}

pub async fn log_out_everywhere(State(shared): State<SharedState>, posted: Posted) -> Answer {
    let (web, editor) = (&shared.web, &posted.editor);
    web.store.close_sessions_of(&editor.admin.id).await?;
    let did = AuditAction::LoggedOutEverywhere;
    editor.did(&shared, did, AuditTarget::Nothing).await;
    let away = see_other(&shared, "/admin/login");
    Ok(([(header::SET_COOKIE, session::forget(web))], away).into_response())
}

async fn is_right(keeper: &Doorkeeper, editor: &Editor, password: &str) -> Result<bool, HttpError> {
    let hash = editor.admin.password_hash.as_deref();
    Ok(keeper.verify(password, hash).await?)
}

async fn view(
    shared: &SharedState,
    editor: &Editor,
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

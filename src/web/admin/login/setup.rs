//! `/admin/setup`: the one-time link, which makes the first admin or sets a password.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::store::{Admin, StoreError};
use crate::web::Services;
use crate::web::admin::current_user::note;
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::form::FormFields;
use crate::web::admin::login::form;
use crate::web::admin::login::view::{Setup, SetupFault, SetupPurpose};
use crate::web::admin::response::{HandlerResult, page, refused};
use crate::web::auth::login_throttle::{LONGEST, SHORTEST};
use crate::web::auth::session;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    token: String,
}

/// Whom a link that holds is for.
enum Guest {
    First,
    Account(Admin),
}

pub async fn show(State(shared): State<SharedState>, Query(asked): Query<Asked>) -> HandlerResult {
    let token = asked.token;
    match guest(&shared.web, &token).await? {
        Some(guest) => page(&shared, &form(&guest, &token, "", None)),
        None => gone(&shared),
    }
}

pub async fn set(State(shared): State<SharedState>, fields: FormFields) -> HandlerResult {
    let web = &shared.web;
    let (token, email) = (fields.text("token"), fields.text("email"));
    let Some(guest) = guest(web, token).await? else {
        return gone(&shared);
    };
    let password = fields.text("password");
    let (address, fault) = match (&guest, EmailAddress::parse(email)) {
        (Guest::Account(admin), _) => (Some(admin.address.clone()), None),
        (Guest::First, Ok(address)) => (Some(address), None),
        (Guest::First, Err(_)) => (None, Some(SetupFault::Address)),
    };
    let fault = fault.or_else(|| password_fault(password, fields.text("again")));
    let (Some(address), None) = (address, fault) else {
        return refused(&shared, &form(&guest, token, email, fault));
    };
    let hash = shared.keeper.hash(password, web.random.bytes()).await?;
    match settle(web, &guest, &session::hash(token), &address, &hash).await? {
        Some(admin) => {
            if let Some(admin) = web.store.admin(&admin).await? {
                note(web, &admin, AuditAction::PasswordSet, AuditTarget::Nothing).await;
            }
            let welcome = format!("/admin?done={}", FlashMessage::Welcome.as_str());
            form::enter(&shared, &admin, &welcome).await
        }
        None => gone(&shared),
    }
}

async fn guest(web: &Services, token: &str) -> Result<Option<Guest>, StoreError> {
    let link = web
        .store
        .admin_link(&session::hash(token), web.clock.now())
        .await?;
    match link {
        None => Ok(None),
        Some(None) => Ok((!web.store.has_admin().await?).then_some(Guest::First)),
        Some(Some(id)) => Ok(web.store.admin(&id).await?.map(Guest::Account)),
    }
}

/// Uses the link up. `None` when someone was quicker.
async fn settle(
    web: &Services,
    guest: &Guest,
    link: &str,
    address: &EmailAddress,
    hash: &str,
) -> Result<Option<AdminId>, StoreError> {
    let now = web.clock.now();
    match guest {
        Guest::First => {
            let id = AdminId::new(now, &web.random);
            web.store
                .make_first_admin(link, (&id, address), hash, now)
                .await
        }
        Guest::Account(admin) => {
            let set = web.store.set_password(link, &admin.id, hash, now).await?;
            Ok(set.then_some(admin.id))
        }
    }
}

pub(crate) fn password_fault(password: &str, again: &str) -> Option<SetupFault> {
    match password.chars().count() {
        length if length < SHORTEST => Some(SetupFault::Short),
        length if length > LONGEST => Some(SetupFault::Long),
        _ if password != again => Some(SetupFault::Different),
        _ => None,
    }
}

fn form(guest: &Guest, token: &str, email: &str, fault: Option<SetupFault>) -> Setup {
    let (purpose, email) = match guest {
        Guest::First => (SetupPurpose::Create, email.to_owned()),
        Guest::Account(admin) => (SetupPurpose::Reset, admin.address.to_string()),
    };
    Setup {
        token: token.to_owned(),
        purpose,
        email,
        fixed_email: purpose == SetupPurpose::Reset,
        minimum: SHORTEST as u32,
        fault,
    }
}

fn gone(shared: &SharedState) -> Result<axum::response::Response, HttpError> {
    let view = Setup {
        token: String::new(),
        purpose: SetupPurpose::Gone,
        email: String::new(),
        fixed_email: false,
        minimum: SHORTEST as u32,
        fault: None,
    };
    Ok((StatusCode::GONE, shared.pages.html(&view)?).into_response())
}

//! The account that sent a request, and forms sent from a page of its session.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::domain::audit::{Actor, AuditAction, AuditTarget};
use crate::domain::ids::AuditId;
use crate::domain::signed_token::Purpose;
use crate::store::{Admin, Role, StoreError};
use crate::web::Services;
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::form::FormFields;
use crate::web::admin::layout::AdminLayout;
use crate::web::auth::session;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// The account that is logged in, editor or admin.
///
/// As an extractor it takes the value that the access layer put into
/// the request, and rejects the request if there is none.
#[derive(Clone, Debug)]
pub struct CurrentUser {
    /// The account.
    pub admin: Admin,
    /// Hash of the session token.
    pub session: String,
    message: Option<FlashMessage>,
}

/// A form that the current user sent from a page of this session.
///
/// The extractor rejects forms from other sites and forms without the session's CSRF token.
#[derive(Clone, Debug)]
pub struct VerifiedForm {
    /// The account that sent the form.
    pub user: CurrentUser,
    /// The fields of the form.
    pub fields: FormFields,
}

impl CurrentUser {
    /// Returns the account whose session cookie the request contains.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn find(
        shared: &SharedState,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Option<Self>, StoreError> {
        let web = &shared.web;
        let Some(hash) = session::session_hash(web, headers) else {
            return Ok(None);
        };
        let session = web.store.session(&hash, web.clock.now()).await?;
        Ok(session.map(|session| Self {
            admin: session.admin,
            session: hash,
            message: flash_message(query),
        }))
    }

    /// Returns whether the account has the role admin.
    pub fn is_admin(&self) -> bool {
        self.admin.role == Role::Admin
    }

    /// Returns the data of the admin layout. Takes the number of revoked tokens, which is
    /// shown once.
    pub fn layout(&self, shared: &SharedState) -> AdminLayout {
        let (web, now) = (&shared.web, shared.now());
        let revoked_tokens = match self.message {
            Some(FlashMessage::RoleChanged | FlashMessage::AccountRemoved) => {
                shared.flash.revoked_tokens.take(&self.session, now)
            }
            _ => None,
        };
        AdminLayout {
            csrf: web.keys.sign(Purpose::Csrf, b"", self.session.as_bytes()),
            account: self.admin.address.to_string(),
            is_admin: self.is_admin(),
            now,
            message: self.message,
            revoked_tokens: revoked_tokens.unwrap_or_default(),
        }
    }

    /// Records an action of this account in the audit log and in the program's log.
    pub async fn audit(
        &self,
        shared: &SharedState,
        action: AuditAction,
        target: impl Into<AuditTarget>,
    ) {
        record_audit(&shared.web, &self.admin, action, target).await;
    }

    /// Returns whether `csrf` is the token of a form of this session.
    pub fn is_own_form(&self, csrf: &str, shared: &SharedState) -> bool {
        let keys = &shared.web.keys;
        let payload = keys.verify(Purpose::Csrf, csrf, self.session.as_bytes());
        payload.is_ok_and(|payload| payload.is_empty())
    }
}

/// Records an action of `admin`, also before a session exists ([`CurrentUser::audit`]).
///
/// A failure is only logged: the action itself has already been applied.
pub async fn record_audit(
    web: &Services,
    admin: &Admin,
    action: AuditAction,
    target: impl Into<AuditTarget>,
) {
    let (target, now) = (target.into(), web.clock.now());
    tracing::info!(
        admin.id = %admin.id,
        action = action.as_str(),
        target = target.to_logged(),
        "admin action"
    );
    let id = AuditId::new(now, &web.random);
    let actor = Actor::Admin(admin.id, admin.address.clone());
    if let Err(error) = web
        .store
        .insert_audit(&id, &actor, (action, &target), now)
        .await
    {
        tracing::error!(%error, "cannot write audit entry");
    }
}

impl FromRequestParts<SharedState> for CurrentUser {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &SharedState) -> Result<Self, HttpError> {
        // Missing on public routes.
        let user = parts.extensions.get::<Self>().cloned();
        user.ok_or(HttpError::Forbidden)
    }
}

impl FromRequest<SharedState> for VerifiedForm {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &SharedState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let user = CurrentUser::from_request_parts(&mut parts, shared)
            .await
            .map_err(IntoResponse::into_response)?;
        let fields = FormFields::from_request(Request::from_parts(parts, body), shared)
            .await
            .map_err(IntoResponse::into_response)?;
        if !user.is_own_form(fields.text("csrf"), shared) {
            return Err(HttpError::Forbidden.into_response());
        }
        Ok(Self { user, fields })
    }
}

fn flash_message(query: Option<&str>) -> Option<FlashMessage> {
    let mut pairs = url::form_urlencoded::parse(query?.as_bytes());
    let (_, word) = pairs.find(|(name, _)| name == "done")?;
    word.parse().ok()
}

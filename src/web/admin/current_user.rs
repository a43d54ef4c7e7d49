//! Who is at the desk: pages are for whoever is logged in, changes for whoever sends a
//! form of their own pages.

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

/// Whoever is logged in, editor or admin. Which of them a page is for stands in the table
/// of routes, whose layer puts this into the request.
#[derive(Clone, Debug)]
pub struct CurrentUser {
    pub admin: Admin,
    /// The hash of the session's token.
    pub session: String,
    notice: Option<FlashMessage>,
}

/// A form that they sent from a page of this session.
#[derive(Clone, Debug)]
pub struct VerifiedForm {
    pub editor: CurrentUser,
    pub fields: FormFields,
}

impl CurrentUser {
    /// Whose session a request belongs to.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(
        shared: &SharedState,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Option<Self>, StoreError> {
        let web = &shared.web;
        let Some(hash) = session::from_request(web, headers) else {
            return Ok(None);
        };
        let found = web.store.session(&hash, web.clock.now()).await?;
        Ok(found.map(|found| Self {
            admin: found.admin,
            session: hash,
            notice: notice(query),
        }))
    }

    pub fn is_admin(&self) -> bool {
        self.admin.role == Role::Admin
    }

    /// What stands around every page.
    pub fn desk(&self, shared: &SharedState) -> AdminLayout {
        let (web, now) = (&shared.web, shared.now());
        let revoked = match self.notice {
            Some(FlashMessage::RoleChanged | FlashMessage::AccountRemoved) => {
                shared.results.revoked.take(&self.session, now)
            }
            _ => None,
        };
        AdminLayout {
            csrf: web.keys.sign(Purpose::Csrf, b"", self.session.as_bytes()),
            account: self.admin.address.to_string(),
            is_admin: self.is_admin(),
            now,
            notice: self.notice,
            revoked: revoked.unwrap_or_default(),
        }
    }

    /// Notes what was just done, in the list that admins read and in the log.
    pub async fn audit(
        &self,
        shared: &SharedState,
        action: AuditAction,
        object: impl Into<AuditTarget>,
    ) {
        note(&shared.web, &self.admin, action, object).await;
    }

    /// Whether a form with this token is from a page of this session.
    pub fn sent(&self, csrf: &str, shared: &SharedState) -> bool {
        let keys = &shared.web.keys;
        let opened = keys.verify(Purpose::Csrf, csrf, self.session.as_bytes());
        opened.is_ok_and(|payload| payload.is_empty())
    }
}

/// [`Editor::did`], for who is just coming in. What is done stays done when the list
/// cannot be written.
pub(crate) async fn note(
    web: &Services,
    admin: &Admin,
    action: AuditAction,
    object: impl Into<AuditTarget>,
) {
    let (object, now) = (object.into(), web.clock.now());
    let about = object.logged();
    tracing::info!(admin = %admin.id, did = action.as_str(), about, "at the desk");
    let id = AuditId::new(now, &web.random);
    let actor = Actor::Admin(admin.id, admin.address.clone());
    if let Err(error) = web
        .store
        .insert_audit(&id, &actor, (action, &object), now)
        .await
    {
        tracing::error!(%error, "who did that could not be noted");
    }
}

impl FromRequestParts<SharedState> for CurrentUser {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &SharedState) -> Result<Self, HttpError> {
        // Nobody, on a route that is for anyone.
        let editor = parts.extensions.get::<Self>().cloned();
        editor.ok_or(HttpError::Forbidden)
    }
}

impl FromRequest<SharedState> for VerifiedForm {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &SharedState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let editor = CurrentUser::from_request_parts(&mut parts, shared)
            .await
            .map_err(IntoResponse::into_response)?;
        let fields = FormFields::from_request(Request::from_parts(parts, body), shared)
            .await
            .map_err(IntoResponse::into_response)?;
        if !editor.sent(fields.text("csrf"), shared) {
            return Err(HttpError::Forbidden.into_response());
        }
        Ok(Self { editor, fields })
    }
}

fn notice(query: Option<&str>) -> Option<FlashMessage> {
    let mut pairs = url::form_urlencoded::parse(query?.as_bytes());
    let (_, word) = pairs.find(|(name, _)| name == "done")?;
    FlashMessage::parse(&word)
}

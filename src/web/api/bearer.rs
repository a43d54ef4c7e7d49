//! Whose request it is: a token in the header, and nothing else. Cookies never count, so no
//! page can make a browser ask in its owner's name.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::domain::api_token::{ApiTokenId, Scope, TokenName, TokenSecret, Validity};
use crate::domain::audit::{Actor, AuditAction, AuditTarget};
use crate::domain::ids::AuditId;
use crate::store::ApiToken;
use crate::web::api::problem::Problem;
use crate::web::auth::login_throttle::TOKEN_RETRY_AFTER;
use crate::web::client_ip::ClientIp;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// The program that asks, by its token.
#[derive(Clone, Debug)]
pub struct ApiCaller {
    pub id: ApiTokenId,
    name: TokenName,
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// There is no token in the request.
    None,
    /// It is no token, or not any more: one answer for all.
    Wrong,
    TooMany,
    /// It is not good for this.
    Scope(Scope),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let unknown = StatusCode::UNAUTHORIZED;
        match refusal {
            Refusal::None => Self::new(
                unknown,
                "Send a token as 'Authorization: Bearer …'. An admin makes one at the desk, under Settings, Tokens.",
            )
            .with_challenge("Bearer"),
            Refusal::Wrong => Self::new(
                unknown,
                "This token opens nothing: it is mistyped, has expired, or was revoked.",
            )
            .with_challenge("Bearer error=\"invalid_token\""),
            Refusal::TooMany => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong tokens came from your network. Wait a little, and send a right one.",
            )
            .with_retry_after(TOKEN_RETRY_AFTER.as_secs()),
            Refusal::Scope(scope) => {
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
                let detail = format!("This token has not the scope '{scope}', which this needs. Use one that has it.");
                Self::new(StatusCode::FORBIDDEN, detail).with_challenge(&challenge)
            }
        }
    }
}

/// A layer for one route: lets nobody further whose token is not good for it, and tells the
/// handler who it is.
pub async fn require_scope(
    State((shared, scope)): State<(SharedState, Scope)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&shared, scope, &mut parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn admit(
    shared: &SharedState,
    scope: Scope,
    parts: &mut Parts,
) -> Result<ApiCaller, Problem> {
    let claimed = claimed(&parts.headers)?;
    let now = shared.now();
    let found = match claimed.and_then(TokenSecret::parse) {
        Some(secret) => shared.web.store.api_token(&secret).await?,
        None => None,
    };
    let held = found.filter(|token| token.validity(now) == Validity::Holds);
    let Some(token) = held else {
        let Ok(ClientIp(ip)) = ClientIp::from_request_parts(parts, shared).await;
        if shared.login_throttle.check_token(ip).is_err() {
            tracing::warn!("too many wrong tokens");
            return Err(Refusal::TooMany.into());
        }
        return Err(Refusal::Wrong.into());
    };
    note_use(shared, &token).await;
    if !token.scopes.has(scope) {
        return Err(Refusal::Scope(scope).into());
    }
    Ok(ApiCaller {
        id: token.id,
        name: token.name,
    })
}

/// What the header claims to be a token (RFC 6750 §2.1); `None` when it can be none.
fn claimed(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let field = fields.next().ok_or(Refusal::None)?;
    if fields.next().is_some() {
        return Ok(None);
    }
    let text = field.to_str().unwrap_or_default();
    let claimed = text.split_once(' ');
    let claimed = claimed.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(claimed.map(|(_, token)| token.trim()))
}

/// To read must be possible where nothing can be written.
async fn note_use(shared: &SharedState, token: &ApiToken) {
    let noted = shared.web.store.touch_api_token(token, shared.now());
    if let Err(error) = noted.await {
        tracing::warn!(%error, "that a token was used could not be noted");
    }
}

impl ApiCaller {
    /// Names it where people are named, so that it is taken for none of them.
    pub fn in_words(&self) -> String {
        format!("the token {}", self.name.as_str())
    }

    /// Notes what was just done, in the list that admins read and in the log. What is done
    /// stays done when the list cannot be written.
    pub async fn audit(
        &self,
        shared: &SharedState,
        action: AuditAction,
        object: impl Into<AuditTarget>,
    ) {
        let (web, object, now) = (&shared.web, object.into(), shared.now());
        let about = object.logged();
        tracing::info!(token = %self.id, did = action.as_str(), about, "by a program");
        let id = AuditId::new(now, &web.random);
        let actor = Actor::Token(self.id, self.name.clone());
        if let Err(error) = web
            .store
            .insert_audit(&id, &actor, (action, &object), now)
            .await
        {
            tracing::error!(%error, "who did that could not be noted");
        }
    }
}

impl FromRequestParts<SharedState> for ApiCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &SharedState) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| HttpError::Forbidden.into())
    }
}

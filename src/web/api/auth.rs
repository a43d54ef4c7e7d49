//! Authentication by a token in the `Authorization` header. Cookies are ignored, so a web
//! page cannot make a browser send requests on its user's behalf.

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
use crate::web::error::HttpError;
use crate::web::middleware::client_ip::ClientIp;
use crate::web::state::SharedState;

/// The authenticated API client.
#[derive(Clone, Debug)]
pub struct ApiCaller {
    /// Id of the token.
    pub id: ApiTokenId,
    name: TokenName,
}

/// Why a request is not authorized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// The request has no token.
    Missing,
    /// The token is unknown, expired or revoked. All three return the same response.
    Invalid,
    /// Too many invalid tokens were sent from this network.
    RateLimited,
    /// The token lacks the scope that the operation requires.
    MissingScope(Scope),
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => Self::new(
                StatusCode::UNAUTHORIZED,
                "Send a token in the header 'Authorization: Bearer …'. An admin can create one under Settings, Tokens.",
            )
            .with_challenge("Bearer"),
            AuthError::Invalid => Self::new(
                StatusCode::UNAUTHORIZED,
                "The token is not valid: it is mistyped, expired or revoked.",
            )
            .with_challenge("Bearer error=\"invalid_token\""),
            AuthError::RateLimited => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many invalid tokens from your network. Wait, then send a valid token.",
            )
            .with_retry_after(TOKEN_RETRY_AFTER.as_secs()),
            AuthError::MissingScope(scope) => {
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
                let detail = format!("The token lacks the scope '{scope}', which this operation requires.");
                Self::new(StatusCode::FORBIDDEN, detail).with_challenge(&challenge)
            }
        }
    }
}

/// Route middleware that rejects a request unless its token has `scope`, and passes the
/// [`ApiCaller`] to the handler.
pub async fn require_scope(
    State((state, scope)): State<(SharedState, Scope)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match authenticate(&state, scope, &mut parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn authenticate(
    state: &SharedState,
    scope: Scope,
    parts: &mut Parts,
) -> Result<ApiCaller, Problem> {
    let now = state.now();
    let token = match bearer_token(&parts.headers)?.and_then(TokenSecret::parse) {
        Some(secret) => state.web.store.api_token(&secret).await?,
        None => None,
    };
    let Some(token) = token.filter(|token| token.validity(now) == Validity::Valid) else {
        let Ok(ClientIp(ip)) = ClientIp::from_request_parts(parts, state).await;
        if state.login_throttle.check_token(ip).is_err() {
            tracing::warn!("API request rejected: too many invalid tokens");
            return Err(AuthError::RateLimited.into());
        }
        return Err(AuthError::Invalid.into());
    };
    record_use(state, &token).await;
    if !token.scopes.contains(scope) {
        return Err(AuthError::MissingScope(scope).into());
    }
    Ok(ApiCaller {
        id: token.id,
        name: token.name,
    })
}

/// Returns the bearer token of the header (RFC 6750 §2.1), or `None` if the header has
/// another scheme or occurs twice.
fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let field = fields.next().ok_or(AuthError::Missing)?;
    if fields.next().is_some() {
        return Ok(None);
    }
    let credentials = field.to_str().unwrap_or_default().split_once(' ');
    Ok(credentials
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim()))
}

/// Records when the token was used. A failure is logged only: reading must work while the
/// database cannot be written.
async fn record_use(state: &SharedState, token: &ApiToken) {
    let recorded = state.web.store.touch_api_token(token, state.now());
    if let Err(error) = recorded.await {
        tracing::warn!(%error, "cannot record use of API token");
    }
}

impl ApiCaller {
    /// Returns the name under which an issue's page shows the caller: `the token shop`.
    pub fn display_name(&self) -> String {
        format!("the token {}", self.name.as_str())
    }

    /// Records an action in the audit log and in the server's log.
    ///
    /// A failure is logged only, because the action itself is already done.
    pub async fn audit(
        &self,
        state: &SharedState,
        action: AuditAction,
        target: impl Into<AuditTarget>,
    ) {
        let (web, target, now) = (&state.web, target.into(), state.now());
        let about = target.to_logged();
        tracing::info!(token = %self.id, action = action.as_str(), resource = about, "API action");
        let id = AuditId::new(now, &web.random);
        let actor = Actor::Token(self.id, self.name.clone());
        let entry = web
            .store
            .insert_audit(&id, &actor, (action, &target), now)
            .await;
        if let Err(error) = entry {
            tracing::error!(%error, "cannot write audit entry");
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

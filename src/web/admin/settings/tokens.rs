//! `/admin/settings/tokens`: create and revoke API tokens.

use axum::extract::{Path, State};

use crate::domain::api_token::{
    ApiTokenId, Lifetime, NewApiToken, Scope, Scopes, ScopesError, TokenName, TokenNameError,
};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::store::ApiToken;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::form::FormFields;
use crate::web::admin::response::{
    HandlerResult, redirect, redirect_with_flash, render, render_invalid,
};
use crate::web::admin::settings::token_view::{CreatedToken, TokenForm, TokenRow, TokensPage};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

const TOKENS_PATH: &str = "/admin/settings/tokens";

/// Revoked tokens on the page.
const MAX_REVOKED_SHOWN: usize = 5;

/// Why a token was not created.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error(transparent)]
    Name(#[from] TokenNameError),
    #[error("a token with this name already exists")]
    Taken,
    #[error(transparent)]
    Scopes(#[from] ScopesError),
}

impl TokenError {
    /// Returns the id of the field with the error.
    const fn field(&self) -> &'static str {
        match self {
            Self::Name(_) | Self::Taken => "name",
            Self::Scopes(_) => "scope-read",
        }
    }
}

/// `GET /admin/settings/tokens`
pub async fn show(State(shared): State<SharedState>, user: CurrentUser) -> HandlerResult {
    let created = shared.flash.tokens.take(&user.session, shared.now());
    let view = tokens_page(&shared, &user, TokenForm::default(), created).await?;
    render(&shared, &view)
}

/// `POST /admin/settings/tokens`: creates a token. The next page shows it once.
pub async fn create(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let VerifiedForm { user, fields } = form;
    let lifetime = Lifetime::parse_or_never(fields.text("expires"));
    let lifetime = lifetime.map_err(|_| HttpError::Unprocessable)?;
    let error = match parse(&fields) {
        Ok(name_and_scopes) => {
            let account = Some(user.admin.address.clone());
            let context = (&*shared.web.random, shared.now());
            let token = NewApiToken::new(name_and_scopes, lifetime, account, context);
            if shared.web.store.add_api_token(&token).await? {
                let created = CreatedToken {
                    name: token.name.as_str().to_owned(),
                    secret: token.secret.expose().to_owned(),
                };
                let tokens = &shared.flash.tokens;
                tokens.set(&user.session, created, shared.now());
                user.audit(&shared, AuditAction::TokenMade, token.name)
                    .await;
                return Ok(redirect(&shared, TOKENS_PATH));
            }
            // After a double click the browser follows the second response, so it must lead
            // to the token of the first one.
            let is_same = |created: &CreatedToken| created.name == token.name.as_str();
            let tokens = &shared.flash.tokens;
            if tokens.contains(&user.session, shared.now(), is_same) {
                return Ok(redirect(&shared, TOKENS_PATH));
            }
            TokenError::Taken
        }
        Err(error) => error,
    };
    let form = rejected_form(&fields, &error);
    render_invalid(&shared, &tokens_page(&shared, &user, form, None).await?)
}

fn parse(fields: &FormFields) -> Result<(TokenName, Scopes), TokenError> {
    let name = TokenName::parse(fields.text("name"))?;
    Ok((name, Scopes::parse(fields.texts("scope"))?))
}

/// Returns the form as it was typed, with its error.
fn rejected_form(fields: &FormFields, error: &TokenError) -> TokenForm {
    let is_selected = |scope: Scope| fields.texts("scope").any(|word| word == scope.as_str());
    TokenForm {
        name: fields
            .text("name")
            .chars()
            .take(TokenName::MAX_CHARS)
            .collect(),
        read: is_selected(Scope::Read),
        subscribers: is_selected(Scope::Subscribers),
        issues: is_selected(Scope::Issues),
        expires: fields.text("expires").to_owned(),
        error: Some(error.to_string()),
        error_field: error.field(),
    }
}

/// `POST /admin/settings/tokens/{id}`: revokes a token. Can be repeated.
pub async fn revoke(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    form: VerifiedForm,
) -> HandlerResult {
    let id = ApiTokenId::parse(&id).map_err(|_| HttpError::NotFound)?;
    if form.fields.text("action") != "revoke" {
        return Err(HttpError::Unprocessable);
    }
    let store = &shared.web.store;
    let tokens = store.api_tokens().await?;
    let token = tokens.into_iter().find(|token| token.id == id);
    let token = token.ok_or(HttpError::NotFound)?;
    if store.revoke_api_token(&id, shared.now()).await? {
        form.user
            .audit(&shared, AuditAction::TokenRevoked, token.name)
            .await;
    }
    let message = FlashMessage::TokenRevoked;
    Ok(redirect_with_flash(&shared, TOKENS_PATH, message))
}

async fn tokens_page(
    shared: &SharedState,
    user: &CurrentUser,
    form: TokenForm,
    created: Option<CreatedToken>,
) -> Result<TokensPage, HttpError> {
    let tokens = shared.web.store.api_tokens().await?.into_iter();
    let (mut tokens, mut revoked): (Vec<ApiToken>, Vec<ApiToken>) =
        tokens.partition(|token| token.revoked_at.is_none());
    let hidden_revoked = revoked.len().saturating_sub(MAX_REVOKED_SHOWN);
    revoked.truncate(MAX_REVOKED_SHOWN);
    tokens.append(&mut revoked);
    let now = shared.now();
    Ok(TokensPage {
        layout: user.layout(shared),
        tokens: tokens
            .into_iter()
            .map(|token| token_row(token, now))
            .collect(),
        hidden_revoked,
        created,
        form,
    })
}

fn token_row(token: ApiToken, now: Timestamp) -> TokenRow {
    TokenRow {
        id: token.id.to_string(),
        state: token.validity(now).as_str(),
        scopes: token.scopes.names(),
        name: token.name.as_str().to_owned(),
        created_at: token.created_at,
        created_by: token.created_by,
        last_used_at: token.last_used_at,
        expires_at: token.expires_at,
    }
}

//! `/admin/settings/tokens`: keys for programs.

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
use crate::web::admin::response::{HandlerResult, page, redirect, redirect_with_flash, refused};
use crate::web::admin::settings::token_view::{MadeToken, TokenForm, TokenLine, Tokens};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

const HERE: &str = "/admin/settings/tokens";
/// Revoked ones on the page.
const REVOKED: usize = 5;

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Name(#[from] TokenNameError),
    #[error("there is a token of that name already")]
    Taken,
    #[error(transparent)]
    Scopes(#[from] ScopesError),
}

impl Fault {
    /// The field it is about.
    const fn field(&self) -> &'static str {
        match self {
            Self::Name(_) | Self::Taken => "name",
            Self::Scopes(_) => "scope-read",
        }
    }
}

pub async fn show(State(shared): State<SharedState>, editor: CurrentUser) -> HandlerResult {
    let made = shared.results.tokens.take(&editor.session, shared.now());
    let view = view(&shared, &editor, TokenForm::default(), made).await?;
    page(&shared, &view)
}

/// Makes a token, which is shown once, on the page after this.
pub async fn make(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let VerifiedForm { editor, fields } = posted;
    let lifetime = Lifetime::parse_or_never(fields.text("expires"));
    let lifetime = lifetime.map_err(|_| HttpError::Unprocessable)?;
    let fault = match parse(&fields) {
        Ok(what) => {
            let by = Some(editor.admin.address.clone());
            let moment = (&*shared.web.random, shared.now());
            let token = NewApiToken::new(what, lifetime, by, moment);
            let tokens = &shared.results.tokens;
            if shared.web.store.add_api_token(&token).await? {
                let made = MadeToken {
                    name: token.name.as_str().to_owned(),
                    secret: token.secret.expose().to_owned(),
                };
                tokens.keep(&editor.session, made, shared.now());
                editor
                    .audit(&shared, AuditAction::TokenMade, token.name)
                    .await;
                return Ok(redirect(&shared, HERE));
            }
            // The second click of two: the browser follows its answer, not the first one's.
            let is_this = |made: &MadeToken| made.name == token.name.as_str();
            if tokens.waits(&editor.session, shared.now(), is_this) {
                return Ok(redirect(&shared, HERE));
            }
            Fault::Taken
        }
        Err(fault) => fault,
    };
    let form = form(&fields, &fault);
    refused(&shared, &view(&shared, &editor, form, None).await?)
}

fn parse(fields: &FormFields) -> Result<(TokenName, Scopes), Fault> {
    let name = TokenName::parse(fields.text("name"))?;
    Ok((name, Scopes::parse(fields.texts("scope"))?))
}

/// What was typed, and what is wrong with it.
fn form(fields: &FormFields, fault: &Fault) -> TokenForm {
    let ticked = |scope: Scope| fields.texts("scope").any(|word| word == scope.as_str());
    TokenForm {
        name: fields
            .text("name")
            .chars()
            .take(TokenName::MAX_CHARS)
            .collect(),
        read: ticked(Scope::Read),
        subscribers: ticked(Scope::Subscribers),
        issues: ticked(Scope::Issues),
        expires: fields.text("expires").to_owned(),
        fault: Some(fault.to_string()),
        fault_at: fault.field(),
    }
}

/// Revokes a token. To do it twice is as good as once.
pub async fn act(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    posted: VerifiedForm,
) -> HandlerResult {
    let id = ApiTokenId::parse(&id).map_err(|_| HttpError::NotFound)?;
    if posted.fields.text("action") != "revoke" {
        return Err(HttpError::Unprocessable);
    }
    let store = &shared.web.store;
    let tokens = store.api_tokens().await?;
    let token = tokens.into_iter().find(|token| token.id == id);
    let token = token.ok_or(HttpError::NotFound)?;
    if store.revoke_api_token(&id, shared.now()).await? {
        let did = AuditAction::TokenRevoked;
        posted.editor.audit(&shared, did, token.name).await;
    }
    Ok(redirect_with_flash(
        &shared,
        HERE,
        FlashMessage::TokenRevoked,
    ))
}

async fn view(
    shared: &SharedState,
    editor: &CurrentUser,
    form: TokenForm,
    made: Option<MadeToken>,
) -> Result<Tokens, HttpError> {
    let tokens = shared.web.store.api_tokens().await?.into_iter();
    let (mut tokens, mut revoked): (Vec<ApiToken>, Vec<ApiToken>) =
        tokens.partition(|token| token.revoked_at.is_none());
    let left_out = revoked.len().saturating_sub(REVOKED);
    revoked.truncate(REVOKED);
    tokens.append(&mut revoked);
    let now = shared.now();
    Ok(Tokens {
        desk: editor.desk(shared),
        tokens: tokens.into_iter().map(|token| line(token, now)).collect(),
        left_out,
        made,
        form,
    })
}

fn line(token: ApiToken, now: Timestamp) -> TokenLine {
    TokenLine {
        id: token.id.to_string(),
        state: token.validity(now).as_str(),
        scopes: token.scopes.words(),
        name: token.name.as_str().to_owned(),
        made_at: token.created_at,
        made_by: token.created_by,
        last_used_at: token.last_used_at,
        expires_at: token.expires_at,
    }
}

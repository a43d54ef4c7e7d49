//! `broadsheet admin token`

use clap::Subcommand;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::domain::api_token::{Lifetime, NewApiToken, Scopes, TokenName, Validity};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::store::ApiToken;

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Create a token and print it; it cannot be shown again
    Create {
        /// Name of the token, for example of the program that uses it
        name: String,
        /// Permission: read (everything), subscribers (add, unsubscribe and erase
        /// subscribers) or issues (edit and send the next issue, pause, resume, cancel and
        /// repeat a send). Scopes are independent; repeat the option for several
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// Validity: 12h, 90d, 52w or never
        #[arg(long, value_name = "TIME", default_value = Lifetime::DEFAULT)]
        expires_in: String,
    },
    /// List all tokens with scopes and last use, without their secrets
    List,
    /// Revoke a token
    Revoke {
        /// Id or name of the token
        #[arg(value_name = "ID|NAME")]
        token: String,
    },
}

impl Token {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Create {
                name,
                scopes,
                expires_in,
            } => create(context, &name, &scopes, &expires_in).await,
            Self::List => list(context).await,
            Self::Revoke { token } => revoke(context, &token).await,
        }
    }
}

async fn create(
    context: &Context,
    name: &str,
    scopes: &[String],
    expires_in: &str,
) -> Result<(), CliError> {
    let name = TokenName::parse(name).map_err(|error| CliError::Usage(error.to_string()))?;
    let scopes = Scopes::parse(scopes.iter().map(String::as_str))
        .map_err(|error| CliError::Usage(format!("--scope: {error}")))?;
    let lifetime = Lifetime::parse_or_never(expires_in)
        .map_err(|error| CliError::Usage(format!("--expires-in: {error}")))?;
    let app = context.app().await?;
    let moment = (&*app.random, app.clock.now());
    let token = NewApiToken::new((name, scopes), lifetime, None, moment);
    if !app.store.add_api_token(&token).await? {
        return Err(CliError::Failed(
            "a token with this name exists; revoke it, or choose another name".to_owned(),
        ));
    }
    let result = json!({
        "id": token.id.to_string(), "name": token.name.as_str(), "scopes": token.scopes.names(),
        "token": token.secret.expose(), "expires_at": token.expires_at.map(Timestamp::as_millis),
    });
    context
        .output
        .print_result(&result, || token.secret.expose().to_owned())?;
    app.audit(AuditAction::TokenMade, token.name).await;
    app.close().await;
    Ok(())
}

async fn list(context: &Context) -> Result<(), CliError> {
    let app = context.app().await?;
    let now = app.clock.now();
    for token in app.store.api_tokens().await? {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
        let result = json!({
            "id": token.id.to_string(), "name": token.name.as_str(), "scopes": token.scopes.names(),
            "state": token.validity(now).as_str(), "created_at": token.created_at.as_millis(),
            "created_by": token.created_by, "last_used_at": millis(token.last_used_at),
            "expires_at": millis(token.expires_at), "revoked_at": millis(token.revoked_at),
        });
        context
            .output
            .print_result(&result, || token_text(&token, now))?;
    }
    app.close().await;
    Ok(())
}

fn token_text(token: &ApiToken, now: Timestamp) -> String {
    let day = |at: Timestamp| at.to_utc().strftime("%Y-%m-%d").to_string();
    let used = match token.last_used_at {
        Some(at) => format!("used {}", at.to_utc().strftime("%Y-%m-%d %H:%M")),
        None => "never used".to_owned(),
    };
    let validity = match (token.validity(now), token.revoked_at, token.expires_at) {
        (Validity::Revoked, Some(at), _) => format!("revoked {}", day(at)),
        (Validity::Expired, _, Some(at)) => format!("expired {}", day(at)),
        (_, _, Some(at)) => format!("valid until {}", day(at)),
        (_, _, None) => "never expires".to_owned(),
    };
    let (id, scopes, name) = (token.id, &token.scopes, token.name.as_str());
    format!(
        "{id}  {:<23}  {validity:<19}  {used:<21}  {name}",
        scopes.to_string()
    )
}

async fn revoke(context: &Context, id_or_name: &str) -> Result<(), CliError> {
    let app = context.app().await?;
    let tokens = app.store.api_tokens().await?;
    let active = || tokens.iter().filter(|token| token.revoked_at.is_none());
    let token = active()
        .find(|token| token.id.to_string() == id_or_name)
        .or_else(|| active().find(|token| token.name.as_str() == id_or_name.trim()));
    let not_found = || CliError::Failed("no active token has this id or name".to_owned());
    let token = token.ok_or_else(not_found)?;
    if !app
        .store
        .revoke_api_token(&token.id, app.clock.now())
        .await?
    {
        return Err(not_found());
    }
    app.audit(AuditAction::TokenRevoked, token.name.clone())
        .await;
    let result =
        json!({ "id": token.id.to_string(), "name": token.name.as_str(), "revoked": true });
    context
        .output
        .print_result(&result, || "Revoked.".to_owned())?;
    app.close().await;
    Ok(())
}

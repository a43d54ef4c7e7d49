//! `broadsheet admin token`

use clap::Subcommand;
use serde_json::json;

use crate::cli::{CliError, Context};
use crate::domain::api_token::{Lifetime, NewApiToken, Scopes, TokenName, Validity};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::store::ApiToken;

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token and print it, this once
    Create {
        /// Where it is used, or by whom
        name: String,
        /// What it may do: read (everything), subscribers (add, unsubscribe and erase
        /// readers) or issues (edit and send the next issue, pause, resume, cancel and
        /// repeat a send); none includes another
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// How long it holds: 12h, 90d, 52w, or never to end before it is revoked
        #[arg(long, value_name = "TIME", default_value = Lifetime::DEFAULT)]
        expires_in: String,
    },
    /// Every token, what it may do, and when it was last used; never the token itself
    List,
    /// From now on a token opens nothing
    Revoke {
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
            "there is a token of that name; revoke it first, or choose another name".to_owned(),
        ));
    }
    let line = json!({
        "id": token.id.to_string(), "name": token.name.as_str(), "scopes": token.scopes.names(),
        "token": token.secret.expose(), "expires_at": token.expires_at.map(Timestamp::as_millis),
    });
    context
        .output
        .line(&line, || token.secret.expose().to_owned())?;
    app.audit(AuditAction::TokenMade, token.name).await;
    app.close().await;
    Ok(())
}

async fn list(context: &Context) -> Result<(), CliError> {
    let app = context.app().await?;
    let now = app.clock.now();
    for token in app.store.api_tokens().await? {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
        let line = json!({
            "id": token.id.to_string(), "name": token.name.as_str(), "scopes": token.scopes.names(),
            "state": token.validity(now).as_str(), "created_at": token.created_at.as_millis(),
            "created_by": token.created_by, "last_used_at": millis(token.last_used_at),
            "expires_at": millis(token.expires_at), "revoked_at": millis(token.revoked_at),
        });
        context.output.line(&line, || words(&token, now))?;
    }
    app.close().await;
    Ok(())
}

fn words(token: &ApiToken, now: Timestamp) -> String {
    let day = |at: Timestamp| at.to_utc().strftime("%Y-%m-%d").to_string();
    let used = match token.last_used_at {
        Some(at) => format!("used {}", at.to_utc().strftime("%Y-%m-%d %H:%M")),
        None => "never used".to_owned(),
    };
    let holds = match (token.validity(now), token.revoked_at, token.expires_at) {
        (Validity::Revoked, Some(at), _) => format!("revoked {}", day(at)),
        (Validity::Expired, _, Some(at)) => format!("expired {}", day(at)),
        (_, _, Some(at)) => format!("until {}", day(at)),
        (_, _, None) => "until it is revoked".to_owned(),
    };
    let (id, scopes, name) = (token.id, &token.scopes, token.name.as_str());
    format!(
        "{id}  {:<23}  {holds:<19}  {used:<21}  {name}",
        scopes.to_string()
    )
}

async fn revoke(context: &Context, wanted: &str) -> Result<(), CliError> {
    let app = context.app().await?;
    let tokens = app.store.api_tokens().await?;
    let held = || tokens.iter().filter(|token| token.revoked_at.is_none());
    let token = held()
        .find(|token| token.id.to_string() == wanted)
        .or_else(|| held().find(|token| token.name.as_str() == wanted.trim()));
    let nothing = || CliError::Failed("there is no token of that id or name to revoke".to_owned());
    let token = token.ok_or_else(nothing)?;
    if !app
        .store
        .revoke_api_token(&token.id, app.clock.now())
        .await?
    {
        return Err(nothing());
    }
    app.audit(AuditAction::TokenRevoked, token.name.clone())
        .await;
    let line = json!({ "id": token.id.to_string(), "name": token.name.as_str(), "revoked": true });
    context.output.line(&line, || "Revoked.".to_owned())?;
    app.close().await;
    Ok(())
}

//! `broadsheet admin`

use clap::Subcommand;
use serde_json::json;

use crate::cli::token::Token;
use crate::cli::{CliError, Context};
use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::store::Role;

#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Make an account; prints a one-time link to set its password
    Create {
        email: String,
        /// admin or editor
        #[arg(long, default_value = "admin")]
        role: String,
    },
    /// Print a one-time link to set a new password
    ResetPassword { email: String },
    /// Keys for programs that use the API
    #[command(subcommand)]
    Token(Token),
}

impl Admin {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Create { email, role } => create(context, &email, &role).await,
            Self::ResetPassword { email } => reset(context, &email).await,
            Self::Token(token) => token.run(context).await,
        }
    }
}

async fn create(context: &Context, email: &str, role: &str) -> Result<(), CliError> {
    let address = EmailAddress::parse(email)?;
    let role = Role::parse(role).map_err(|error| CliError::Usage(error.to_string()))?;
    let app = context.app().await?;
    let now = app.clock.now();
    let id = AdminId::new(now, &app.random);
    if !app.store.add_admin(&id, &address, role, now).await? {
        return Err(CliError::Failed(
            "there is an account of that address; try: broadsheet admin reset-password".to_owned(),
        ));
    }
    print_link(context, &app.admin_link(Some(&id)).await?)?;
    let object = AuditTarget::Account(address);
    app.audit(AuditAction::AccountInvited, object).await;
    app.close().await;
    Ok(())
}

async fn reset(context: &Context, email: &str) -> Result<(), CliError> {
    let address = EmailAddress::parse(email)?;
    let app = context.app().await?;
    let admin = app.store.admin_by_address(&address).await?;
    let admin =
        admin.ok_or_else(|| CliError::Failed("there is no account of that address".to_owned()))?;
    print_link(context, &app.admin_link(Some(&admin.id)).await?)?;
    let object = AuditTarget::Account(address);
    app.audit(AuditAction::AccountLinkMade, object).await;
    app.close().await;
    Ok(())
}

fn print_link(context: &Context, link: &str) -> Result<(), CliError> {
    context
        .output
        .line(&json!({ "link": link }), || link.to_owned())
}

//! `broadsheet admin create` and `broadsheet admin reset-password`

use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::store::Role;

pub async fn create(context: &Context, email: &str, role: &str) -> Result<(), CliError> {
    let address = EmailAddress::parse(email)?;
    let role = Role::parse(role).map_err(|error| CliError::Usage(error.to_string()))?;
    let app = context.app().await?;
    let now = app.clock.now();
    let id = AdminId::new(now, &app.random);
    if !app.store.add_admin(&id, &address, role, now).await? {
        return Err(CliError::Failed(
            "an account with this address exists; to set a new password: broadsheet admin reset-password"
                .to_owned(),
        ));
    }
    print_link(context, &app.admin_link(Some(&id)).await?)?;
    let target = AuditTarget::Account(address);
    app.audit(AuditAction::AccountInvited, target).await;
    app.close().await;
    Ok(())
}

pub async fn reset_password(context: &Context, email: &str) -> Result<(), CliError> {
    let address = EmailAddress::parse(email)?;
    let app = context.app().await?;
    let admin = app.store.admin_by_address(&address).await?;
    let admin = admin.ok_or_else(|| CliError::Failed("no account has this address".to_owned()))?;
    print_link(context, &app.admin_link(Some(&admin.id)).await?)?;
    let target = AuditTarget::Account(address);
    app.audit(AuditAction::AccountLinkMade, target).await;
    app.close().await;
    Ok(())
}

fn print_link(context: &Context, link: &str) -> Result<(), CliError> {
    context
        .output
        .print_result(&json!({ "link": link }), || link.to_owned())
}

//! `broadsheet migrate`

use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::store::Store;

pub async fn run(context: &Context) -> Result<(), CliError> {
    let app = context.app().await?;
    let version = Store::schema_version();
    context
        .output
        .print_result(&json!({ "migration": version }), || {
            format!("The database is at migration {version}.")
        })?;
    app.close().await;
    Ok(())
}

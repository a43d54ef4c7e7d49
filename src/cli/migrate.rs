//! `broadsheet migrate`

use serde_json::json;

use crate::cli::{Context, Failure};
use crate::store::Store;

pub async fn run(context: &Context) -> Result<(), Failure> {
    let app = context.app().await?;
    let version = Store::schema_version();
    context.output.line(&json!({ "migration": version }), || {
        format!("The database is at migration {version}.")
    })?;
    app.close().await;
    Ok(())
}

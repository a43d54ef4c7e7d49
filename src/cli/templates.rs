//! `broadsheet templates`

use clap::Subcommand;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::CliError;

#[derive(Debug, Subcommand)]
pub enum Templates {
    /// Render every email template with sample data and print each error with file and line
    Check,
}

impl Templates {
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let settings = context.settings()?;
        let errors = crate::mail::templates::check(settings.templates.dir.as_deref());
        for error in &errors {
            let line = json!({ "file": error.file, "line": error.line, "error": error.message });
            context.output.print_result(&line, || error.to_string())?;
        }
        if !errors.is_empty() {
            return Err(CliError::Reported);
        }
        context
            .output
            .print_result(&json!({ "templates": "ok" }), || "Templates OK.".to_owned())
    }
}

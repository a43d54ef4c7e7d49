//! `broadsheet templates`

use clap::Subcommand;
use serde_json::json;

use crate::cli::{CliError, Context};

#[derive(Debug, Subcommand)]
pub enum Templates {
    /// Render every mail with samples: names the file and line of each fault
    Check,
}

impl Templates {
    pub fn run(self, context: &Context) -> Result<(), CliError> {
        let settings = context.settings()?;
        let faults = crate::mail::templates::check(settings.templates.dir.as_deref());
        for fault in &faults {
            let line = json!({ "file": fault.file, "line": fault.line, "error": fault.message });
            context.output.line(&line, || fault.to_string())?;
        }
        if !faults.is_empty() {
            return Err(CliError::Told);
        }
        context.output.line(&json!({ "templates": "ok" }), || {
            "The templates are fine.".to_owned()
        })
    }
}

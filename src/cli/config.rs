//! `broadsheet config`

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::config::{Origin, SettingInfo};

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every setting with its default and a description
    Default,
    /// Validate the settings; exit status 2 lists the invalid keys
    Check,
}

impl Config {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Default => context
                .output
                .print_text(crate::config::DEFAULTS.trim_end()),
            Self::Check => check(context).await,
        }
    }
}

async fn check(context: &Context) -> Result<(), CliError> {
    let mut settings = context.settings()?;
    let mut untrusted_proxy = None;
    if context.has_database()? {
        match context.app().await {
            Ok(app) => {
                settings = (*app.settings).clone();
                let recorded = app.store.untrusted_proxy().await?;
                untrusted_proxy = settings.server.trusted_proxies.still_untrusted(recorded);
                app.close().await;
            }
            // The file can be checked before the database server exists.
            Err(CliError::Failed(error)) => {
                tracing::warn!(%error, "settings saved in the admin UI are not checked");
            }
            Err(error) => return Err(error),
        }
    }
    let missing = settings.require_sending_settings().err();
    let missing: Vec<String> = missing.iter().flatten().map(ToString::to_string).collect();
    let set: Vec<&SettingInfo> = settings
        .listing
        .iter()
        .filter(|setting| setting.origin != Origin::BuiltIn)
        .collect();
    let set_json: Vec<Value> = set.iter().map(|setting| to_json(setting)).collect();
    let warnings: Vec<String> = untrusted_proxy
        .map(|peer| format!("server.trusted_proxies: X-Forwarded-For comes from {peer}, which is not in it, so all clients count as one; add \"{peer}\" if it is your proxy"))
        .into_iter()
        .collect();
    let result = json!({ "settings": "ok", "warnings": warnings, "before_a_send": missing, "set": set_json });
    context.output.print_result(&result, || {
        let mut text = "Settings OK.".to_owned();
        for setting in &set {
            let value = setting.value.as_deref().unwrap_or("(empty)");
            let (name, origin) = (setting.name(), &setting.origin);
            text.push_str(&format!("\n  {name} = {value} ({origin})"));
        }
        for warning in &warnings {
            text.push_str(&format!("\nWarning: {warning}"));
        }
        if !missing.is_empty() {
            text.push_str(&format!("\nMissing:\n  {}", missing.join("\n  ")));
        }
        text
    })
}

fn to_json(setting: &SettingInfo) -> Value {
    let origin = match &setting.origin {
        Origin::BuiltIn => "default".to_owned(),
        Origin::Database => "database".to_owned(),
        Origin::File(path) => path.display().to_string(),
        Origin::Variable(name) => name.clone(),
    };
    json!({ "key": setting.name(), "value": setting.value, "origin": origin })
}

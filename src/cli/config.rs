//! `broadsheet config`

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::{CliError, Context};
use crate::config::{Origin, SettingInfo, Settings};

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every setting with its default and what it means
    Default,
    /// Check the settings: exit 2 names each fault by its key
    Check,
}

impl Config {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Default => context.output.print(crate::config::DEFAULTS.trim_end()),
            Self::Check => check(context).await,
        }
    }
}

async fn check(context: &Context) -> Result<(), CliError> {
    let mut settings = context.settings()?;
    if context.has_database()? {
        match context.app().await {
            Ok(app) => {
                settings = (*app.settings).clone();
                app.close().await;
            }
            // The file can be looked at before there is a server to ask.
            Err(CliError::Failed(says)) => {
                tracing::warn!("what was saved at the desk is not looked at: {says}");
            }
            Err(failure) => return Err(failure),
        }
    }
    let missing = settings
        .require_sending_settings()
        .err()
        .unwrap_or_default();
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let set: Vec<&SettingInfo> = set(&settings).collect();
    let lines: Vec<Value> = set.iter().map(|it| line(it)).collect();
    let result = json!({ "settings": "ok", "before_a_send": missing, "set": lines });
    context.output.line(&result, || {
        let mut words = "The settings are fine.".to_owned();
        for listed in &set {
            let value = listed.value.as_deref().unwrap_or("nothing");
            words.push_str(&format!(
                "\n  {} = {value} ({})",
                listed.name(),
                listed.origin
            ));
        }
        if !missing.is_empty() {
            words.push_str(&format!("\nBefore a send:\n  {}", missing.join("\n  ")));
        }
        words
    })
}

/// Everything but the defaults.
fn set(settings: &Settings) -> impl Iterator<Item = &SettingInfo> {
    let listing = settings.listing.iter();
    listing.filter(|listed| listed.origin != Origin::BuiltIn)
}

fn line(listed: &SettingInfo) -> Value {
    let origin = match &listed.origin {
        Origin::BuiltIn => "default".to_owned(),
        Origin::Database => "desk".to_owned(),
        Origin::File(path) => path.display().to_string(),
        Origin::Variable(name) => name.clone(),
    };
    json!({ "key": listed.name(), "value": listed.value, "origin": origin })
}

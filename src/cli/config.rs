//! `broadsheet config`

use clap::Subcommand;
use serde_json::json;

use super::{Context, Failure};

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every setting with its default and what it means
    Default,
    /// Check the settings: exit 2 names each fault by its key
    Check,
}

impl Config {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Default => context.output.print(crate::config::DEFAULTS.trim_end()),
            Self::Check => {
                let settings = context.settings()?;
                let missing: Vec<String> = match settings.ready_to_send() {
                    Ok(_) => Vec::new(),
                    Err(missing) => missing.iter().map(ToString::to_string).collect(),
                };
                context.output.line(
                    &json!({ "settings": "ok", "before_a_send": missing }),
                    || {
                        if missing.is_empty() {
                            "The settings are fine.".to_owned()
                        } else {
                            format!(
                                "The settings are fine. Before a send:\n  {}",
                                missing.join("\n  ")
                            )
                        }
                    },
                )
            }
        }
    }
}

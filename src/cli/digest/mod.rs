//! `broadsheet digest`

mod alerts;
mod preview;
mod send;
mod wait;

use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::error::CliError;

pub use wait::wait_until_enqueued;

#[derive(Debug, Subcommand)]
pub enum Digest {
    /// Show what would be sent now: each post with the reason, and the posts left out
    Preview {
        /// Also write digest.html, digest.txt and digest.eml to this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Create and send this week's issue (for cron; at most once per week)
    Send(send::Send),
}

impl Digest {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Preview { out } => preview::preview(context, out.as_deref()).await,
            Self::Send(send) => send.run(context).await,
        }
    }
}

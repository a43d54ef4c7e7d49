//! Parses the command line and runs the command.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::{
    admin, bounce, config, deliveries, demo, digest, dkim, feeds, logging, migrate, serve,
    subscribers, templates,
};

/// A weekly newsletter for a blog: subscribers sign up through a form and confirm; once a
/// week the best new posts are sent to them by SMTP.
#[derive(Debug, Parser)]
#[command(name = "broadsheet", version, propagate_version = true)]
struct Cli {
    /// Settings file [default: broadsheet.toml in the working directory, if it exists]
    #[arg(long, global = true, env = "BROADSHEET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the web server, scheduler and mail delivery (default)
    Serve,
    /// Run scheduler and delivery without HTTP; with PostgreSQL several can run
    Worker,
    /// Run a complete demo in a temporary directory
    Demo(demo::Demo),
    /// Preview or send the next issue
    #[command(subcommand)]
    Digest(digest::Digest),
    /// Manage feeds
    #[command(subcommand)]
    Feeds(feeds::Feeds),
    /// Manage subscribers (import, export, list, erase)
    #[command(subcommand)]
    Subscribers(subscribers::Subscribers),
    /// Manage accounts and API tokens
    #[command(subcommand)]
    Admin(admin::Admin),
    /// List and retry deliveries
    #[command(subcommand)]
    Deliveries(deliveries::Deliveries),
    Bounce(bounce::Bounce),
    /// Run database migrations (also done at every start)
    Migrate,
    /// Manage DKIM keys
    #[command(subcommand)]
    Dkim(dkim::Dkim),
    /// Check email templates
    #[command(subcommand)]
    Templates(templates::Templates),
    /// Print or validate the settings
    #[command(subcommand)]
    Config(config::Config),
}

/// How long the exit waits for blocking calls, such as reading a slow feed.
const RUNTIME_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Parses the command line, runs the command and returns its exit status.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    logging::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return CliError::Failed(format!("cannot start: {error}")).report(),
    };
    let result = runtime.block_on(cli.run());
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

impl Cli {
    async fn run(self) -> Result<(), CliError> {
        let context = Context {
            config_file: self.config,
            output: Output::new(self.json),
        };
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::serve(&context).await,
            Command::Worker => serve::worker(&context).await,
            Command::Demo(demo) => demo.run(&context).await,
            Command::Digest(digest) => digest.run(&context).await,
            Command::Feeds(feeds) => feeds.run(&context).await,
            Command::Subscribers(subscribers) => subscribers.run(&context).await,
            Command::Admin(admin) => admin.run(&context).await,
            Command::Deliveries(deliveries) => deliveries.run(&context).await,
            Command::Bounce(bounce) => bounce.run(&context).await,
            Command::Migrate => migrate::run(&context).await,
            Command::Dkim(dkim) => dkim.run(&context),
            Command::Templates(templates) => templates.run(&context),
            Command::Config(config) => config.run(&context).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }
}

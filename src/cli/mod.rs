//! The command line: one file per noun. Results go to standard output, logs to standard
//! error, and the exit status says how it went.

mod admin;
mod config;
mod deliveries;
mod demo;
mod digest;
mod dkim;
mod error;
mod feeds;
mod migrate;
mod output;
mod queued;
mod send;
mod serve;
mod subscribers;
mod templates;
mod token;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

pub use error::CliError;
use output::Output;

use crate::app::App;
use crate::config::{DatabaseUrl, Saved, Settings, Sources};
use crate::domain::clock::SystemClock;
use crate::domain::random::Random;

/// A weekly newsletter for a blog: readers sign up through a form and confirm; once a
/// week the week's best posts go out by SMTP.
#[derive(Debug, Parser)]
#[command(name = "broadsheet", version, propagate_version = true)]
pub struct Cli {
    /// Settings file [default: broadsheet.toml in the working directory, if there is one]
    #[arg(long, global = true, env = "BROADSHEET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// HTTP, scheduler and delivery in one process (the default)
    Serve,
    /// Scheduler and delivery without HTTP; run many beside one PostgreSQL
    Worker,
    /// All of it in a throw-away folder: a sample blog, sample readers, mail in the outbox
    Demo(demo::Demo),
    /// The next issue: look at it, send it
    #[command(subcommand)]
    Digest(digest::Digest),
    /// The blogs that are read
    #[command(subcommand)]
    Feeds(feeds::Feeds),
    /// Readers in and out
    #[command(subcommand)]
    Subscribers(subscribers::Subscribers),
    /// Who may use the desk, and which programs the API
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Who got what, and when
    #[command(subcommand)]
    Deliveries(deliveries::Deliveries),
    /// Bring the database up to date (every start does, too)
    Migrate,
    /// The keys that mail is signed with
    #[command(subcommand)]
    Dkim(dkim::Dkim),
    /// The mails' templates
    #[command(subcommand)]
    Templates(templates::Templates),
    /// The settings
    #[command(subcommand)]
    Config(config::Config),
}

/// Parses the command line, does what it says, and tells how it went.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return CliError::Failed(format!("cannot start: {error}")).report(),
    };
    let done = runtime.block_on(cli.run());
    // A blocking read of a slow feed must not hold the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

impl Cli {
    async fn run(self) -> Result<(), CliError> {
        let context = Context {
            file: self.config,
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
            Command::Migrate => migrate::run(&context).await,
            Command::Dkim(dkim) => dkim.run(&context),
            Command::Templates(templates) => templates.run(&context),
            Command::Config(config) => config.run(&context).await,
        }
    }
}

/// What every command gets.
struct Context {
    file: Option<PathBuf>,
    output: Output,
}

impl Context {
    fn sources(&self) -> Sources {
        let file = crate::config::choose_file(self.file.clone(), Path::new(""));
        let variables = crate::config::environment(std::env::vars_os());
        Sources::new(file.as_deref(), variables)
    }

    /// What file and environment say, without the database.
    fn settings(&self) -> Result<Settings, CliError> {
        Ok(self.sources().settings(&Saved::new())?)
    }

    /// Whether there may be something that the desk saved. To look makes no database.
    fn has_database(&self) -> Result<bool, CliError> {
        Ok(match self.settings()?.database.url {
            DatabaseUrl::Sqlite(file) => file.exists(),
            DatabaseUrl::Postgres(_) => true,
        })
    }

    async fn app(&self) -> Result<App, CliError> {
        let random = Arc::new(randomness()?);
        Ok(App::open(self.sources(), Arc::new(SystemClock), random).await?)
    }
}

fn randomness() -> Result<Random, CliError> {
    Random::from_os().map_err(|error| CliError::Failed(format!("no randomness: {error}")))
}

/// `BROADSHEET_LOG` is `error`, `warn`, `info` (the default), `debug` or `trace`.
fn start_log() {
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    let wanted = std::env::var("BROADSHEET_LOG")
        .ok()
        .and_then(|level| level.parse::<LevelFilter>().ok());
    let level = wanted.unwrap_or(LevelFilter::INFO);
    // Other crates say at most what worries them: their words may bear addresses.
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("broadsheet", level)
        .with_target(crate::store::DRIVER_LOG, LevelFilter::OFF);
    let print = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false);
    tracing_subscriber::registry()
        .with(print)
        .with(filter)
        .init();
}

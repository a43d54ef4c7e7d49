//! `broadsheet subscribers`

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::app::App;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::progress_bar;
use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberName, SubscriberState};
use crate::store::{ImportTally, Order, PageDirection, Search, SubscriberFilter, SubscriberRow};
use crate::subscription::{ImportError, ImportOptions, ImportProgress};

#[derive(Debug, Subcommand)]
pub enum Subscribers {
    /// Import subscribers from a CSV file with a column email (or E-Mail, mail …) and
    /// optionally name. People who unsubscribed are skipped
    Import {
        /// The CSV file
        file: PathBuf,
        #[command(flatten)]
        flags: ImportFlags,
    },
    /// Export subscribers as CSV
    Export {
        /// File to write [default: standard output]
        file: Option<PathBuf>,
        /// Only subscribers in this state: pending, confirmed, unsubscribed or suppressed
        #[arg(long)]
        state: Option<String>,
    },
    /// Add one subscriber
    Add {
        /// Email address
        email: String,
        /// Name of the subscriber
        #[arg(long, default_value = "")]
        name: String,
        #[command(flatten)]
        flags: ImportFlags,
    },
    /// List subscribers, the newest first
    List {
        /// Only subscribers in this state: pending, confirmed, unsubscribed or suppressed
        #[arg(long)]
        state: Option<String>,
        /// Beginning of an address, or of a domain like @example.com
        #[arg(long)]
        search: Option<String>,
    },
    /// Erase a subscriber's personal data; deliveries are kept without address
    Erase {
        /// Email address
        email: String,
    },
}

#[derive(Debug, Args)]
pub struct ImportFlags {
    /// Where the subscribers gave consent; stored with each as the record of it
    #[arg(long, value_name = "WHERE")]
    source: Option<String>,
    /// Send a confirmation mail instead of importing as confirmed
    #[arg(long)]
    pending: bool,
}

impl ImportFlags {
    fn into_options(self, default_source: &str) -> ImportOptions {
        ImportOptions {
            source: self.source.unwrap_or_else(|| default_source.to_owned()),
            pending: self.pending,
        }
    }
}

/// Rows read per query, so that a long list takes little memory.
const PAGE_SIZE: usize = 1_000;

impl Subscribers {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Import { file, flags } => {
                import(context, &file, &flags.into_options("import")).await
            }
            Self::Export { file, state } => {
                export(context, file.as_deref(), state.as_deref()).await
            }
            Self::Add { email, name, flags } => {
                add(context, &email, &name, &flags.into_options("added by hand")).await
            }
            Self::List { state, search } => list(context, state.as_deref(), search).await,
            Self::Erase { email } => erase(context, &email).await,
        }
    }
}

async fn import(context: &Context, file: &Path, options: &ImportOptions) -> Result<(), CliError> {
    let unreadable =
        |error: std::io::Error| CliError::Failed(format!("{}: {error}", file.display()));
    let opened = File::open(file).map_err(unreadable)?;
    let bar = progress_bar(opened.metadata().map_err(unreadable)?.len(), "Importing");
    let app = context.app().await?;
    let mut printed = Ok(());
    let report = app
        .subscriptions()
        .import_csv(opened, options, |progress| match progress {
            ImportProgress::Read(bytes) => bar.set_position(bytes),
            ImportProgress::Rejected(refused) => {
                let result = json!({ "row": refused.row, "error": refused.error.to_string() });
                let line_printed = bar.suspend(|| {
                    context.output.print_result(&result, || {
                        format!("row {}: {}", refused.row, refused.error)
                    })
                });
                if printed.is_ok() {
                    printed = line_printed;
                }
            }
        })
        .await;
    bar.finish_and_clear();
    printed?;
    let report = report.map_err(|error| match error {
        ImportError::Store(error) => error.into(),
        error => CliError::Failed(format!("{}: {error}", file.display())),
    })?;
    let target = AuditTarget::Subscribers(report.tally.imported);
    app.audit(AuditAction::SubscribersImported, target).await;
    print_tally(context, report.tally, report.rejected)?;
    app.close().await;
    Ok(())
}

fn print_tally(context: &Context, tally: ImportTally, refused: u64) -> Result<(), CliError> {
    let ImportTally {
        imported,
        unchanged,
        kept_out,
    } = tally;
    let result = json!({ "imported": imported, "unchanged": unchanged, "kept_out": kept_out, "refused": refused });
    context.output.print_result(&result, || {
        format!("{imported} imported, {unchanged} already subscribed, {kept_out} skipped (unsubscribed), {refused} rejected.")
    })
}

async fn add(
    context: &Context,
    email: &str,
    name: &str,
    options: &ImportOptions,
) -> Result<(), CliError> {
    let address = EmailAddress::parse(email)?;
    let name =
        SubscriberName::parse(name).map_err(|error| CliError::Usage(format!("--name: {error}")))?;
    let app = context.app().await?;
    let tally = app
        .subscriptions()
        .import_subscriber(address.clone(), name, options)
        .await?;
    if tally.imported > 0
        && let Some(subscriber) = app.store.subscriber_by_address(&address).await?
    {
        app.audit(AuditAction::SubscriberAdded, subscriber.id).await;
    }
    print_tally(context, tally, 0)?;
    app.close().await;
    Ok(())
}

async fn erase(context: &Context, email: &str) -> Result<(), CliError> {
    let address = EmailAddress::parse(email)?;
    let app = context.app().await?;
    let not_found = || CliError::Failed("no subscriber has this address".to_owned());
    let subscriber = app.store.subscriber_by_address(&address).await?;
    let subscriber = subscriber.ok_or_else(not_found)?;
    if !app.subscriptions().erase_by_address(&address).await? {
        return Err(not_found());
    }
    app.audit(AuditAction::SubscriberErased, subscriber.id)
        .await;
    context
        .output
        .print_result(&json!({ "erased": true }), || "Erased.".to_owned())?;
    app.close().await;
    Ok(())
}

async fn list(
    context: &Context,
    state: Option<&str>,
    search: Option<String>,
) -> Result<(), CliError> {
    let filter = SubscriberFilter {
        state: parse_state(state)?,
        search: search.as_deref().and_then(Search::parse),
        order: Order::Newest,
    };
    let app = context.app().await?;
    for_each_subscriber(&app, &filter, |row| {
        context.output.print_result(&row.to_json(), || {
            let since = row.since.to_utc().strftime("%Y-%m-%d");
            format!(
                "{since}  {:<12}  {}  ({})",
                row.state.as_str(),
                row.address,
                row.source
            )
        })
    })
    .await?;
    app.close().await;
    Ok(())
}

async fn export(
    context: &Context,
    file: Option<&Path>,
    state: Option<&str>,
) -> Result<(), CliError> {
    let filter = SubscriberFilter {
        state: parse_state(state)?,
        ..SubscriberFilter::default()
    };
    let mut out: Box<dyn std::io::Write> = match file {
        Some(path) => Box::new(
            File::create(path)
                .map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))?,
        ),
        None => Box::new(std::io::stdout().lock()),
    };
    let app = context.app().await?;
    let mut export = app.subscriptions().export(filter);
    while let Some(lines) = export.next_chunk().await? {
        let written = out.write_all(&lines);
        written.map_err(|error| CliError::Failed(format!("cannot write: {error}")))?;
    }
    out.flush()?;
    let target = AuditTarget::Subscribers(export.row_count());
    app.audit(AuditAction::SubscribersExported, target).await;
    app.close().await;
    Ok(())
}

/// Calls `visit` for all subscribers that match `filter`, reading page by page.
async fn for_each_subscriber(
    app: &App,
    filter: &SubscriberFilter,
    mut visit: impl FnMut(&SubscriberRow) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut page = app
        .store
        .subscribers(filter, PageDirection::First, PAGE_SIZE)
        .await?;
    while let Some(last) = page.last() {
        for row in &page {
            visit(row)?;
        }
        let after = PageDirection::After(&last.cursor);
        page = app.store.subscribers(filter, after, PAGE_SIZE).await?;
    }
    Ok(())
}

fn parse_state(state: Option<&str>) -> Result<Option<SubscriberState>, CliError> {
    state
        .map(SubscriberState::parse)
        .transpose()
        .map_err(|error| CliError::Usage(format!("--state: {error}")))
}

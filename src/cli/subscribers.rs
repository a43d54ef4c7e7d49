//! `broadsheet subscribers`

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::app::App;
use crate::cli::output::progress_bar;
use crate::cli::{CliError, Context};
use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberName, SubscriberState};
use crate::store::{ImportTally, Order, PageDirection, Search, SubscriberFilter, SubscriberRow};
use crate::subscription::{CsvError, ImportOptions, Progress};

#[derive(Debug, Subcommand)]
pub enum Subscribers {
    /// Take readers in from a CSV file: a column called email (or E-Mail, mail …), one
    /// called name if there is one. Whoever left stays out
    Import {
        file: PathBuf,
        #[command(flatten)]
        how: ImportFlags,
    },
    /// Write every reader as CSV, to standard output or a file
    Export {
        file: Option<PathBuf>,
        #[arg(long)]
        state: Option<String>,
    },
    /// Take one reader in
    Add {
        email: String,
        #[arg(long, default_value = "")]
        name: String,
        #[command(flatten)]
        how: ImportFlags,
    },
    /// Every reader, the newest first
    List {
        /// pending, confirmed, unsubscribed or suppressed
        #[arg(long)]
        state: Option<String>,
        /// The beginning of an address, or of a domain: @example.com
        #[arg(long)]
        search: Option<String>,
    },
    /// Remove a reader and all that leads to them; deliveries stay, without address
    Erase { email: String },
}

#[derive(Debug, Args)]
pub struct ImportFlags {
    /// Where they confirmed: kept as the consent record
    #[arg(long, value_name = "WHERE")]
    source: Option<String>,
    /// Ask each for confirmation by mail instead of taking them as confirmed
    #[arg(long)]
    pending: bool,
}

impl ImportFlags {
    fn taken_in(self, otherwise: &str) -> ImportOptions {
        ImportOptions {
            source: self.source.unwrap_or_else(|| otherwise.to_owned()),
            pending: self.pending,
        }
    }
}

/// Rows read at once.
const PAGE: usize = 1_000;

impl Subscribers {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Import { file, how } => import(context, &file, &how.taken_in("import")).await,
            Self::Export { file, state } => {
                export(context, file.as_deref(), state.as_deref()).await
            }
            Self::Add { email, name, how } => {
                add(context, &email, &name, &how.taken_in("added by hand")).await
            }
            Self::List { state, search } => list(context, state.as_deref(), search).await,
            Self::Erase { email } => erase(context, &email).await,
        }
    }
}

async fn import(context: &Context, file: &Path, how: &ImportOptions) -> Result<(), CliError> {
    let unreadable =
        |error: std::io::Error| CliError::Failed(format!("{}: {error}", file.display()));
    let opened = File::open(file).map_err(unreadable)?;
    let bar = progress_bar(opened.metadata().map_err(unreadable)?.len(), "Importing");
    let app = context.app().await?;
    let mut told = Ok(());
    let report = app
        .subscriptions()
        .import_csv(opened, how, |progress| match progress {
            Progress::Read(bytes) => bar.set_position(bytes),
            Progress::Refused(refused) => {
                let line = json!({ "row": refused.row, "error": refused.error.to_string() });
                let said = bar.suspend(|| {
                    context
                        .output
                        .line(&line, || format!("row {}: {}", refused.row, refused.error))
                });
                if told.is_ok() {
                    told = said;
                }
            }
        })
        .await;
    bar.finish_and_clear();
    told?;
    let report = report.map_err(|error| match error {
        CsvError::Store(error) => error.into(),
        error => CliError::Failed(format!("{}: {error}", file.display())),
    })?;
    let object = AuditTarget::Subscribers(report.tally.imported);
    app.audit(AuditAction::SubscribersImported, object).await;
    print_tally(context, report.tally, report.refused)?;
    app.close().await;
    Ok(())
}

fn print_tally(context: &Context, tally: ImportTally, refused: u64) -> Result<(), CliError> {
    let ImportTally {
        imported,
        unchanged,
        kept_out,
    } = tally;
    let line = json!({ "imported": imported, "unchanged": unchanged, "kept_out": kept_out, "refused": refused });
    context.output.line(&line, || {
        format!("{imported} imported, {unchanged} were there already, {kept_out} had left and stay out, {refused} refused.")
    })
}

async fn add(
    context: &Context,
    email: &str,
    name: &str,
    how: &ImportOptions,
) -> Result<(), CliError> {
    let address = EmailAddress::parse(email)?;
    let name =
        SubscriberName::parse(name).map_err(|error| CliError::Usage(format!("--name: {error}")))?;
    let app = context.app().await?;
    let tally = app.subscriptions().add(address.clone(), name, how).await?;
    if tally.imported > 0
        && let Some(reader) = app.store.subscriber_by_address(&address).await?
    {
        app.audit(AuditAction::SubscriberAdded, reader.id).await;
    }
    print_tally(context, tally, 0)?;
    app.close().await;
    Ok(())
}

async fn erase(context: &Context, email: &str) -> Result<(), CliError> {
    let address = EmailAddress::parse(email)?;
    let app = context.app().await?;
    let nobody = || CliError::Failed("there is no reader of that address".to_owned());
    let reader = app.store.subscriber_by_address(&address).await?;
    let reader = reader.ok_or_else(nobody)?;
    if !app.subscriptions().erase(&address).await? {
        return Err(nobody());
    }
    app.audit(AuditAction::SubscriberErased, reader.id).await;
    context
        .output
        .line(&json!({ "erased": true }), || "Erased.".to_owned())?;
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
    each(&app, &filter, |row| {
        context.output.line(&row.to_json(), || {
            let since = row.since.to_utc().format("%Y-%m-%d");
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
    while let Some(lines) = export.next().await? {
        let written = out.write_all(&lines);
        written.map_err(|error| CliError::Failed(format!("cannot write: {error}")))?;
    }
    out.flush()?;
    let object = AuditTarget::Subscribers(export.readers());
    app.audit(AuditAction::SubscribersExported, object).await;
    app.close().await;
    Ok(())
}

/// Walks the whole list, a page at a time.
async fn each(
    app: &App,
    filter: &SubscriberFilter,
    mut visit: impl FnMut(&SubscriberRow) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut page = app
        .store
        .subscribers(filter, PageDirection::First, PAGE)
        .await?;
    while let Some(last) = page.last() {
        for row in &page {
            visit(row)?;
        }
        let after = PageDirection::After(&last.cursor);
        page = app.store.subscribers(filter, after, PAGE).await?;
    }
    Ok(())
}

fn parse_state(state: Option<&str>) -> Result<Option<SubscriberState>, CliError> {
    state
        .map(SubscriberState::parse)
        .transpose()
        .map_err(|error| CliError::Usage(format!("--state: {error}")))
}

//! `broadsheet subscribers`

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
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
use crate::store::{Order, PageDirection, Search, SubscriberFilter, SubscriberRow};
use crate::subscription::{ImportError, ImportOptions, ImportProgress, ImportReport};

#[derive(Debug, Subcommand)]
pub enum Subscribers {
    /// Import subscribers from a CSV file with a column email (or E-Mail, mail …) and
    /// optionally name. People who unsubscribed are skipped
    Import {
        /// The CSV file; - reads standard input
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
    /// Unsubscribe subscribers
    Unsubscribe {
        /// Email addresses
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
    /// Suppress subscribers, whose mail bounced or who complained: nothing is sent to them
    Suppress {
        /// Email addresses
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
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
    /// State of all of them: confirmed (they agreed), pending (ask each by mail), unsubscribed
    /// (they left) or suppressed (their mail bounced). Who left or is waiting according to the
    /// file stays so [default: as the file says, else confirmed]
    #[arg(long, value_name = "STATE", conflicts_with = "pending")]
    state: Option<String>,
    /// Send a confirmation mail instead of importing as confirmed; the same as --state pending
    #[arg(long)]
    pending: bool,
}

impl ImportFlags {
    fn into_options(self, default_source: &str) -> Result<ImportOptions, CliError> {
        let state = if self.pending {
            Some(SubscriberState::Pending)
        } else {
            parse_state(self.state.as_deref())?
        };
        Ok(ImportOptions {
            prefers_file_source: self.source.is_none(),
            source: self.source.unwrap_or_else(|| default_source.to_owned()),
            state,
        })
    }
}

/// Rows read per query, so that a long list takes little memory.
const PAGE_SIZE: usize = 1_000;

impl Subscribers {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Import { file, flags } => {
                import(context, &file, &flags.into_options("import")?).await
            }
            Self::Export { file, state } => {
                export(context, file.as_deref(), state.as_deref()).await
            }
            Self::Add { email, name, flags } => {
                add(
                    context,
                    &email,
                    &name,
                    &flags.into_options("added by hand")?,
                )
                .await
            }
            Self::List { state, search } => list(context, state.as_deref(), search).await,
            Self::Unsubscribe { addresses } => {
                end(context, &addresses, SubscriberState::Unsubscribed).await
            }
            Self::Suppress { addresses } => {
                end(context, &addresses, SubscriberState::Suppressed).await
            }
            Self::Erase { email } => erase(context, &email).await,
        }
    }
}

async fn import(context: &Context, file: &Path, options: &ImportOptions) -> Result<(), CliError> {
    let unreadable =
        |error: std::io::Error| CliError::Failed(format!("{}: {error}", file.display()));
    let (opened, size): (Box<dyn Read>, u64) = if file == Path::new("-") {
        (Box::new(std::io::stdin()), 0)
    } else {
        let opened = File::open(file).map_err(unreadable)?;
        let size = opened.metadata().map_err(unreadable)?.len();
        (Box::new(opened), size)
    };
    let bar = progress_bar(size, "Importing");
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
    print_report(context, &report)?;
    app.close().await;
    let tally = report.tally;
    if report.rejected > 0 && tally.changed() + tally.unchanged + tally.kept_out == 0 {
        let reason = "every row was refused; nobody was imported";
        return Err(CliError::Failed(format!("{}: {reason}", file.display())));
    }
    Ok(())
}

fn print_report(context: &Context, report: &ImportReport) -> Result<(), CliError> {
    let tally = report.tally;
    let result = json!({
        "imported": tally.imported, "unchanged": tally.unchanged, "kept_out": tally.kept_out,
        "refused": report.rejected, "unsubscribed": tally.unsubscribed,
        "suppressed": tally.suppressed, "pending": tally.pending,
        "were_confirmed": tally.were_confirmed, "lines": report.lines,
    });
    context.output.print_result(&result, || {
        let mut text = format!(
            "{} imported, {} already subscribed, {} skipped (unsubscribed), {} rejected.",
            tally.imported, tally.unchanged, tally.kept_out, report.rejected
        );
        for (count, what) in [
            (tally.pending, "of the imported are pending"),
            (tally.unsubscribed, "taken in as unsubscribed"),
            (tally.suppressed, "taken in as suppressed"),
            (tally.were_confirmed, "of those were confirmed here"),
        ] {
            if count > 0 {
                let _ = write!(text, " {count} {what}.");
            }
        }
        text
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
    let report = ImportReport {
        tally,
        ..ImportReport::default()
    };
    print_report(context, &report)?;
    app.close().await;
    Ok(())
}

/// Unsubscribes or suppresses subscribers, each address by itself. Fails in the end if nobody has
/// one of the addresses.
async fn end(
    context: &Context,
    addresses: &[String],
    state: SubscriberState,
) -> Result<(), CliError> {
    let parsed: Result<Vec<EmailAddress>, _> = addresses
        .iter()
        .map(|text| EmailAddress::parse(text))
        .collect();
    let parsed = parsed?;
    let options = ImportOptions {
        source: "command line".to_owned(),
        state: Some(state),
        prefers_file_source: false,
    };
    let app = context.app().await?;
    let mut unknown = Vec::new();
    for address in parsed {
        if app.store.subscriber_by_address(&address).await?.is_none() {
            unknown.push(address.to_string());
            continue;
        }
        let subscriptions = app.subscriptions();
        let tally = subscriptions
            .import_subscriber(address.clone(), None, &options)
            .await?;
        let is_changed = tally.changed() > 0;
        let result = json!({ "address": address.to_string(), "changed": is_changed });
        context.output.print_result(&result, || {
            let what = if is_changed {
                state.as_str()
            } else {
                "unchanged"
            };
            format!("{address}: {what}")
        })?;
    }
    app.close().await;
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown = unknown.join(", ");
    Err(CliError::Failed(format!(
        "no subscriber has the address {unknown}"
    )))
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

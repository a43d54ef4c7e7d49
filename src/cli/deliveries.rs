//! `broadsheet deliveries`

use clap::Subcommand;
use serde_json::json;

use crate::cli::queued::wait_until_enqueued;
use crate::cli::{CliError, Context};
use crate::domain::audit::AuditAction;
use crate::domain::delivery::DeliveryState;
use crate::domain::issue::IssueNumber;
use crate::store::{DeliveryFilter, DeliveryRow};

#[derive(Debug, Subcommand)]
pub enum Deliveries {
    /// Every copy of every mail: to whom, in what state, after how many tries, with the
    /// server's last words
    List {
        #[arg(long, value_name = "N")]
        issue: Option<String>,
        /// queued, leased, sending, deferred, delivered, bounced, skipped or in_doubt
        #[arg(long)]
        state: Option<String>,
    },
    /// Resume the issue if it is paused, try again now what waits, and send again to those
    /// who bounced or are in doubt
    Retry {
        #[arg(long, value_name = "N")]
        issue: String,
        /// Only what waits for its next try
        #[arg(long)]
        deferred_only: bool,
    },
}

/// Rows read at once.
const PAGE: i64 = 1_000;

impl Deliveries {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::List { issue, state } => list(context, issue.as_deref(), state.as_deref()).await,
            Self::Retry {
                issue,
                deferred_only,
            } => retry(context, &issue, deferred_only).await,
        }
    }
}

async fn list(context: &Context, issue: Option<&str>, state: Option<&str>) -> Result<(), CliError> {
    let filter = DeliveryFilter {
        issue: issue.map(issue_number).transpose()?,
        state: state
            .map(DeliveryState::parse)
            .transpose()
            .map_err(|error| CliError::Usage(format!("--state: {error}")))?,
    };
    let app = context.app().await?;
    wait_until_enqueued(&app).await?;
    let mut after: Option<String> = None;
    loop {
        let page = app
            .store
            .deliveries(&filter, after.as_deref(), PAGE)
            .await?;
        for row in &page {
            print(context, row)?;
        }
        match page.last() {
            Some(last) => after = Some(last.id.clone()),
            None => break,
        }
    }
    app.close().await;
    Ok(())
}

fn print(context: &Context, row: &DeliveryRow) -> Result<(), CliError> {
    context.output.line(&row.to_json(), || {
        let issue = row
            .issue
            .map_or_else(|| row.kind.to_string(), |number| format!("No. {number}"));
        let address = row.address.as_deref().unwrap_or("(erased)");
        let reply = row.reply.as_deref().unwrap_or_default();
        let at = row.at.to_utc().format("%Y-%m-%d %H:%M:%S");
        format!(
            "{at}  {issue:<12}  {:<9}  {:>2}  {address}  {reply}",
            row.state.as_str(),
            row.attempts
        )
    })
}

async fn retry(context: &Context, issue: &str, deferred_only: bool) -> Result<(), CliError> {
    let number = issue_number(issue)?;
    let app = context.app().await?;
    let issue = app.store.issue(number).await?;
    let issue = issue.ok_or_else(|| CliError::Failed(format!("there is no issue {number}")))?;
    let now = app.clock.now();
    let resumed = app.store.resume_issue(&issue.id, now).await?;
    let sooner = app.store.retry_deferred_now(&issue.id, now).await?;
    let again = if deferred_only {
        0
    } else {
        app.store.requeue_failed(&issue.id, now).await?
    };
    app.audit(AuditAction::IssueSentAgain, number).await;
    context.output.line(
        &json!({ "issue": number.get(), "resumed": resumed, "due_now": sooner, "sent_again": again }),
        || format!("No. {number}: {sooner} fall due now, {again} are sent again.{}", if resumed { " It goes on." } else { "" }),
    )?;
    app.close().await;
    Ok(())
}

fn issue_number(text: &str) -> Result<IssueNumber, CliError> {
    IssueNumber::parse(text)
        .map_err(|error| CliError::Usage(format!("--issue: {error}, got '{text}'")))
}

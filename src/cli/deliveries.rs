//! `broadsheet deliveries`

use clap::Subcommand;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::digest::wait_until_enqueued;
use crate::cli::error::CliError;
use crate::digest::IssueAction;
use crate::domain::audit::AuditAction;
use crate::domain::delivery::DeliveryState;
use crate::domain::issue::IssueNumber;
use crate::store::{DeliveryFilter, DeliveryRow};

#[derive(Debug, Subcommand)]
pub enum Deliveries {
    /// List every delivery with recipient, state, attempts and last SMTP reply
    List {
        /// Only deliveries of this issue
        #[arg(long, value_name = "N")]
        issue: Option<String>,
        #[arg(
            long,
            help = "Only deliveries in this state: queued, leased, sending, deferred, delivered, bounced, skipped or in_doubt"
        )]
        state: Option<String>,
    },
    /// Resume the issue if it is paused, make deferred deliveries due now, and requeue
    /// bounced and in-doubt ones
    Retry {
        /// The issue
        #[arg(long, value_name = "N")]
        issue: String,
        /// Only deferred deliveries
        #[arg(long)]
        deferred_only: bool,
    },
}

/// Rows read per query, so that a long list takes little memory.
const PAGE_SIZE: i64 = 1_000;

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
        issue: issue.map(parse_issue_number).transpose()?,
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
            .deliveries(&filter, after.as_deref(), PAGE_SIZE)
            .await?;
        for row in &page {
            print_delivery(context, row)?;
        }
        match page.last() {
            Some(last) => after = Some(last.id.clone()),
            None => break,
        }
    }
    app.close().await;
    Ok(())
}

fn print_delivery(context: &Context, row: &DeliveryRow) -> Result<(), CliError> {
    context.output.print_result(&row.to_json(), || {
        let issue = row
            .issue
            .map_or_else(|| row.kind.to_string(), |number| format!("No. {number}"));
        let address = row.address.as_deref().unwrap_or("(erased)");
        let reply = row.reply.as_deref().unwrap_or_default();
        let at = row.at.to_utc().strftime("%Y-%m-%d %H:%M:%S");
        format!(
            "{at}  {issue:<12}  {:<9}  {:>2}  {address}  {reply}",
            row.state.as_str(),
            row.attempts
        )
    })
}

async fn retry(context: &Context, issue: &str, deferred_only: bool) -> Result<(), CliError> {
    let number = parse_issue_number(issue)?;
    let app = context.app().await?;
    let issue = app.store.issue(number).await?;
    let issue = issue.ok_or_else(|| CliError::Failed(format!("issue {number} does not exist")))?;
    let now = app.clock.now();
    let apply =
        async |action: IssueAction| action.apply(&app.store, &issue.id, "command", now).await;
    let is_resumed = apply(IssueAction::Resume).await? > 0;
    let due_now = apply(IssueAction::RetryNow).await?;
    let requeued = if deferred_only {
        0
    } else {
        apply(IssueAction::RequeueFailed).await?
    };
    app.audit(AuditAction::IssueSentAgain, number).await;
    let result = json!({
        "issue": number.get(), "resumed": is_resumed, "due_now": due_now, "sent_again": requeued,
    });
    context.output.print_result(&result, || {
        let resumed = if is_resumed { " Sending resumed." } else { "" };
        format!(
            "No. {number}: {due_now} deferred deliveries are due now, {requeued} requeued.{resumed}"
        )
    })?;
    app.close().await;
    Ok(())
}

fn parse_issue_number(text: &str) -> Result<IssueNumber, CliError> {
    IssueNumber::parse(text)
        .map_err(|error| CliError::Usage(format!("--issue: {error}, got '{text}'")))
}

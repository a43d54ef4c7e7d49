//! `broadsheet digest send`: make the issue, and wait for it if asked.

use std::time::Duration;

use crate::app::App;
use crate::cli::queued::wait_until_enqueued;
use crate::cli::serve::stop_signal;
use crate::cli::watch::wait_until_settled;
use crate::cli::{CliError, Context};
use crate::delivery::Engine;
use crate::digest::{DigestService, Published, SendResult};
use crate::domain::audit::AuditAction;
use crate::domain::ids::IssueId;
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{DeliveryCounts, IssueState};
use crate::store::IssueRow;

#[derive(Clone, Copy, Debug)]
pub struct Wait {
    pub most: Duration,
}

/// Makes the issue of `slot` (`None`: one beside the week's) and tells how it stands.
pub async fn run(
    context: &Context,
    app: &App,
    slot: Option<Slot>,
    dry_run: bool,
    wait: Option<Wait>,
) -> Result<(), CliError> {
    let digests = app.digests()?;
    if let Some(slot) = &slot
        && let Some(issue) = app.store.issue_of_slot(slot).await?
    {
        return join(context, app, issue, dry_run, wait).await;
    }
    collect(&digests).await?;
    if dry_run {
        let draft = digests.draft().await?;
        let result = if digests.is_worth_sending(&draft) {
            "dry_run"
        } else {
            "nothing_new"
        };
        let line = SendResult::of_draft(result, &draft, slot.as_ref());
        return context.output.line(&line, || {
            format!(
                "No. {} would go to {} readers: {}",
                draft.number, draft.readers, draft.subject
            )
        });
    }
    let id = match digests.publish(slot).await? {
        Published::Made { id, number } => {
            app.audit(AuditAction::IssueSent, number).await;
            id
        }
        Published::AlreadyThere(issue) => return join(context, app, *issue, dry_run, wait).await,
        Published::Skipped => {
            let line = SendResult::of_nothing("skipped", slot.as_ref());
            return context.output.line(&line, || {
                "The editor skips this week: nothing is sent.".to_owned()
            });
        }
        Published::NothingNew(draft) => {
            let line = SendResult::of_nothing("nothing_new", slot.as_ref());
            return context.output.line(&line, || {
                if draft.readers == 0 {
                    "Nobody reads yet: nothing is sent."
                } else {
                    "Nothing new: nothing is sent."
                }
                .to_owned()
            });
        }
    };
    match wait {
        Some(wait) => wait_for(context, app, id, wait).await,
        None => {
            wait_until_enqueued(app).await?;
            print(context, app, &id, SendResult::of_issue)
                .await
                .map(drop)
        }
    }
}

/// The slot has its issue: joins it while it is not finished.
async fn join(
    context: &Context,
    app: &App,
    issue: IssueRow,
    dry_run: bool,
    wait: Option<Wait>,
) -> Result<(), CliError> {
    match (issue.state, wait) {
        (IssueState::Sending, Some(wait)) if !dry_run => {
            wait_for(context, app, issue.id, wait).await
        }
        _ => {
            if !dry_run {
                wait_until_enqueued(app).await?;
            }
            print(context, app, &issue.id, SendResult::of_issue_before)
                .await
                .map(drop)
        }
    }
}

/// Reads the feeds; what fails is told and stops nothing.
pub async fn collect(digests: &DigestService) -> Result<(), CliError> {
    for feed in digests.collect().await? {
        if let Err(error) = feed.result {
            eprintln!(
                "broadsheet: the feed {} could not be read: {error}",
                feed.source
            );
        }
    }
    Ok(())
}

/// Delivers until nothing is to go, the issue is paused, or only deferred mail has been
/// left for long enough.
async fn wait_for(context: &Context, app: &App, id: IssueId, wait: Wait) -> Result<(), CliError> {
    let stop = stop_signal()?;
    // Before the engine begins: side by side the two need more memory and are no faster.
    tokio::select! {
        () = stop.cancelled() => {}
        queued = wait_until_enqueued(app) => if let Err(error) = queued {
            tracing::warn!(%error, "the engine makes the rest of the queue");
        }
    }
    let engine = Engine::new(app.deliveries()?);
    let engine_stop = stop.child_token();
    let running = tokio::spawn({
        let engine_stop = engine_stop.clone();
        async move { engine.run(engine_stop.clone(), engine_stop).await }
    });
    let watched = wait_until_settled(app, &id, wait, &stop).await;
    engine_stop.cancel();
    let _ = running.await;
    watched?;
    app.store.finish_issues(app.clock.now()).await?;
    let tally = print(context, app, &id, SendResult::of_issue).await?;
    if tally.remaining() > 0 {
        Err(CliError::NotFinished)
    } else {
        Ok(())
    }
}

pub(super) fn issue_not_found() -> CliError {
    CliError::Failed("the issue is gone".to_owned())
}

/// Prints how the issue stands, and fails when it is paused.
async fn print(
    context: &Context,
    app: &App,
    id: &IssueId,
    tell: fn(&IssueRow) -> SendResult,
) -> Result<DeliveryCounts, CliError> {
    let issue = app
        .store
        .issue_by_id(id)
        .await?
        .ok_or_else(issue_not_found)?;
    let line = tell(&issue);
    context.output.line(&line, || words(line.result, &issue))?;
    if issue.state == IssueState::Paused {
        Err(CliError::Told)
    } else {
        Ok(issue.counts)
    }
}

fn words(result: &str, issue: &IssueRow) -> String {
    let tally = &issue.counts;
    let head = match result {
        "already_sent" => format!("No. {} was sent already", issue.number),
        "paused" => match &issue.pause_reason {
            Some(why) => format!("No. {} is paused: {why}", issue.number),
            None => format!("No. {} is paused", issue.number),
        },
        other => format!("No. {} is {other}", issue.number),
    };
    let mut parts = vec![format!(
        "{} of {} delivered",
        tally.delivered, issue.recipients
    )];
    let more = [
        (tally.queued, "to go"),
        (tally.deferred, "to be tried again"),
        (tally.bounced, "bounced"),
        (tally.skipped, "skipped"),
        (tally.in_doubt, "in doubt"),
    ];
    parts.extend(
        more.iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}")),
    );
    format!("{head}: {}.", parts.join(", "))
}

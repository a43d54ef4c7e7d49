//! `broadsheet digest send`

use std::time::Duration;

use clap::Args;

use crate::app::App;
use crate::cli::context::Context;
use crate::cli::digest::wait::{Wait, issue_not_found, wait_until_enqueued, wait_until_settled};
use crate::cli::error::CliError;
use crate::cli::signals::stop_signal;
use crate::delivery::Engine;
use crate::digest::{DigestService, Published, SendResult};
use crate::domain::audit::AuditAction;
use crate::domain::ids::IssueId;
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{DeliveryCounts, IssueState};
use crate::store::IssueRow;

#[derive(Debug, Args)]
pub struct Send {
    /// The week of the issue [default: this week]
    #[arg(long, value_name = "2026-W48", conflicts_with = "extra")]
    slot: Option<String>,
    /// Create an extra issue outside the weekly schedule
    #[arg(long)]
    extra: bool,
    /// Print what would be done without doing it
    #[arg(long)]
    dry_run: bool,
    /// Deliver in this process and exit when no delivery remains
    #[arg(long)]
    wait: bool,
    /// How long to wait when only deferred deliveries remain
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = parse_duration)]
    wait_max: Duration,
}

/// A send with what it needs.
struct Sending<'a> {
    context: &'a Context,
    app: &'a App,
    dry_run: bool,
    /// `None`: do not wait.
    wait: Option<Wait>,
}

impl Send {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        let slot = self.slot.as_deref().map(Slot::parse).transpose();
        let slot = slot.map_err(|error| CliError::Usage(format!("--slot: {error}")))?;
        if !context.has_database()? {
            context.settings()?.require_sending_settings()?;
        }
        let app = context.app().await?;
        app.settings.require_sending_settings()?;
        // Reports invalid SMTP settings before an issue is created.
        app.deliveries()?;
        let this_week = app.settings.schedule.plan.slot_of(app.clock.now());
        let slot = (!self.extra).then(|| slot.unwrap_or(this_week));
        let sending = Sending {
            context,
            app: &app,
            dry_run: self.dry_run,
            wait: self.wait.then_some(Wait { max: self.wait_max }),
        };
        let result = sending.create_or_join(slot).await;
        app.close().await;
        result
    }
}

impl Sending<'_> {
    /// Creates the issue of `slot` (`None`: an extra issue), or joins the existing one.
    async fn create_or_join(&self, slot: Option<Slot>) -> Result<(), CliError> {
        let digests = self.app.digests()?;
        if let Some(slot) = &slot
            && let Some(issue) = self.app.store.issue_of_slot(slot).await?
        {
            return self.join(issue).await;
        }
        collect_feeds(&digests).await?;
        if self.dry_run {
            return self.print_dry_run(&digests, slot.as_ref()).await;
        }
        match digests.publish(slot).await? {
            Published::Created { id, number } => {
                self.app.audit(AuditAction::IssueSent, number).await;
                match self.wait {
                    Some(wait) => self.deliver(id, wait).await,
                    None => {
                        wait_until_enqueued(self.app).await?;
                        self.print_issue(&id, SendResult::from_issue)
                            .await
                            .map(drop)
                    }
                }
            }
            Published::AlreadyExists(issue) => self.join(*issue).await,
            Published::Skipped => self.print_nothing(
                "skipped",
                slot.as_ref(),
                "An editor skipped this week: nothing was sent.",
            ),
            Published::NothingNew(draft) if draft.recipients == 0 => self.print_nothing(
                "nothing_new",
                slot.as_ref(),
                "No active subscribers: nothing was sent.",
            ),
            Published::NothingNew(_) => self.print_nothing(
                "nothing_new",
                slot.as_ref(),
                "Too few new posts: nothing was sent.",
            ),
        }
    }

    async fn print_dry_run(
        &self,
        digests: &DigestService,
        slot: Option<&Slot>,
    ) -> Result<(), CliError> {
        let draft = digests.draft().await?;
        let result = if digests.is_worth_sending(&draft) {
            "dry_run"
        } else {
            "nothing_new"
        };
        let result = SendResult::from_draft(result, &draft, slot);
        self.context.output.print_result(&result, || {
            format!(
                "No. {} would be sent to {} subscribers: {}",
                draft.number, draft.recipients, draft.subject
            )
        })
    }

    fn print_nothing(
        &self,
        result: &'static str,
        slot: Option<&Slot>,
        text: &str,
    ) -> Result<(), CliError> {
        let result = SendResult::without_issue(result, slot);
        self.context
            .output
            .print_result(&result, || text.to_owned())
    }

    /// Handles an issue that exists: delivers it if it is unfinished and a wait is requested.
    async fn join(&self, issue: IssueRow) -> Result<(), CliError> {
        match (issue.state, self.wait) {
            (IssueState::Sending, Some(wait)) if !self.dry_run => {
                self.deliver(issue.id, wait).await
            }
            _ => {
                if !self.dry_run {
                    wait_until_enqueued(self.app).await?;
                }
                self.print_issue(&issue.id, SendResult::from_existing_issue)
                    .await
                    .map(drop)
            }
        }
    }

    /// Delivers until no delivery remains, the issue is paused, or only deferred deliveries
    /// have remained for the maximum wait.
    async fn deliver(&self, id: IssueId, wait: Wait) -> Result<(), CliError> {
        let app = self.app;
        let stop = stop_signal()?;
        // Before the engine starts: running both concurrently takes more memory and is not
        // faster.
        tokio::select! {
            () = stop.cancelled() => {}
            enqueued = wait_until_enqueued(app) => if let Err(error) = enqueued {
                tracing::warn!(%error, "cannot enqueue deliveries; the delivery engine will retry");
            }
        }
        let engine = Engine::new(app.deliveries()?);
        let engine_stop = stop.child_token();
        let running = tokio::spawn({
            let engine_stop = engine_stop.clone();
            async move { engine.run(engine_stop.clone(), engine_stop).await }
        });
        let settled = wait_until_settled(app, &id, wait, &stop).await;
        engine_stop.cancel();
        let _ = running.await;
        settled?;
        app.store.finish_issues(app.clock.now()).await?;
        let counts = self.print_issue(&id, SendResult::from_issue).await?;
        if counts.remaining() > 0 {
            Err(CliError::NotFinished)
        } else if counts.recipients() > counts.skipped && counts.delivered + counts.in_doubt == 0 {
            // Nobody got it.
            Err(CliError::Reported)
        } else {
            Ok(())
        }
    }

    /// Prints state and counts of the issue. An issue that is paused is an error.
    async fn print_issue(
        &self,
        id: &IssueId,
        to_result: fn(&IssueRow) -> SendResult,
    ) -> Result<DeliveryCounts, CliError> {
        let issue = self.app.store.issue_by_id(id).await?;
        let issue = issue.ok_or_else(issue_not_found)?;
        let result = to_result(&issue);
        self.context
            .output
            .print_result(&result, || issue_text(result.result, &issue))?;
        if issue.state == IssueState::Paused {
            Err(CliError::Reported)
        } else {
            Ok(issue.counts)
        }
    }
}

/// Fetches the feeds and prints the errors of those that failed.
pub async fn collect_feeds(digests: &DigestService) -> Result<(), CliError> {
    for feed in digests.collect().await? {
        if let Err(error) = feed.result {
            eprintln!("broadsheet: cannot read the feed {}: {error}", feed.source);
        }
    }
    Ok(())
}

fn issue_text(result: &str, issue: &IssueRow) -> String {
    let counts = &issue.counts;
    let state = match (result, &issue.pause_reason) {
        ("already_sent", _) => format!("No. {} has already been sent", issue.number),
        ("paused", Some(reason)) => format!("No. {} is paused: {reason}", issue.number),
        (other, _) => format!("No. {} is {other}", issue.number),
    };
    let mut parts = vec![format!(
        "{} of {} delivered",
        counts.delivered, issue.recipients
    )];
    let more = [
        (counts.queued, "queued"),
        (counts.deferred, "deferred"),
        (counts.bounced, "bounced"),
        (counts.skipped, "skipped"),
        (counts.in_doubt, "in doubt"),
    ];
    parts.extend(
        more.iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}")),
    );
    format!("{state}: {}.", parts.join(", "))
}

/// Parses `90s`, `15m`, `2h`, or a number of seconds.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        _ => (text, 1),
    };
    let seconds = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "expected a time like 90s, 15m or 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_duration_accepts_units_and_rejects_rest() {
        assert_eq!(parse_duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("2h"), Ok(Duration::from_secs(7200)));
        for text in ["", "m", "1.5m", "-1s", "soon", "99999999999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}

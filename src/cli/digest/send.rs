//! `broadsheet digest send`

use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::context::Context;
use crate::cli::digest::alerts::{FeedAlerts, wait_until_alerts_sent};
use crate::cli::digest::wait::{Wait, issue_not_found, wait_until_enqueued, wait_until_settled};
use crate::cli::error::CliError;
use crate::cli::signals::stop_signal;
use crate::delivery::Engine;
use crate::digest::{DigestService, Draft, FeedResult, Published, SendResult};
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
    /// The requested slot; `None`: an extra issue.
    slot: Option<Slot>,
    /// The week of a message about the feeds of an extra issue.
    this_week: Slot,
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
            slot,
            this_week,
        };
        let result = sending.create_or_join().await;
        app.close().await;
        result
    }
}

impl Sending<'_> {
    /// Creates the issue of the slot, or joins the existing one.
    async fn create_or_join(&self) -> Result<(), CliError> {
        let digests = self.app.digests()?;
        // Sets the time from which events are reported.
        self.app.alerts().poll().await?;
        self.app.store.release_unreceived().await?;
        if let Some(slot) = &self.slot
            && let Some(issue) = self.app.store.issue_of_slot(slot).await?
        {
            return self.join(issue).await;
        }
        let feeds = collect_feeds(&digests).await?;
        let week = self.slot.unwrap_or(self.this_week);
        let feeds = FeedAlerts::new(self.app.alerts(), feeds, week);
        if self.dry_run {
            return self.print_dry_run(&digests, &feeds).await;
        }
        let published = digests.publish(self.slot).await?;
        feeds.notify(&published).await?;
        match published {
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
            Published::Skipped => {
                self.print_nothing("skipped", "An editor skipped this week: nothing was sent.")
            }
            Published::NothingNew(draft) => {
                if self.wait.is_some() {
                    self.deliver_alerts().await?;
                }
                self.print_nothing("nothing_new", nothing_new_text(&draft, &feeds))?;
                fail_if_unread(&feeds)
            }
        }
    }

    async fn print_dry_run(
        &self,
        digests: &DigestService,
        feeds: &FeedAlerts,
    ) -> Result<(), CliError> {
        let draft = digests.draft().await?;
        if !digests.is_worth_sending(&draft) {
            let result = SendResult::from_draft("nothing_new", &draft, self.slot.as_ref());
            let text = || nothing_new_text(&draft, feeds).to_owned();
            self.context.output.print_result(&result, text)?;
            return fail_if_unread(feeds);
        }
        let result = SendResult::from_draft("dry_run", &draft, self.slot.as_ref());
        self.context.output.print_result(&result, || {
            format!(
                "No. {} would be sent to {} subscribers: {}",
                draft.number, draft.recipients, draft.subject
            )
        })
    }

    fn print_nothing(&self, result: &'static str, text: &str) -> Result<(), CliError> {
        let result = SendResult::without_issue(result, self.slot.as_ref());
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
        let settled = self
            .with_engine(&stop, async {
                wait_until_settled(app, &id, wait, &stop).await?;
                app.store.finish_issues(app.clock.now()).await?;
                app.alerts().poll().await?;
                wait_until_alerts_sent(app, &stop).await?;
                Ok::<(), CliError>(())
            })
            .await?;
        settled?;
        app.store.release_unreceived().await?;
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

    /// Sends the alerts that are due. Without an alert it does nothing.
    async fn deliver_alerts(&self) -> Result<(), CliError> {
        if !self.app.store.is_alert_due(self.app.clock.now()).await? {
            return Ok(());
        }
        let stop = stop_signal()?;
        let sent = wait_until_alerts_sent(self.app, &stop);
        Ok(self.with_engine(&stop, sent).await??)
    }

    /// Runs the delivery engine until `done` completes.
    async fn with_engine<T>(
        &self,
        stop: &CancellationToken,
        done: impl Future<Output = T>,
    ) -> Result<T, CliError> {
        let engine = Engine::new(self.app.deliveries()?);
        let engine_stop = stop.child_token();
        let running = tokio::spawn({
            let engine_stop = engine_stop.clone();
            async move { engine.run(engine_stop.clone(), engine_stop).await }
        });
        let result = done.await;
        engine_stop.cancel();
        let _ = running.await;
        Ok(result)
    }

    /// Prints state and counts of the issue. An issue that is paused is an error.
    async fn print_issue(
        &self,
        id: &IssueId,
        to_result: fn(&IssueRow) -> SendResult,
    ) -> Result<DeliveryCounts, CliError> {
        let issue = self.app.store.issue_by_id(id).await?;
        let issue = issue.ok_or_else(issue_not_found)?;
        let result = to_result(&issue).for_slot(self.slot.as_ref());
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
pub async fn collect_feeds(digests: &DigestService) -> Result<Vec<FeedResult>, CliError> {
    let feeds = digests.collect().await?;
    for feed in &feeds {
        if let Err(error) = &feed.result {
            eprintln!("broadsheet: cannot read the feed {}: {error}", feed.source);
        }
    }
    Ok(feeds)
}

fn nothing_new_text(draft: &Draft, feeds: &FeedAlerts) -> &'static str {
    if feeds.is_every_feed_failed() {
        "No feed could be read: nothing was sent."
    } else if draft.recipients == 0 {
        "No active subscribers: nothing was sent."
    } else {
        "Too few new posts: nothing was sent."
    }
}

/// Returns an error if every feed failed: what is new is then not known.
fn fail_if_unread(feeds: &FeedAlerts) -> Result<(), CliError> {
    if feeds.is_every_feed_failed() {
        Err(CliError::Reported)
    } else {
        Ok(())
    }
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

//! Making the week's issue when its time comes.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::digest::{DigestService, DraftError, FeedResult, PublishError, Published};
use crate::domain::clock::Timestamp;
use crate::domain::issue::schedule::{Due, Schedule};
use crate::domain::issue::slot::Slot;
use crate::domain::time_zone::time_zone_name;
use crate::mail::templates::FailedFeed;
use crate::store::StoreError;
use crate::worker::alerts::Alerts;

/// How often the clock is looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(15);
/// Between two readings of the feeds, so that the draft shows what there is.
const READ_FEEDS: Duration = Duration::from_secs(30 * 60);
/// When a feed failed at its slot and nothing else is new, or the issue cannot be made, it is
/// tried again this often, as long as the slot can be caught up.
const RETRY_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// When issues go out.
#[derive(Clone, Debug)]
pub struct ScheduleConfig {
    pub schedule: Schedule,
    pub catch_up: Duration,
    pub enabled: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ScheduleFailure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Draft(#[from] DraftError),
}

#[derive(Clone, Debug)]
pub struct Scheduler {
    pub digests: DigestService,
    pub plan: ScheduleConfig,
    /// Whether sender and postal address are set: without them no issue is made.
    pub ready: bool,
    pub alerts: Alerts,
}

/// What the scheduler remembers from one look to the next.
#[derive(Debug, Default)]
pub struct SchedulerState {
    feeds_read: Option<Timestamp>,
    /// When the issue that is due could not be made.
    failed: Option<Timestamp>,
}

impl Scheduler {
    /// Looks at the clock and the feeds until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut memory = SchedulerState::default();
        loop {
            if let Err(error) = self.tick(&mut memory).await {
                tracing::error!(%error, "the schedule could not be followed; it is tried again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }

    /// One look: reads the feeds when it is time, makes the issue that is due, and tells the
    /// owner what happened.
    ///
    /// # Errors
    /// When the database or a template fails; the next look tries again.
    pub async fn tick(&self, memory: &mut SchedulerState) -> Result<(), ScheduleFailure> {
        let kept = self.keep_schedule(memory).await;
        // Also when the schedule could not be kept.
        self.alerts.poll().await?;
        kept
    }

    async fn keep_schedule(&self, memory: &mut SchedulerState) -> Result<(), ScheduleFailure> {
        let now = self.digests.clock.now();
        if memory
            .feeds_read
            .is_none_or(|at| now.since(at) >= READ_FEEDS)
        {
            self.digests.collect().await?;
            memory.feeds_read = Some(now);
        }
        if !self.plan.enabled {
            return Ok(());
        }
        match self.due(now).await? {
            Due::NotYet { next } => {
                if let Some(next) = next {
                    self.notify_draft(next, now).await?;
                }
            }
            Due::Missed { slot, at } => {
                tracing::error!(%slot, "the slot was missed for longer than schedule.catch_up_hours; it is skipped");
                self.alerts.notify_missed_slot(&slot, at).await?;
                self.digests.store.set_last_slot(at).await?;
            }
            Due::Now { slot, at } => {
                let resting = memory
                    .failed
                    .is_some_and(|failed| now.since(failed) < RETRY_INTERVAL);
                if !resting && !self.process_slot(slot, at).await? {
                    memory.failed = Some(now);
                }
            }
        }
        Ok(())
    }

    /// What the schedule says at `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due(&self, now: Timestamp) -> Result<Due, StoreError> {
        let plan = &self.plan;
        let name = format!(
            "{} {}",
            plan.schedule.cron(),
            time_zone_name(plan.schedule.zone())
        );
        let set_at = self.digests.store.schedule_set_at(&name, now).await?;
        let settled = self.digests.store.last_slot().await?;
        Ok(plan.schedule.due(now, set_at, settled, plan.catch_up))
    }

    /// Makes the issue of `slot`. False when it should be tried again soon: a feed failed
    /// and may yet bring something, or somebody must mend what the owner is told of.
    async fn process_slot(&self, slot: Slot, at: Timestamp) -> Result<bool, ScheduleFailure> {
        if !self.ready {
            tracing::error!(%slot, "no issue can be made: newsletter.name, from and postal_address must be set");
            return Ok(false);
        }
        let collected = self.digests.collect().await?;
        let failures: Vec<FailedFeed> = collected.into_iter().filter_map(failure).collect();
        let failed = failures.len();
        let published = match self.digests.publish(Some(slot)).await {
            Err(PublishError::Draft(error)) if !matches!(error, DraftError::Store(_)) => {
                tracing::error!(%slot, %error, "the week's issue cannot be made");
                let says = error.to_string();
                self.alerts.notify_no_issue(&slot, says).await?;
                return Ok(false);
            }
            published => published?,
        };
        match published {
            Published::NothingNew(_) if failed > 0 => {
                tracing::error!(%slot, failed, "nothing new could be read: feeds failed at their slot");
                self.alerts
                    .notify_failed_feeds(&slot, failures, None)
                    .await?;
                return Ok(false);
            }
            Published::NothingNew(_) => tracing::info!(%slot, "nothing new, so nothing is sent"),
            Published::Made { number, .. } => {
                tracing::info!(%slot, issue = %number, failed, "the week's issue is made");
                let number = Some(number.get());
                self.alerts
                    .notify_failed_feeds(&slot, failures, number)
                    .await?;
            }
            Published::AlreadyThere(issue) => {
                tracing::info!(%slot, issue = %issue.number, "this week has its issue")
            }
            Published::Skipped => tracing::info!(%slot, "the editor skips this week"),
        }
        self.digests.store.set_last_slot(at).await?;
        Ok(true)
    }

    /// In time for the editor to look at it, once there is something to look at.
    async fn notify_draft(&self, next: Timestamp, now: Timestamp) -> Result<(), ScheduleFailure> {
        let slot = self.plan.schedule.slot_of(next);
        if self.alerts.should_notify_draft(&slot, next, now).await? {
            let draft = self.digests.draft().await?;
            if self.digests.is_worth_sending(&draft) {
                self.alerts.notify_draft(&slot, next, &draft).await?;
            }
        }
        Ok(())
    }
}

fn failure(feed: FeedResult) -> Option<FailedFeed> {
    let says = feed.result.err()?;
    Some(FailedFeed {
        url: feed.source,
        says,
    })
}

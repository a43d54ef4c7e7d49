//! Scheduler: creates the weekly issue at its slot and polls the feeds.

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

/// Time between two checks of the schedule.
const POLL_INTERVAL: Duration = Duration::from_secs(15);

/// Time between two fetches of the feeds, so that the draft shows recent posts.
const FEED_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// Time between two attempts to create an issue that is due.
///
/// An attempt is repeated within the catch-up period if the issue cannot be created, or if a
/// feed failed and the other feeds have no new post.
const RETRY_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// When issues are created.
#[derive(Clone, Debug)]
pub struct ScheduleConfig {
    /// Cron expression and time zone.
    pub schedule: Schedule,
    /// How long after its slot a missed issue is still created.
    pub catch_up: Duration,
    /// Whether issues are created automatically.
    pub enabled: bool,
}

/// Why a scheduler run failed.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleFailure {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The issue could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The draft could not be rendered.
    #[error(transparent)]
    Draft(#[from] DraftError),
}

/// Creates issues and fetches feeds on schedule.
#[derive(Clone, Debug)]
pub struct Scheduler {
    /// Collects posts and publishes issues.
    pub digests: DigestService,
    /// When issues are created.
    pub config: ScheduleConfig,
    /// Whether the required sender settings are present.
    ///
    /// Without them no issue is created.
    pub is_sender_configured: bool,
    /// Notifies the operator.
    pub alerts: Alerts,
}

/// What the scheduler keeps from one run to the next. Lost on restart.
#[derive(Debug, Default)]
pub struct SchedulerState {
    feeds_fetched_at: Option<Timestamp>,
    /// When the last attempt to create the due issue failed.
    failed_at: Option<Timestamp>,
}

impl Scheduler {
    /// Checks the schedule every 15 s until `stop` is cancelled.
    pub async fn run(&self, stop: CancellationToken) {
        let mut state = SchedulerState::default();
        loop {
            if let Err(error) = self.tick(&mut state).await {
                tracing::error!(%error, "scheduler run failed; retrying");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }

    /// Runs once: fetches feeds and creates the issue if due, and enqueues alerts.
    ///
    /// # Errors
    ///
    /// Returns [`ScheduleFailure`] if the database fails or a template cannot be rendered.
    /// The next run tries again.
    pub async fn tick(&self, state: &mut SchedulerState) -> Result<(), ScheduleFailure> {
        let result = self.process_schedule(state).await;
        // Poll for alerts even if the schedule failed.
        self.alerts.poll().await?;
        result
    }

    async fn process_schedule(&self, state: &mut SchedulerState) -> Result<(), ScheduleFailure> {
        let now = self.digests.clock.now();
        self.digests.store.release_unreceived().await?;
        if state
            .feeds_fetched_at
            .is_none_or(|at| now.since(at) >= FEED_INTERVAL)
        {
            self.digests.collect().await?;
            state.feeds_fetched_at = Some(now);
        }
        if !self.config.enabled {
            return Ok(());
        }
        match self.due(now).await? {
            Due::NotYet { next } => {
                if let Some(next) = next {
                    self.notify_draft(next, now).await?;
                }
            }
            Due::Missed { slot, at } => {
                tracing::error!(%slot, "slot missed for longer than schedule.catch_up_hours; skipped");
                self.alerts.notify_missed_slot(&slot, at).await?;
                self.digests.store.set_last_slot(at).await?;
            }
            Due::Now { slot, at } => {
                let failed_recently = state
                    .failed_at
                    .is_some_and(|failed_at| now.since(failed_at) < RETRY_INTERVAL);
                if !failed_recently && !self.process_slot(slot, at).await? {
                    state.failed_at = Some(now);
                }
            }
        }
        Ok(())
    }

    /// Returns which slot is due at `now`.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the database fails.
    pub async fn due(&self, now: Timestamp) -> Result<Due, StoreError> {
        let ScheduleConfig {
            schedule, catch_up, ..
        } = &self.config;
        let name = format!("{} {}", schedule.cron(), time_zone_name(schedule.zone()));
        let set_at = self.digests.store.schedule_set_at(&name, now).await?;
        let last_slot = self.digests.store.last_slot().await?;
        Ok(schedule.due(now, set_at, last_slot, *catch_up))
    }

    /// Creates the issue of `slot`. Returns false if it should be tried again soon.
    ///
    /// That is the case if a feed failed and may still have new posts, or if the operator
    /// has to fix an error.
    async fn process_slot(&self, slot: Slot, at: Timestamp) -> Result<bool, ScheduleFailure> {
        if !self.is_sender_configured {
            tracing::error!(%slot, "cannot create issue; newsletter.name, from and postal_address are required");
            return Ok(false);
        }
        let collected = self.digests.collect().await?;
        let failed_feeds: Vec<FailedFeed> = collected
            .into_iter()
            .filter_map(FeedResult::into_failed)
            .collect();
        let failed = failed_feeds.len();
        let published = match self.digests.publish(Some(slot)).await {
            Err(PublishError::Draft(error)) if !matches!(error, DraftError::Store(_)) => {
                tracing::error!(%slot, %error, "cannot create issue");
                self.alerts
                    .notify_no_issue(&slot, error.to_string())
                    .await?;
                return Ok(false);
            }
            published => published?,
        };
        match published {
            Published::NothingNew(_) if failed > 0 => {
                tracing::error!(%slot, failed_feeds = failed, "no issue created; feeds failed and no post is new");
                self.alerts
                    .notify_failed_feeds(&slot, failed_feeds, None)
                    .await?;
                return Ok(false);
            }
            Published::NothingNew(_) => {
                tracing::info!(%slot, "no issue created; no post is new");
            }
            Published::Created { number, .. } => {
                tracing::info!(%slot, issue.number = %number, failed_feeds = failed, "issue created");
                self.alerts
                    .notify_failed_feeds(&slot, failed_feeds, Some(number.get()))
                    .await?;
            }
            Published::AlreadyExists(issue) => {
                tracing::info!(%slot, issue.number = %issue.number, "slot already has an issue");
            }
            Published::Skipped => tracing::info!(%slot, "slot skipped by an editor"),
        }
        self.digests.store.set_last_slot(at).await?;
        Ok(true)
    }

    /// Announces the draft before its slot, once it has enough posts.
    async fn notify_draft(&self, next: Timestamp, now: Timestamp) -> Result<(), ScheduleFailure> {
        let slot = self.config.schedule.slot_of(next);
        if self.alerts.should_notify_draft(&slot, next, now).await? {
            let draft = self.digests.draft().await?;
            if self.digests.is_worth_sending(&draft) {
                self.alerts.notify_draft(&slot, next, &draft).await?;
            }
        }
        Ok(())
    }
}

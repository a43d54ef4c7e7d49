//! Alerts of `digest send`: the same as those of the built-in schedule.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::error::CliError;
use crate::digest::{FeedResult, Published};
use crate::domain::issue::slot::Slot;
use crate::store::StoreError;
use crate::worker::Alerts;

/// Maximum time that a command waits until its alerts are sent. What is then left is sent by the
/// next process that delivers.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval between polls of the alerts that are not sent yet.
const POLL: Duration = Duration::from_millis(50);

/// Results of the feeds, and the alerts about them.
pub struct FeedAlerts {
    alerts: Alerts,
    feeds: Vec<FeedResult>,
    slot: Slot,
}

impl FeedAlerts {
    /// `slot` names the week in the alert.
    pub fn new(alerts: Alerts, feeds: Vec<FeedResult>, slot: Slot) -> Self {
        Self {
            alerts,
            feeds,
            slot,
        }
    }

    /// Returns whether there are feeds and none of them could be read.
    pub fn is_every_feed_failed(&self) -> bool {
        !self.feeds.is_empty() && self.feeds.iter().all(|feed| feed.result.is_err())
    }

    /// Enqueues an alert about the feeds that failed, if an issue was created or its posts may be
    /// missing because of them.
    ///
    /// # Errors
    /// [`CliError::Failed`] if the database fails.
    pub async fn notify(&self, published: &Published) -> Result<(), CliError> {
        let number = match published {
            Published::Created { number, .. } => Some(number.get()),
            Published::NothingNew(_) => None,
            Published::AlreadyExists(_) | Published::Skipped => return Ok(()),
        };
        let feeds = self.feeds.iter().cloned();
        let failed = feeds.filter_map(FeedResult::into_failed).collect();
        let notified = self.alerts.notify_failed_feeds(&self.slot, failed, number);
        Ok(notified.await?)
    }
}

/// Waits until every alert that is due was sent or deferred, or for 30 s.
///
/// # Errors
/// [`StoreError::Database`] if a statement fails.
pub async fn wait_until_alerts_sent(app: &App, stop: &CancellationToken) -> Result<(), StoreError> {
    let started = Instant::now();
    while app.store.is_alert_due(app.clock.now()).await? && started.elapsed() < SEND_TIMEOUT {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(POLL) => {}
        }
    }
    Ok(())
}

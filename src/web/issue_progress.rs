//! Progress of issues that are being sent. One task per issue polls the database, for any
//! number of watching pages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::delivery::send_rate::{ThroughputEstimator, stalled_for};
use crate::domain::issue::{IssueId, IssueStatus};
use crate::store::{IssueProgress, IssueRow, Store, StoreError};
use crate::web::error::HttpError;

/// Interval between polls of the database. Each change of a count on a page is at most this
/// old.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Maximum time that a page waits for the first poll.
const FIRST_POLL_TIMEOUT: Duration = Duration::from_secs(10);

/// Status of an issue and its throughput at one moment.
#[derive(Clone, Debug)]
pub struct ProgressSnapshot {
    /// The issue as stored.
    pub sight: IssueProgress,
    /// When the database was polled.
    pub at: Timestamp,
    /// Completed deliveries per second; `None` unless the issue is being sent.
    pub per_second: Option<f64>,
    /// Estimated time until completion; `None` if unknown.
    pub time_left: Option<Duration>,
    /// How long the SMTP server has not replied; `None` if it replies normally.
    pub silent: Option<Duration>,
}

impl ProgressSnapshot {
    fn new(sight: IssueProgress, throughput: &ThroughputEstimator, now: Timestamp) -> Self {
        let issue = &sight.issue;
        let is_sending = issue.status() == IssueStatus::Sending;
        let answered_at = issue.last_reply_at.unwrap_or(issue.frozen_at);
        let silent = stalled_for(now, answered_at, sight.first_due);
        Self {
            per_second: throughput.per_second().filter(|_| is_sending),
            time_left: throughput.eta(issue.counts.queued).filter(|_| is_sending),
            silent: silent.filter(|_| is_sending),
            at: now,
            sight,
        }
    }

    /// Returns the status of the issue.
    pub const fn standing(&self) -> IssueStatus {
        self.sight.issue.status()
    }
}

/// Result of the last poll.
#[derive(Clone, Debug, Default)]
pub enum ProgressState {
    /// Not polled yet.
    #[default]
    NotYet,
    /// The database is unavailable, or the issue does not exist.
    Nothing,
    /// The progress.
    Look(Arc<ProgressSnapshot>),
}

/// A watched issue.
#[derive(Debug, Default)]
struct WatchedIssue {
    state: watch::Sender<ProgressState>,
    throughput: ThroughputEstimator,
    /// Whether a task polls the issue.
    is_polled: bool,
    /// Incremented by [`ProgressHub::changed`], to discard the result of a poll that began
    /// before the change.
    changes: u64,
    changed: Arc<Notify>,
}

/// The issues that are watched in this process.
#[derive(Debug)]
pub struct ProgressHub {
    store: Store,
    clock: Arc<dyn Clock>,
    watched: Mutex<HashMap<IssueId, WatchedIssue>>,
    closing: CancellationToken,
}

impl ProgressHub {
    /// Creates a hub without watched issues.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            watched: Mutex::default(),
            closing: CancellationToken::new(),
        })
    }

    /// Closes all event streams and ends polling.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Waits until [`Self::close`] is called.
    pub async fn closed(&self) {
        self.closing.cancelled().await;
    }

    /// Subscribes to an issue. Polling starts with the first receiver and ends after the last
    /// is dropped.
    pub fn watch(self: &Arc<Self>, issue: IssueId) -> watch::Receiver<ProgressState> {
        let mut issues = self.lock();
        let watched = issues.entry(issue).or_default();
        if !watched.is_polled {
            watched.is_polled = true;
            watched.state.send_replace(ProgressState::NotYet);
            tokio::spawn(Arc::clone(self).poll(issue));
        }
        watched.state.subscribe()
    }

    /// Returns the progress of an issue, at most 500 ms old.
    ///
    /// # Errors
    /// Returns [`HttpError::Away`] if the database is unavailable, does not respond within 10 s,
    /// or no longer contains the issue.
    pub async fn look(
        self: &Arc<Self>,
        issue: IssueRow,
    ) -> Result<Arc<ProgressSnapshot>, HttpError> {
        if issue.status().is_over() && issue.counts.remaining() == 0 {
            let sight = IssueProgress {
                issue,
                first_due: None,
            };
            let throughput = ThroughputEstimator::default();
            let snapshot = ProgressSnapshot::new(sight, &throughput, self.clock.now());
            return Ok(Arc::new(snapshot));
        }
        let mut receiver = self.watch(issue.id);
        let state = receiver.wait_for(|state| !matches!(state, ProgressState::NotYet));
        match tokio::time::timeout(FIRST_POLL_TIMEOUT, state).await {
            Ok(Ok(state)) => match &*state {
                ProgressState::Look(snapshot) => Ok(Arc::clone(snapshot)),
                ProgressState::Nothing | ProgressState::NotYet => Err(HttpError::Away),
            },
            _ => Err(HttpError::Away),
        }
    }

    /// Polls an issue immediately. Called after a request has changed the issue.
    pub fn changed(&self, issue: &IssueId) {
        if let Some(watched) = self.lock().get_mut(issue) {
            watched.changes += 1;
            watched.state.send_replace(ProgressState::NotYet);
            watched.changed.notify_one();
        }
    }

    async fn poll(self: Arc<Self>, issue: IssueId) {
        while let Some((changes, changed)) = self.next_poll(&issue) {
            let progress = self.store.issue_progress(&issue).await;
            self.publish(&issue, changes, progress);
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = changed.notified() => {}
                () = self.closing.cancelled() => {}
            }
        }
    }

    /// Returns the change counter and its signal, or `None` when polling ends because there is
    /// no receiver or the hub is closed. Keeps the measured throughput of a running issue for
    /// the next receiver.
    fn next_poll(&self, issue: &IssueId) -> Option<(u64, Arc<Notify>)> {
        let mut issues = self.lock();
        let watched = issues.get_mut(issue)?;
        if watched.state.receiver_count() > 0 && !self.closing.is_cancelled() {
            return Some((watched.changes, Arc::clone(&watched.changed)));
        }
        watched.is_polled = false;
        let is_running = match &*watched.state.borrow() {
            ProgressState::Look(snapshot) => !snapshot.standing().is_over(),
            ProgressState::NotYet | ProgressState::Nothing => false,
        };
        if !is_running {
            issues.remove(issue);
        }
        None
    }

    fn publish(
        &self,
        issue: &IssueId,
        changes: u64,
        progress: Result<Option<IssueProgress>, StoreError>,
    ) {
        let mut issues = self.lock();
        let Some(watched) = issues.get_mut(issue).filter(|it| it.changes == changes) else {
            return;
        };
        match progress {
            Ok(Some(progress)) => {
                let now = self.clock.now();
                watched
                    .throughput
                    .record(now, progress.issue.counts.completed());
                let snapshot = ProgressSnapshot::new(progress, &watched.throughput, now);
                let state = ProgressState::Look(Arc::new(snapshot));
                watched.state.send_replace(state);
            }
            // Keep the last snapshot: another process may continue sending.
            other => {
                let is_error = other.is_err();
                tracing::debug!(is_error, "cannot poll progress of issue");
                watched.state.send_if_modified(|state| {
                    let is_first = matches!(state, ProgressState::NotYet);
                    if is_first {
                        *state = ProgressState::Nothing;
                    }
                    is_first
                });
            }
        }
    }

    /// Returns the number of issues being polled.
    #[cfg(test)]
    pub fn readers(&self) -> usize {
        self.lock()
            .values()
            .filter(|watched| watched.is_polled)
            .count()
    }

    /// Locks the map; a panic in another holder leaves it usable.
    fn lock(&self) -> MutexGuard<'_, HashMap<IssueId, WatchedIssue>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

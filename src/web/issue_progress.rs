//! Watching issues being sent: one reader of the database for each, however many watch.

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

/// Between two looks at the database.
const EVERY: Duration = Duration::from_millis(500);
/// What a page waits for the first look.
const PATIENCE: Duration = Duration::from_secs(10);

/// How an issue stands, and how fast it goes.
#[derive(Clone, Debug)]
pub struct ProgressSnapshot {
    pub sight: IssueProgress,
    pub at: Timestamp,
    /// Recipients done in a second.
    pub per_second: Option<f64>,
    pub time_left: Option<Duration>,
    /// For how long the mail server has not answered, when that is too long.
    pub silent: Option<Duration>,
}

impl ProgressSnapshot {
    fn new(sight: IssueProgress, pace: &ThroughputEstimator, now: Timestamp) -> Self {
        let issue = &sight.issue;
        let is_sending = issue.status() == IssueStatus::Sending;
        let answered_at = issue.last_reply_at.unwrap_or(issue.frozen_at);
        let silent = stalled_for(now, answered_at, sight.first_due);
        Self {
            per_second: pace.per_second().filter(|_| is_sending),
            time_left: pace.eta(issue.counts.queued).filter(|_| is_sending),
            silent: silent.filter(|_| is_sending),
            at: now,
            sight,
        }
    }

    pub const fn standing(&self) -> IssueStatus {
        self.sight.issue.status()
    }
}

/// What a reader has found.
#[derive(Clone, Debug, Default)]
pub enum ProgressState {
    #[default]
    NotYet,
    /// The database does not answer, or there is no such issue.
    Nothing,
    Look(Arc<ProgressSnapshot>),
}

#[derive(Debug, Default)]
struct Watched {
    seen: watch::Sender<ProgressState>,
    pace: ThroughputEstimator,
    is_read: bool,
    /// Counted up when someone has changed the issue: what was looked up before is old.
    changes: u64,
    changed: Arc<Notify>,
}

/// The issues that are watched at this process.
#[derive(Debug)]
pub struct ProgressHub {
    store: Store,
    clock: Arc<dyn Clock>,
    watched: Mutex<HashMap<IssueId, Watched>>,
    closing: CancellationToken,
}

impl ProgressHub {
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            watched: Mutex::default(),
            closing: CancellationToken::new(),
        })
    }

    /// Ends every stream.
    pub fn close(&self) {
        self.closing.cancel();
    }

    pub async fn closed(&self) {
        self.closing.cancelled().await;
    }

    /// Follows an issue. Its reader begins with the first who watches and ends after the
    /// last.
    pub fn watch(self: &Arc<Self>, issue: IssueId) -> watch::Receiver<ProgressState> {
        let mut all = self.all();
        let watched = all.entry(issue).or_default();
        if !watched.is_read {
            watched.is_read = true;
            watched.seen.send_replace(ProgressState::NotYet);
            tokio::spawn(Arc::clone(self).read(issue));
        }
        watched.seen.subscribe()
    }

    /// How an issue stands now, or stood half a second ago.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(
        self: &Arc<Self>,
        issue: IssueRow,
    ) -> Result<Arc<ProgressSnapshot>, HttpError> {
        if issue.status().is_over() && issue.counts.remaining() == 0 {
            let sight = IssueProgress {
                issue,
                first_due: None,
            };
            let look =
                ProgressSnapshot::new(sight, &ThroughputEstimator::default(), self.clock.now());
            return Ok(Arc::new(look));
        }
        let mut seen = self.watch(issue.id);
        let seen = seen.wait_for(|seen| !matches!(seen, ProgressState::NotYet));
        match tokio::time::timeout(PATIENCE, seen).await {
            Ok(Ok(seen)) => match &*seen {
                ProgressState::Look(look) => Ok(Arc::clone(look)),
                ProgressState::Nothing | ProgressState::NotYet => Err(HttpError::Away),
            },
            _ => Err(HttpError::Away),
        }
    }

    /// To be called after an issue was changed here: its watchers see it at once.
    pub fn changed(&self, issue: &IssueId) {
        if let Some(watched) = self.all().get_mut(issue) {
            watched.changes += 1;
            watched.seen.send_replace(ProgressState::NotYet);
            watched.changed.notify_one();
        }
    }

    async fn read(self: Arc<Self>, issue: IssueId) {
        while let Some((changes, changed)) = self.goes_on(&issue) {
            let sight = self.store.issue_progress(&issue).await;
            self.publish(&issue, changes, sight);
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = changed.notified() => {}
                () = self.closing.cancelled() => {}
            }
        }
    }

    /// `None` when nobody watches any more; what was seen of the pace is kept for who
    /// looks again soon.
    fn goes_on(&self, issue: &IssueId) -> Option<(u64, Arc<Notify>)> {
        let mut all = self.all();
        let watched = all.get_mut(issue)?;
        if watched.seen.receiver_count() > 0 && !self.closing.is_cancelled() {
            return Some((watched.changes, Arc::clone(&watched.changed)));
        }
        watched.is_read = false;
        let is_running = match &*watched.seen.borrow() {
            ProgressState::Look(look) => !look.standing().is_over(),
            ProgressState::NotYet | ProgressState::Nothing => false,
        };
        if !is_running {
            all.remove(issue);
        }
        None
    }

    fn publish(
        &self,
        issue: &IssueId,
        changes: u64,
        sight: Result<Option<IssueProgress>, StoreError>,
    ) {
        let mut all = self.all();
        let Some(watched) = all.get_mut(issue).filter(|it| it.changes == changes) else {
            return;
        };
        match sight {
            Ok(Some(sight)) => {
                let now = self.clock.now();
                watched.pace.note(now, sight.issue.counts.completed());
                let look = Arc::new(ProgressSnapshot::new(sight, &watched.pace, now));
                watched.seen.send_replace(ProgressState::Look(look));
            }
            // What was seen last stays: sending may well go on elsewhere.
            failed => {
                tracing::debug!(
                    failed = failed.is_err(),
                    "an issue that is watched is not seen"
                );
                watched.seen.send_if_modified(|seen| {
                    let is_first = matches!(seen, ProgressState::NotYet);
                    if is_first {
                        *seen = ProgressState::Nothing;
                    }
                    is_first
                });
            }
        }
    }

    #[cfg(test)]
    pub fn readers(&self) -> usize {
        self.all()
            .values()
            .filter(|watched| watched.is_read)
            .count()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<IssueId, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Waits for an issue: until its deliveries are enqueued, and until they are settled.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::error::CliError;
use crate::cli::output::progress_bar;
use crate::domain::clock::Timestamp;
use crate::domain::ids::IssueId;
use crate::domain::issue::IssueState;
use crate::store::{FanOutBatch, IssueProgress, IssueRow, StoreError};

/// Interval between polls of a fan-out that another process runs.
const FAN_OUT_POLL: Duration = Duration::from_millis(20);
/// A fan-out without progress for this long is taken over by this process.
const FAN_OUT_STALLED: Duration = Duration::from_secs(1);

/// Minimum interval between polls of an issue.
const MIN_POLL: Duration = Duration::from_millis(20);
/// The interval is this many times the duration of the last poll, so that polling takes at
/// most 5 % of the database's time.
const BACKOFF_FACTOR: u32 = 20;
/// Maximum interval, so that the end of a send is noticed within a second.
const MAX_POLL: Duration = Duration::from_secs(1);
/// Minimum wait while a delivery is due: twice the time after which the leases of a dead
/// worker are reclaimed.
const LEASE_RECOVERY: Duration = Duration::from_secs(30);

/// How long `digest send --wait` waits.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// Maximum time without progress, when only deferred deliveries remain.
    pub max: Duration,
}

pub fn issue_not_found() -> CliError {
    CliError::Failed("the issue no longer exists".to_owned())
}

/// Waits until every subscriber of each pending issue has a delivery.
///
/// A running worker inserts them in turn with the results of its own deliveries, which
/// would otherwise wait for this process. Without a worker, or if it makes no progress,
/// this process inserts them.
pub async fn wait_until_enqueued(app: &App) -> Result<(), StoreError> {
    let mut is_done_by_worker = !app.store.workers().await?.is_empty();
    let (mut last_count, mut last_progress_at) = (0, Instant::now());
    while let Some((_, count)) = app.store.pending_fan_out().await? {
        if count != last_count {
            (last_count, last_progress_at) = (count, Instant::now());
        }
        is_done_by_worker = is_done_by_worker && last_progress_at.elapsed() < FAN_OUT_STALLED;
        if is_done_by_worker {
            tokio::time::sleep(FAN_OUT_POLL).await;
        } else {
            app.store.run_fan_outs(FanOutBatch::Large).await?;
        }
    }
    Ok(())
}

/// Waits until no delivery remains, the issue is paused, or there was no progress for the
/// maximum wait.
pub async fn wait_until_settled(
    app: &App,
    id: &IssueId,
    wait: Wait,
    stop: &CancellationToken,
) -> Result<(), CliError> {
    let mut policy = WaitPolicy::new(wait.max, Instant::now());
    let mut bar = None;
    loop {
        let started = Instant::now();
        let polled = poll(app, id, policy.depends_on_due(started)).await;
        let duration = started.elapsed();
        match polled {
            // The engine waits for the database too, and continues when it is available.
            Err(error)
                if policy.should_wait(true, started)
                    && !stop.is_cancelled()
                    && !error.is_corrupt() => {}
            polled => {
                let IssueProgress { issue, first_due } = polled?.ok_or_else(issue_not_found)?;
                let bar = bar.get_or_insert_with(|| {
                    progress_bar(issue.recipients.unsigned_abs(), "Sending")
                });
                bar.set_position(issue.counts.completed().unsigned_abs());
                policy.record(Progress::from_issue(&issue), started);
                let is_settled =
                    issue.counts.remaining() == 0 || issue.state != IssueState::Sending;
                let is_due = first_due.is_some_and(|due| due <= app.clock.now());
                if is_settled || !policy.should_wait(is_due, started) || stop.is_cancelled() {
                    bar.finish_and_clear();
                    return Ok(());
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(poll_interval(duration)) => {}
        }
    }
}

/// Returns the pause after a poll that took `duration`.
fn poll_interval(duration: Duration) -> Duration {
    (duration * BACKOFF_FACTOR).clamp(MIN_POLL, MAX_POLL)
}

/// Reads the issue, and the next due time only if it is needed, which is a second query.
async fn poll(
    app: &App,
    id: &IssueId,
    with_due_time: bool,
) -> Result<Option<IssueProgress>, StoreError> {
    if with_due_time {
        return app.store.issue_progress(id).await;
    }
    let issue = app.store.issue_by_id(id).await?;
    Ok(issue.map(|issue| IssueProgress {
        issue,
        first_due: None,
    }))
}

/// What counts as progress of a send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// Deliveries in a final state.
    completed: i64,
    /// Time of the last SMTP reply: a deferred delivery is progress too, but an unreachable
    /// server is not.
    answered_at: Option<Timestamp>,
}

impl Progress {
    fn from_issue(issue: &IssueRow) -> Self {
        Self {
            completed: issue.counts.completed(),
            answered_at: issue.last_reply_at,
        }
    }
}

/// Decides how long to wait without progress.
struct WaitPolicy {
    /// Maximum time without progress if no delivery is due.
    max: Duration,
    progress: Progress,
    last_progress_at: Instant,
}

impl WaitPolicy {
    fn new(max: Duration, now: Instant) -> Self {
        Self {
            max,
            progress: Progress::default(),
            last_progress_at: now,
        }
    }

    fn record(&mut self, progress: Progress, now: Instant) {
        if self.progress != progress {
            self.progress = progress;
            self.last_progress_at = now;
        }
    }

    /// Returns whether the wait continues only if a delivery is due.
    fn depends_on_due(&self, now: Instant) -> bool {
        now.duration_since(self.last_progress_at) >= self.max
    }

    /// Returns whether to wait longer. A due delivery is about to be attempted, is being
    /// attempted, or is leased by a dead worker.
    fn should_wait(&self, is_due: bool, now: Instant) -> bool {
        let max = if is_due {
            self.max.max(LEASE_RECOVERY)
        } else {
            self.max
        };
        now.duration_since(self.last_progress_at) < max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn progress(completed: i64, answered_at: i64) -> Progress {
        Progress {
            completed,
            answered_at: Some(Timestamp::from_millis(answered_at)),
        }
    }

    #[test]
    fn should_wait_ends_after_max_time_without_progress() {
        let start = Instant::now();
        let mut policy = WaitPolicy::new(60 * SECOND, start);

        for (minute, progress) in [
            (1, progress(0, 1)),
            (2, progress(0, 2)),
            (3, progress(1, 2)),
        ] {
            let now = start + 60 * minute * SECOND;
            policy.record(progress, now);
            assert!(policy.should_wait(false, now), "{progress:?}");
        }

        let end = start + 240 * SECOND;
        policy.record(progress(1, 2), end);
        assert!(!policy.should_wait(false, end) && !policy.should_wait(true, end));
    }

    #[test]
    fn poll_interval_grows_with_duration_of_poll() {
        for (duration, interval) in [(0, 20), (2, 40), (10, 200), (40, 800), (1_000, 1_000)] {
            let duration = Duration::from_millis(duration);
            assert_eq!(poll_interval(duration), Duration::from_millis(interval));
        }
    }

    #[test]
    fn should_wait_with_due_delivery_ignores_short_max() {
        let start = Instant::now();
        let mut policy = WaitPolicy::new(Duration::ZERO, start);

        policy.record(progress(5, 1), start);
        assert!(policy.depends_on_due(start));
        assert!(!policy.should_wait(false, start) && policy.should_wait(true, start));

        policy.record(progress(5, 2), start + 20 * SECOND);
        assert!(policy.should_wait(true, start + 49 * SECOND));
        assert!(!policy.should_wait(true, start + 50 * SECOND));
    }
}

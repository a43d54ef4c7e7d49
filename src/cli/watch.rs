//! How long `digest send --wait` waits, and how often it looks.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::CliError;
use crate::cli::output::progress_bar;
use crate::cli::send::{Wait, issue_not_found};
use crate::domain::clock::Timestamp;
use crate::domain::ids::IssueId;
use crate::domain::issue::IssueState;
use crate::store::{IssueProgress, IssueRow, StoreError};

/// Between two looks at the issue, at least …
const MIN_POLL: Duration = Duration::from_millis(20);
/// … and so many times what the last one took: the database is there for those who send …
const BACKOFF_FACTOR: u32 = 20;
/// … but not so long that nobody sees the end.
const MAX_POLL: Duration = Duration::from_secs(1);
/// Twice the time in which the leases of a dead process are taken up.
const TAKE_UP: Duration = Duration::from_secs(30);

/// Waits until nothing is to go, the issue is paused, or nothing comes of it any more.
pub async fn wait_until_settled(
    app: &App,
    id: &IssueId,
    wait: Wait,
    stop: &CancellationToken,
) -> Result<(), CliError> {
    let mut patience = WaitPolicy::new(wait.most, Instant::now());
    let mut bar = None;
    loop {
        let began = Instant::now();
        let looked = look(app, id, patience.is_tried(began)).await;
        let took = began.elapsed();
        match looked {
            // The engine waits for the database as well, and goes on when it is there again.
            Err(error)
                if patience.should_wait(true, began)
                    && !stop.is_cancelled()
                    && !error.is_corrupt() => {}
            looked => {
                let IssueProgress { issue, first_due } = looked?.ok_or_else(issue_not_found)?;
                let bar = bar.get_or_insert_with(|| {
                    progress_bar(issue.recipients.unsigned_abs(), "Sending")
                });
                bar.set_position(issue.counts.completed().unsigned_abs());
                patience.note(Progress::of(&issue), began);
                let over = issue.counts.remaining() == 0 || issue.state != IssueState::Sending;
                let is_due = first_due.is_some_and(|due| due <= app.clock.now());
                if over || !patience.should_wait(is_due, began) || stop.is_cancelled() {
                    bar.finish_and_clear();
                    return Ok(());
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(rest_after(took)) => {}
        }
    }
}

/// How long the database is left alone after a look that took so long.
fn rest_after(took: Duration) -> Duration {
    (took * BACKOFF_FACTOR).clamp(MIN_POLL, MAX_POLL)
}

/// What is due is only asked for when it matters: it takes another query.
async fn look(
    app: &App,
    id: &IssueId,
    asks_for_due: bool,
) -> Result<Option<IssueProgress>, StoreError> {
    if asks_for_due {
        return app.store.issue_progress(id).await;
    }
    let issue = app.store.issue_by_id(id).await?;
    Ok(issue.map(|issue| IssueProgress {
        issue,
        first_due: None,
    }))
}

/// What shows that something comes of the waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    settled: i64,
    /// A mail that is refused for now is work done as well, unless no server answers at all.
    answered_at: Option<Timestamp>,
}

impl Progress {
    fn of(issue: &IssueRow) -> Self {
        Self {
            settled: issue.counts.completed(),
            answered_at: issue.last_reply_at,
        }
    }
}

struct WaitPolicy {
    /// With what waits for its next try.
    most: Duration,
    signs: Progress,
    moved: Instant,
}

impl WaitPolicy {
    fn new(most: Duration, now: Instant) -> Self {
        Self {
            most,
            signs: Progress::default(),
            moved: now,
        }
    }

    fn note(&mut self, signs: Progress, now: Instant) {
        if self.signs != signs {
            self.signs = signs;
            self.moved = now;
        }
    }

    /// Whether it depends on what is due how long it lasts.
    fn is_tried(&self, now: Instant) -> bool {
        now.duration_since(self.moved) >= self.most
    }

    /// Whether there is something to wait for. What is due has not had its try, or is just
    /// having it, or was leased by a process that died.
    fn should_wait(&self, is_due: bool, now: Instant) -> bool {
        let most = if is_due {
            self.most.max(TAKE_UP)
        } else {
            self.most
        };
        now.duration_since(self.moved) < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn signs(settled: i64, answered_at: i64) -> Progress {
        Progress {
            settled,
            answered_at: Some(Timestamp::from_millis(answered_at)),
        }
    }

    #[test]
    fn it_lasts_while_something_comes_of_it() {
        let start = Instant::now();
        let mut patience = WaitPolicy::new(60 * SECOND, start);
        for (minute, signs) in [(1, signs(0, 1)), (2, signs(0, 2)), (3, signs(1, 2))] {
            let now = start + 60 * minute * SECOND;
            patience.note(signs, now);
            assert!(patience.should_wait(false, now), "{signs:?}");
        }
        let end = start + 240 * SECOND;
        patience.note(signs(1, 2), end);
        assert!(!patience.should_wait(false, end) && !patience.should_wait(true, end));
    }

    #[test]
    fn looks_that_take_long_are_few() {
        for (took, rest) in [(0, 20), (2, 40), (10, 200), (40, 800), (1_000, 1_000)] {
            let took = Duration::from_millis(took);
            assert_eq!(rest_after(took), Duration::from_millis(rest));
        }
    }

    #[test]
    fn what_is_due_has_its_try_however_little_time_there_is() {
        let start = Instant::now();
        let mut patience = WaitPolicy::new(Duration::ZERO, start);
        patience.note(signs(5, 1), start);
        assert!(patience.is_tried(start));
        assert!(!patience.should_wait(false, start) && patience.should_wait(true, start));
        patience.note(signs(5, 2), start + 20 * SECOND);
        assert!(patience.should_wait(true, start + 49 * SECOND));
        assert!(!patience.should_wait(true, start + 50 * SECOND));
    }
}

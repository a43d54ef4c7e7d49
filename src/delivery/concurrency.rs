//! Adaptive connection limit (AIMD).
//!
//! The limit is halved after repeated transient failures, and increased after successes.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::domain::delivery::outcome::{DeferReason, Outcome};

/// Number of transient rejections without a success that halve the limit.
///
/// A reply 421 halves it at once.
const MAX_REJECTIONS: usize = 5;

/// Number of successes per open connection before the limit grows by half.
const SUCCESSES_TO_GROW: usize = 4;

/// The current connection limit and the results since it last changed.
#[derive(Debug)]
struct Window {
    max: usize,
    current: usize,
    rejections: usize,
    successes: usize,
    /// Results still in flight at the last decrease.
    ///
    /// Ignored, because they were produced under the old limit.
    stale: usize,
}

impl Window {
    fn new(max: usize) -> Self {
        let max = max.max(1);
        Self {
            max,
            current: max,
            rejections: 0,
            successes: 0,
            stale: 0,
        }
    }

    fn observe(&mut self, outcome: Outcome) {
        if self.stale > 0 {
            self.stale -= 1;
            return;
        }
        match outcome {
            Outcome::Delivered => {
                self.rejections = 0;
                self.successes += 1;
                if self.current < self.max && self.successes >= SUCCESSES_TO_GROW * self.current {
                    self.current = self.max.min(self.current + (self.current / 2).max(1));
                    self.successes = 0;
                }
            }
            Outcome::Deferred(DeferReason::Throttled) => self.halve(),
            Outcome::Deferred(DeferReason::Refused | DeferReason::Connection) => {
                self.rejections += 1;
                if self.rejections >= MAX_REJECTIONS {
                    self.halve();
                }
            }
            // Caused by the recipient, or by a problem that stops sending altogether.
            Outcome::Deferred(DeferReason::MailboxFull)
            | Outcome::Bounced(_)
            | Outcome::InDoubt
            | Outcome::Halted(_) => {}
        }
    }

    fn halve(&mut self) {
        self.stale = self.current - 1;
        self.current = (self.current / 2).max(1);
        self.rejections = 0;
        self.successes = 0;
    }
}

/// Limits the connections of one process, which are numbered from 0.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimiter {
    window: Mutex<Window>,
    limit: watch::Sender<usize>,
}

impl ConcurrencyLimiter {
    /// Starts at the maximum of `max` connections.
    pub(crate) fn new(max: usize) -> Self {
        let window = Window::new(max);
        Self {
            limit: watch::Sender::new(window.current),
            window: Mutex::new(window),
        }
    }

    /// Adapts the limit to the outcome of one attempt.
    pub(crate) fn observe(&self, outcome: Outcome) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let before = window.current;
        window.observe(outcome);
        if window.current != before {
            tracing::info!(connections = window.current, "connection limit changed");
            self.limit.send_replace(window.current);
        }
    }

    /// Returns whether the connection with this number may be open.
    pub(crate) fn is_allowed(&self, connection: usize) -> bool {
        connection < *self.limit.borrow()
    }

    /// Waits until the connection with this number may be open.
    pub(crate) async fn wait_for_slot(&self, connection: usize) {
        let mut limit = self.limit.subscribe();
        // Fails only if the sender is dropped, and `self` owns the sender.
        let _ = limit.wait_for(|limit| connection < *limit).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::outcome::BounceReason;

    const THROTTLED: Outcome = Outcome::Deferred(DeferReason::Throttled);
    const REFUSED: Outcome = Outcome::Deferred(DeferReason::Refused);

    fn limit_after(window: &mut Window, times: usize, outcome: Outcome) -> usize {
        for _ in 0..times {
            window.observe(outcome);
        }
        window.current
    }

    #[test]
    fn concurrent_421_replies_halve_limit_once() {
        let mut window = Window::new(10);

        assert_eq!(limit_after(&mut window, 10, THROTTLED), 5);
        assert_eq!(limit_after(&mut window, 5, THROTTLED), 2);
        assert_eq!(limit_after(&mut window, 50, THROTTLED), 1);
        assert_eq!(Window::new(0).current, 1);
    }

    #[test]
    fn rejections_without_success_halve_limit() {
        let mut window = Window::new(8);

        for _ in 0..20 {
            limit_after(&mut window, MAX_REJECTIONS - 1, REFUSED);
            limit_after(&mut window, 1, Outcome::Delivered);
        }
        assert_eq!(window.current, 8);

        assert_eq!(limit_after(&mut window, MAX_REJECTIONS, REFUSED), 4);
    }

    #[test]
    fn successes_grow_limit_up_to_maximum() {
        let mut window = Window::new(4);
        limit_after(&mut window, 1, THROTTLED);
        limit_after(&mut window, 3, Outcome::Delivered);

        let mut successes = |times| limit_after(&mut window, times, Outcome::Delivered);
        assert_eq!(successes(2 * SUCCESSES_TO_GROW), 3);
        assert_eq!(successes(3 * SUCCESSES_TO_GROW), 4);
        assert_eq!(successes(500), 4);
    }

    #[test]
    fn recipient_errors_leave_limit_unchanged() {
        let mut window = Window::new(8);

        for outcome in [
            Outcome::Bounced(BounceReason::InvalidAddress),
            Outcome::Bounced(BounceReason::Policy),
            Outcome::Deferred(DeferReason::MailboxFull),
        ] {
            assert_eq!(limit_after(&mut window, 50, outcome), 8);
        }
    }

    #[tokio::test]
    async fn connection_above_limit_waits_for_slot() {
        let limiter = ConcurrencyLimiter::new(2);
        limiter.observe(THROTTLED);
        assert!(limiter.is_allowed(0) && !limiter.is_allowed(1));

        let successes = async {
            for _ in 0..=SUCCESSES_TO_GROW {
                limiter.observe(Outcome::Delivered);
            }
        };
        tokio::join!(limiter.wait_for_slot(1), successes);

        assert!(limiter.is_allowed(1));
    }
}

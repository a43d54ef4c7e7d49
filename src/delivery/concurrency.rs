//! Adaptive connection limit (AIMD).
//!
//! The limit is halved after repeated transient failures, and increased after successes. When
//! the last connection is throttled, sending rests.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::delivery::outcome::{DeferReason, Outcome};

/// Number of transient rejections without a success that halve the limit.
///
/// A reply 421 halves it at once.
const MAX_REJECTIONS: usize = 5;

/// Number of successes per open connection before the limit grows by half.
const SUCCESSES_TO_GROW: usize = 4;

/// Rests after the 1st, 2nd, … throttled reply to the last connection; the last one repeats.
///
/// The limits of mail servers are per second, minute or hour.
const RESTS: [Duration; 4] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(300),
];

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
    /// Number of rests since the last success.
    rests: usize,
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
            rests: 0,
        }
    }

    /// Adapts the limit, and returns how long all connections have to rest.
    fn observe(&mut self, outcome: Outcome) -> Option<Duration> {
        if outcome == Outcome::Delivered {
            self.rests = 0;
        }
        if self.stale > 0 {
            self.stale -= 1;
            return None;
        }
        let is_throttled = outcome == Outcome::Deferred(DeferReason::Throttled);
        let rest = (is_throttled && self.current == 1).then(|| {
            self.rests += 1;
            RESTS[(self.rests - 1).min(RESTS.len() - 1)]
        });
        self.adapt(outcome);
        rest
    }

    fn adapt(&mut self, outcome: Outcome) {
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
    /// No message is started before this time.
    resting_until: watch::Sender<Instant>,
    /// Messages after which the server refused more over the same connection.
    messages_per_connection: AtomicU32,
}

impl ConcurrencyLimiter {
    /// Starts at the maximum of `max` connections.
    pub(crate) fn new(max: usize) -> Self {
        let window = Window::new(max);
        Self {
            limit: watch::Sender::new(window.current),
            resting_until: watch::Sender::new(Instant::now()),
            messages_per_connection: AtomicU32::new(u32::MAX),
            window: Mutex::new(window),
        }
    }

    /// Adapts the limit to the outcome of one attempt.
    pub(crate) fn observe(&self, outcome: Outcome) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let before = window.current;
        if let Some(rest) = window.observe(outcome) {
            tracing::warn!(
                seconds = rest.as_secs(),
                "mail server throttles; sending rests"
            );
            self.resting_until.send_replace(Instant::now() + rest);
        }
        if window.current != before {
            tracing::info!(connections = window.current, "connection limit changed");
            self.limit.send_replace(window.current);
        }
    }

    /// Returns how many messages the server accepts over one connection, as far as is known.
    pub(crate) fn messages_per_connection(&self) -> u32 {
        self.messages_per_connection.load(Ordering::Relaxed)
    }

    /// Records that the server refused another message after `sent` over one connection.
    pub(crate) fn learn_messages_per_connection(&self, sent: u32) {
        let known = self
            .messages_per_connection
            .fetch_min(sent.max(1), Ordering::Relaxed);
        if sent < known {
            tracing::info!(
                messages = sent,
                "the mail server limits messages per connection"
            );
        }
    }

    /// Returns whether sending rests because the mail server throttles.
    pub(crate) fn is_resting(&self) -> bool {
        Instant::now() < *self.resting_until.borrow()
    }

    /// Waits until sending may go on after a throttled reply.
    pub(crate) async fn wait_for_rest(&self) {
        while self.is_resting() {
            let until = *self.resting_until.borrow();
            tokio::time::sleep_until(until).await;
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
    fn throttled_last_connection_rests_ever_longer_until_success() {
        let mut window = Window::new(2);
        let seconds = |window: &mut Window, outcome| window.observe(outcome).map(|it| it.as_secs());

        assert_eq!(seconds(&mut window, THROTTLED), None, "two connections");
        assert_eq!(seconds(&mut window, THROTTLED), None, "still in flight");
        for rest in [30, 60, 120, 300, 300] {
            assert_eq!(seconds(&mut window, THROTTLED), Some(rest));
        }
        assert_eq!(seconds(&mut window, Outcome::Delivered), None);
        assert_eq!(seconds(&mut window, THROTTLED), Some(30));
        assert_eq!(seconds(&mut window, REFUSED), None);
    }

    #[tokio::test]
    async fn throttled_last_connection_rests() {
        let limiter = ConcurrencyLimiter::new(1);
        assert!(!limiter.is_resting());

        limiter.observe(THROTTLED);

        assert!(limiter.is_resting());
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

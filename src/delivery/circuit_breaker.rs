//! Circuit breaker for SMTP logins.
//!
//! Mail servers lock an account out after several failed logins. When a login fails, all
//! connections of this process stop connecting; after a cooldown a single probe connection
//! may try again. The operator can reset the breaker, for example after a new password, by
//! resuming the issue that was paused because of the failure.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard};
use tokio::time::Instant;

use crate::domain::delivery::outcome::SmtpResult;
use crate::domain::ids::IssueId;

/// Cooldown after the first failed login, before one probe connection is allowed.
const INITIAL_COOLDOWN: Duration = Duration::from_secs(60);

/// Upper limit of the cooldown, which doubles after each failed probe.
///
/// Doubling, because mail servers ban clients after several failed logins in ten minutes.
/// Five minutes, because an issue stays paused with the error of the last probe: a longer
/// cooldown would show the operator an outdated error.
const MAX_COOLDOWN: Duration = Duration::from_secs(5 * 60);

/// How long a successful login allows further connections to log in concurrently.
const LOGIN_VALID_FOR: Duration = Duration::from_secs(10);

/// Whether a connection may log in now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BreakerState {
    /// Logins work: any connection may log in.
    Closed,
    /// The cooldown has elapsed: the caller may make the single probe connection.
    HalfOpen,
    /// Logins fail: the caller must not connect. Contains the server's last error.
    Open(SmtpResult),
}

/// State kept from the first failed login until the next successful one.
#[derive(Debug)]
struct Trip {
    next_probe_at: Instant,
    cooldown: Duration,
    error: SmtpResult,
    /// Issues that were paused because of this failure.
    paused_issues: HashSet<IssueId>,
}

impl Trip {
    fn new(error: SmtpResult, now: Instant) -> Self {
        Self {
            next_probe_at: now + INITIAL_COOLDOWN,
            cooldown: INITIAL_COOLDOWN,
            error,
            paused_issues: HashSet::new(),
        }
    }

    /// Records another failure.
    ///
    /// The cooldown does not grow here but in [`try_probe`](Self::try_probe), so that
    /// connections failing concurrently count once.
    fn record_failure(&mut self, error: SmtpResult, now: Instant) {
        self.error = error;
        self.next_probe_at = now + self.cooldown;
    }

    fn try_probe(&mut self, now: Instant) -> BreakerState {
        if now < self.next_probe_at {
            return BreakerState::Open(self.error.clone());
        }
        self.cooldown = MAX_COOLDOWN.min(2 * self.cooldown);
        self.next_probe_at = now + self.cooldown;
        BreakerState::HalfOpen
    }
}

/// Circuit breaker shared by all connections of an [`Engine`](crate::delivery::Engine).
#[derive(Debug, Default)]
pub(crate) struct LoginBreaker {
    trip: Mutex<Option<Trip>>,
    last_login_at: Mutex<Option<Instant>>,
    probe: AsyncMutex<()>,
}

/// Permission to make the first login. Dropped when the result is known.
pub(crate) type ProbeGuard<'a> = AsyncMutexGuard<'a, ()>;

impl LoginBreaker {
    /// Waits until this connection may log in.
    ///
    /// Returns `None` when another connection has logged in during the last
    /// [`LOGIN_VALID_FOR`]. Otherwise returns a guard: connections log in one at a time, so
    /// that a wrong password fails once and not once per connection.
    pub(crate) async fn acquire_probe(&self) -> Option<ProbeGuard<'_>> {
        if self.has_recent_login() {
            return None;
        }
        let guard = self.probe.lock().await;
        (!self.has_recent_login()).then_some(guard)
    }

    fn has_recent_login(&self) -> bool {
        lock(&self.last_login_at).is_some_and(|at| at.elapsed() < LOGIN_VALID_FOR)
    }

    /// Returns whether a connection may log in now.
    ///
    /// [`BreakerState::HalfOpen`] is returned to one caller per cooldown.
    pub(crate) fn state(&self) -> BreakerState {
        match lock(&self.trip).as_mut() {
            Some(trip) => trip.try_probe(Instant::now()),
            None => BreakerState::Closed,
        }
    }

    /// Opens the breaker after a failed login, or after settings that cannot be used.
    pub(crate) fn trip(&self, error: SmtpResult) {
        let now = Instant::now();
        *lock(&self.last_login_at) = None;
        match &mut *lock(&self.trip) {
            Some(trip) => trip.record_failure(error, now),
            none => *none = Some(Trip::new(error, now)),
        }
    }

    /// Closes the breaker after a successful login.
    pub(crate) fn record_login(&self) {
        *lock(&self.last_login_at) = Some(Instant::now());
        self.reset();
    }

    /// Closes the breaker because the operator says that the cause is fixed.
    pub(crate) fn reset(&self) {
        *lock(&self.trip) = None;
    }

    /// Records that `issue` was paused because of the failure that opened the breaker.
    ///
    /// Does nothing when the breaker is closed.
    pub(crate) fn record_pause(&self, issue: IssueId) {
        if let Some(trip) = lock(&self.trip).as_mut() {
            trip.paused_issues.insert(issue);
        }
    }

    /// Returns whether `issue` was paused since the breaker opened.
    ///
    /// If the issue is running, an operator has resumed it.
    pub(crate) fn was_paused(&self, issue: &IssueId) -> bool {
        lock(&self.trip)
            .as_ref()
            .is_some_and(|trip| trip.paused_issues.contains(issue))
    }
}

/// Locks `mutex`; a panic in another holder leaves the data usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::delivery::outcome::{HaltReason, Outcome};
    use crate::domain::random::Random;

    fn wrong_password() -> SmtpResult {
        SmtpResult {
            outcome: Outcome::Halted(HaltReason::Settings),
            reply: "535 5.7.8 authentication failed".to_owned(),
        }
    }

    #[test]
    fn trip_after_cooldown_allows_one_probe() {
        let start = Instant::now();
        let mut trip = Trip::new(wrong_password(), start);

        let before = start + INITIAL_COOLDOWN - Duration::from_millis(1);
        assert_eq!(trip.try_probe(start), BreakerState::Open(wrong_password()));
        assert_eq!(trip.try_probe(before), BreakerState::Open(wrong_password()));

        let after = start + INITIAL_COOLDOWN;
        assert_eq!(trip.try_probe(after), BreakerState::HalfOpen);
        assert_eq!(trip.try_probe(after), BreakerState::Open(wrong_password()));
    }

    #[test]
    fn failed_probe_doubles_cooldown_up_to_five_minutes() {
        let mut now = Instant::now();
        let mut trip = Trip::new(wrong_password(), now);

        for minutes in [1, 2, 4, 5, 5] {
            // Several connections may fail at the same time: that counts once.
            for _ in 0..4 {
                trip.record_failure(wrong_password(), now);
            }
            now += Duration::from_secs(60 * minutes);
            let just_before = now - Duration::from_millis(1);
            assert_eq!(
                trip.try_probe(just_before),
                BreakerState::Open(wrong_password()),
                "before {minutes} min"
            );
            assert_eq!(
                trip.try_probe(now),
                BreakerState::HalfOpen,
                "after {minutes} min"
            );
        }
    }

    #[test]
    fn breaker_login_closes_it() {
        let breaker = LoginBreaker::default();
        assert_eq!(breaker.state(), BreakerState::Closed);

        breaker.trip(wrong_password());
        assert_eq!(breaker.state(), BreakerState::Open(wrong_password()));

        breaker.record_login();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[tokio::test]
    async fn login_lets_waiting_connections_pass_without_probe() {
        let breaker = LoginBreaker::default();

        for _ in 0..2 {
            let guard = breaker.acquire_probe().await;
            assert!(guard.is_some());

            let login = async {
                breaker.record_login();
                drop(guard);
            };
            let (second, third, ()) =
                tokio::join!(breaker.acquire_probe(), breaker.acquire_probe(), login);
            assert!(second.is_none() && third.is_none());
            assert!(breaker.acquire_probe().await.is_none());

            breaker.trip(wrong_password());
        }
    }

    #[tokio::test]
    async fn failed_login_passes_probe_to_next_connection() {
        let breaker = LoginBreaker::default();
        let guard = breaker.acquire_probe().await;

        let failure = async {
            breaker.trip(wrong_password());
            drop(guard);
        };
        let (second, ()) = tokio::join!(breaker.acquire_probe(), failure);

        assert!(second.is_some());
        assert_eq!(breaker.state(), BreakerState::Open(wrong_password()));
    }

    #[test]
    fn was_paused_is_false_for_pause_before_trip() {
        let issue = IssueId::new(Timestamp::from_millis(1), &Random::seeded(1));
        let breaker = LoginBreaker::default();

        breaker.record_pause(issue);
        breaker.trip(wrong_password());
        assert!(!breaker.was_paused(&issue), "paused for another reason");

        breaker.record_pause(issue);
        breaker.trip(wrong_password());
        assert!(breaker.was_paused(&issue));

        breaker.record_login();
        breaker.trip(wrong_password());
        assert!(!breaker.was_paused(&issue));
    }
}

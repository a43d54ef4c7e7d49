//! Log-ins that fail are not repeated: a mail server locks out whoever tries the same wrong
//! password over and over, and what is wrong is for the operator to set right.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, MutexGuard};
use tokio::time::Instant;

use crate::domain::delivery::outcome::SmtpResult;
use crate::domain::ids::IssueId;

/// So long nobody tries again by themselves …
const REST: Duration = Duration::from_secs(60);
/// … and twice as long each time it was in vain: servers ban whoever fails several times in
/// ten minutes. Not longer, since an issue is paused for what is known from the last try.
const LONGEST_REST: Duration = Duration::from_secs(5 * 60);

/// How the gate stands before one who comes.
#[derive(Debug, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    /// Open to this one alone, after the rest: they try on behalf of all.
    HalfOpen,
    /// And why.
    Open(SmtpResult),
}

/// Why nobody is to open a connection.
#[derive(Debug)]
struct Shut {
    until: Instant,
    rest: Duration,
    why: SmtpResult,
    /// The issues that are known to be paused for it.
    paused: HashSet<IssueId>,
}

impl Shut {
    fn new(why: SmtpResult, now: Instant) -> Self {
        Self {
            until: now + REST,
            rest: REST,
            why,
            paused: HashSet::new(),
        }
    }

    fn anew(&mut self, why: SmtpResult, now: Instant) {
        self.why = why;
        self.until = now + self.rest;
    }

    fn entrance(&mut self, now: Instant) -> BreakerState {
        if now >= self.until {
            self.rest = LONGEST_REST.min(2 * self.rest);
            self.until = now + self.rest;
            return BreakerState::HalfOpen;
        }
        BreakerState::Open(self.why.clone())
    }
}

/// While somebody was let in so lately, others may come side by side.
const LATELY: Duration = Duration::from_secs(10);

/// Shared by the connections of a process, for as long as it has the same settings.
#[derive(Debug, Default)]
pub struct LoginBreaker {
    shut: Mutex<Option<Shut>>,
    /// When somebody was let in last.
    let_in: Mutex<Option<Instant>>,
    first: AsyncMutex<()>,
}

/// To be held until it is known whether one is let in.
pub type Turn<'a> = MutexGuard<'a, ()>;

impl LoginBreaker {
    /// Waits for whoever goes first, unless somebody was let in lately: a wrong password is
    /// to fail once, and not on every connection.
    pub async fn acquire_probe(&self) -> Option<Turn<'_>> {
        if self.let_in_lately() {
            return None;
        }
        let turn = self.first.lock().await;
        (!self.let_in_lately()).then_some(turn)
    }

    fn let_in_lately(&self) -> bool {
        let let_in = *lock(&self.let_in);
        let_in.is_some_and(|at| at.elapsed() < LATELY)
    }

    pub fn state(&self) -> BreakerState {
        self.with(|shut| match shut {
            Some(shut) => shut.entrance(Instant::now()),
            None => BreakerState::Closed,
        })
    }

    /// The server, or the settings, let nobody in.
    pub fn trip(&self, why: SmtpResult) {
        let now = Instant::now();
        *lock(&self.let_in) = None;
        self.with(|shut| match shut {
            Some(shut) => shut.anew(why, now),
            None => *shut = Some(Shut::new(why, now)),
        });
    }

    /// Somebody was let in.
    pub fn record_login(&self) {
        *lock(&self.let_in) = Some(Instant::now());
        self.reset();
    }

    /// A person says that it is set right.
    pub fn reset(&self) {
        self.with(|shut| *shut = None);
    }

    /// It is written down that this issue is paused.
    pub fn record_pause(&self, issue: IssueId) {
        self.with(|shut| {
            if let Some(shut) = shut {
                shut.paused.insert(issue);
            }
        });
    }

    /// Whether this issue was paused since the gate was shut: if it runs, someone resumed it.
    pub fn was_paused(&self, issue: &IssueId) -> bool {
        self.with(|shut| {
            shut.as_ref()
                .is_some_and(|shut| shut.paused.contains(issue))
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Option<Shut>) -> T) -> T {
        work(&mut lock(&self.shut))
    }
}

fn lock<T>(it: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
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
            reply: "535 no".to_owned(),
        }
    }

    #[test]
    fn one_alone_tries_again_after_the_rest() {
        let start = Instant::now();
        let mut shut = Shut::new(wrong_password(), start);
        let before = start + REST - Duration::from_millis(1);
        assert_eq!(shut.entrance(start), BreakerState::Open(wrong_password()));
        assert_eq!(shut.entrance(before), BreakerState::Open(wrong_password()));
        assert_eq!(shut.entrance(start + REST), BreakerState::HalfOpen);
        assert_eq!(
            shut.entrance(start + REST),
            BreakerState::Open(wrong_password())
        );
    }

    #[test]
    fn the_rest_is_longer_each_time_it_was_in_vain() {
        let mut now = Instant::now();
        let mut shut = Shut::new(wrong_password(), now);
        for minutes in [1, 2, 4, 5, 5] {
            // On several connections at once it counts once.
            for _ in 0..4 {
                shut.anew(wrong_password(), now);
            }
            let rest = Duration::from_secs(60 * minutes);
            let before = now + rest - Duration::from_millis(1);
            let shut_until = shut.entrance(before);
            assert_eq!(
                shut_until,
                BreakerState::Open(wrong_password()),
                "{minutes}"
            );
            now += rest;
            assert_eq!(shut.entrance(now), BreakerState::HalfOpen, "{minutes}");
        }
    }

    #[test]
    fn it_is_open_until_it_is_shut_and_again_when_somebody_is_let_in() {
        let gate = LoginBreaker::default();
        assert_eq!(gate.state(), BreakerState::Closed);
        gate.trip(wrong_password());
        assert_eq!(gate.state(), BreakerState::Open(wrong_password()));
        gate.record_login();
        assert_eq!(gate.state(), BreakerState::Closed);
    }

    #[tokio::test]
    async fn one_goes_first_and_the_others_follow_side_by_side() {
        let gate = LoginBreaker::default();
        for _ in 0..2 {
            let first = gate.acquire_probe().await;
            assert!(first.is_some());
            let is_let_in = async {
                gate.record_login();
                drop(first);
            };
            let (second, third, ()) =
                tokio::join!(gate.acquire_probe(), gate.acquire_probe(), is_let_in);
            assert!(second.is_none() && third.is_none());
            assert!(gate.acquire_probe().await.is_none());
            gate.trip(wrong_password());
        }
    }

    #[tokio::test]
    async fn who_follows_one_that_failed_goes_alone_too() {
        let gate = LoginBreaker::default();
        let first = gate.acquire_probe().await;
        let fails = async {
            gate.trip(wrong_password());
            drop(first);
        };
        let (second, ()) = tokio::join!(gate.acquire_probe(), fails);
        assert!(second.is_some());
        assert_eq!(gate.state(), BreakerState::Open(wrong_password()));
    }

    #[test]
    fn it_knows_what_was_paused_while_it_is_shut() {
        let issue = IssueId::new(Timestamp::from_millis(1), &Random::seeded(1));
        let gate = LoginBreaker::default();
        gate.record_pause(issue);
        gate.trip(wrong_password());
        assert!(!gate.was_paused(&issue), "that was for another reason");
        gate.record_pause(issue);
        gate.trip(wrong_password());
        assert!(gate.was_paused(&issue));
        gate.record_login();
        gate.trip(wrong_password());
        assert!(!gate.was_paused(&issue));
    }
}

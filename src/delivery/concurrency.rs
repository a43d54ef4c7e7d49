//! How many connections a server bears: fewer when it refuses for now, more again when it
//! takes what it is given.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::domain::delivery::outcome::{DeferReason, Outcome};

/// So many temporary refusals without an acceptance between say what a 421 says at once.
const ENOUGH: usize = 5;
/// Acceptances for each open connection before there are half as many more.
const PATIENCE: usize = 4;

/// The connections that may be open at this moment.
#[derive(Debug)]
struct Window {
    most: usize,
    now: usize,
    refused: usize,
    accepted: usize,
    /// Outcomes of mails that were on other connections when it was last halved: they say
    /// nothing of how the server likes it since.
    stale: usize,
}

impl Window {
    fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            now: most,
            refused: 0,
            accepted: 0,
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
                self.refused = 0;
                self.accepted += 1;
                if self.now < self.most && self.accepted >= PATIENCE * self.now {
                    self.now = self.most.min(self.now + (self.now / 2).max(1));
                    self.accepted = 0;
                }
            }
            Outcome::Deferred(DeferReason::Throttled) => self.halve(),
            Outcome::Deferred(DeferReason::Refused | DeferReason::Connection) => {
                self.refused += 1;
                if self.refused >= ENOUGH {
                    self.halve();
                }
            }
            // About the reader, or the end of it all.
            Outcome::Deferred(DeferReason::MailboxFull)
            | Outcome::Bounced(_)
            | Outcome::InDoubt
            | Outcome::Halted(_) => {}
        }
    }

    fn halve(&mut self) {
        self.stale = self.now - 1;
        self.now = (self.now / 2).max(1);
        self.refused = 0;
        self.accepted = 0;
    }
}

/// Shared by the connections of a process, which are numbered from 0.
#[derive(Debug)]
pub struct ConcurrencyLimiter {
    allowance: Mutex<Window>,
    open: watch::Sender<usize>,
}

impl ConcurrencyLimiter {
    pub fn new(most: usize) -> Self {
        let allowance = Window::new(most);
        Self {
            open: watch::Sender::new(allowance.now),
            allowance: Mutex::new(allowance),
        }
    }

    /// Learns from what became of a mail.
    pub fn observe(&self, outcome: Outcome) {
        let mut allowance = self
            .allowance
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = allowance.now;
        allowance.observe(outcome);
        if allowance.now != before {
            tracing::info!(connections = allowance.now, "as many as the server bears");
            self.open.send_replace(allowance.now);
        }
    }

    pub fn allows(&self, connection: usize) -> bool {
        connection < *self.open.borrow()
    }

    /// Waits until this connection may be open.
    pub async fn wait_for_slot(&self, connection: usize) {
        let mut open = self.open.subscribe();
        // It ends only with the sender, which is ours.
        let _ = open.wait_for(|open| connection < *open).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::outcome::BounceReason;

    const THROTTLED: Outcome = Outcome::Deferred(DeferReason::Throttled);
    const REFUSED: Outcome = Outcome::Deferred(DeferReason::Refused);

    fn after(allowance: &mut Window, times: usize, outcome: Outcome) -> usize {
        for _ in 0..times {
            allowance.observe(outcome);
        }
        allowance.now
    }

    #[test]
    fn a_421_on_every_connection_halves_once_and_never_below_one() {
        let mut allowance = Window::new(10);
        assert_eq!(after(&mut allowance, 10, THROTTLED), 5);
        assert_eq!(after(&mut allowance, 5, THROTTLED), 2);
        assert_eq!(after(&mut allowance, 50, THROTTLED), 1);
        assert_eq!(Window::new(0).now, 1);
    }

    #[test]
    fn refusals_halve_when_nothing_is_taken_between_them() {
        let mut allowance = Window::new(8);
        for _ in 0..20 {
            after(&mut allowance, ENOUGH - 1, REFUSED);
            after(&mut allowance, 1, Outcome::Delivered);
        }
        assert_eq!(allowance.now, 8);
        assert_eq!(after(&mut allowance, ENOUGH, REFUSED), 4);
    }

    #[test]
    fn it_grows_back_with_what_is_taken_and_no_further() {
        let mut allowance = Window::new(4);
        after(&mut allowance, 1, THROTTLED);
        after(&mut allowance, 3, Outcome::Delivered);
        assert_eq!(after(&mut allowance, 2 * PATIENCE, Outcome::Delivered), 3);
        assert_eq!(after(&mut allowance, 3 * PATIENCE, Outcome::Delivered), 4);
        assert_eq!(after(&mut allowance, 500, Outcome::Delivered), 4);
    }

    #[test]
    fn what_is_about_readers_changes_nothing() {
        let mut allowance = Window::new(8);
        for outcome in [
            Outcome::Bounced(BounceReason::Dead),
            Outcome::Bounced(BounceReason::Policy),
            Outcome::Deferred(DeferReason::MailboxFull),
        ] {
            assert_eq!(after(&mut allowance, 50, outcome), 8);
        }
    }

    #[tokio::test]
    async fn whoever_is_too_many_waits_for_room() {
        let throttle = ConcurrencyLimiter::new(2);
        throttle.observe(THROTTLED);
        assert!(throttle.allows(0) && !throttle.allows(1));
        let room = async {
            for _ in 0..=PATIENCE {
                throttle.observe(Outcome::Delivered);
            }
        };
        tokio::join!(throttle.wait_for_slot(1), room);
        assert!(throttle.allows(1));
    }
}

//! Not more than so many mails a second.

use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::delivery::Membership;

/// Spaces the mails of one process evenly.
#[derive(Debug)]
pub struct RateLimiter {
    rate_per_second: Option<u32>,
    next: Mutex<Instant>,
}

impl RateLimiter {
    pub fn new(rate_per_second: Option<u32>) -> Self {
        Self {
            rate_per_second,
            next: Mutex::new(Instant::now()),
        }
    }

    /// Whether there is anything to wait for.
    pub fn is_limited(&self) -> bool {
        self.rate_per_second.is_some()
    }

    /// Waits for this mail's turn, when the rate is shared among the living. Turns are taken
    /// one after the other, so that a newcomer's part is free at once.
    pub async fn acquire(&self, mut pulse: watch::Receiver<Membership>) {
        let Some(rate) = self.rate_per_second else {
            return;
        };
        let mut next = self.next.lock().await;
        let living = match pulse.wait_for(|pulse| *pulse != Membership::Joining).await {
            Ok(pulse) => pulse.living(),
            // The engine ends.
            Err(_) => 1,
        };
        let mine = take_turn(&mut next, Instant::now(), rate, living);
        tokio::time::sleep_until(mine).await;
    }
}

/// The next free moment, which is taken; time that nobody used is not made up for.
fn take_turn(next: &mut Instant, now: Instant, rate_per_second: u32, living: usize) -> Instant {
    let mine = (*next).max(now);
    *next =
        mine + Duration::from_secs_f64(living.max(1) as f64 / f64::from(rate_per_second.max(1)));
    mine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_spaced_and_the_rate_is_shared() {
        let start = Instant::now();
        let mut next = start;
        let turns: Vec<u128> = (0..4)
            .map(|_| {
                take_turn(&mut next, start, 10, 1)
                    .duration_since(start)
                    .as_millis()
            })
            .collect();
        assert_eq!(turns, [0, 100, 200, 300]);
        let mut next = start;
        take_turn(&mut next, start, 10, 3);
        assert_eq!(
            take_turn(&mut next, start, 10, 3)
                .duration_since(start)
                .as_millis(),
            300
        );
    }

    #[test]
    fn idle_time_makes_no_burst() {
        let start = Instant::now();
        let mut next = start;
        let later = start + Duration::from_secs(60);
        assert_eq!(take_turn(&mut next, later, 10, 1), later);
        assert_eq!(
            take_turn(&mut next, later, 10, 1),
            later + Duration::from_millis(100)
        );
    }
}

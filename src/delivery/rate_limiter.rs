//! Rate limit for messages, shared evenly by all living workers.

use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::delivery::heartbeat::Membership;

/// Spaces the messages of one process evenly.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    /// Limit of the whole installation; `None` means unlimited.
    rate_per_second: Option<u32>,
    next_slot: Mutex<Instant>,
}

impl RateLimiter {
    /// Creates a limiter whose first slot is free.
    pub(crate) fn new(rate_per_second: Option<u32>) -> Self {
        Self {
            rate_per_second,
            next_slot: Mutex::new(Instant::now()),
        }
    }

    /// Returns whether [`acquire`](Self::acquire) can wait at all.
    pub(crate) fn is_limited(&self) -> bool {
        self.rate_per_second.is_some()
    }

    /// Waits for the next send slot of this process.
    ///
    /// The lock is kept while waiting, so that slots are reserved one at a time: when a
    /// worker joins, the others reduce their rate with the next message.
    pub(crate) async fn acquire(&self, mut membership: watch::Receiver<Membership>) {
        let Some(rate) = self.rate_per_second else {
            return;
        };
        let mut next_slot = self.next_slot.lock().await;
        let joined = membership.wait_for(|membership| *membership != Membership::Joining);
        let workers = match joined.await {
            Ok(membership) => membership.alive_workers(),
            // The heartbeat has ended, and with it the engine.
            Err(_) => 1,
        };
        let slot = reserve_slot(&mut next_slot, Instant::now(), rate, workers);
        tokio::time::sleep_until(slot).await;
    }
}

/// Reserves the next send slot.
///
/// Unused capacity does not accumulate, so there are no bursts.
fn reserve_slot(
    next_slot: &mut Instant,
    now: Instant,
    rate_per_second: u32,
    workers: usize,
) -> Instant {
    let slot = (*next_slot).max(now);
    let interval = workers.max(1) as f64 / f64::from(rate_per_second.max(1));
    *next_slot = slot + Duration::from_secs_f64(interval);
    slot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_spaced_by_shared_rate() {
        let start = Instant::now();
        let reserve = |next_slot: &mut Instant, workers| {
            reserve_slot(next_slot, start, 10, workers)
                .duration_since(start)
                .as_millis()
        };

        let mut next_slot = start;
        let slots: Vec<u128> = (0..4).map(|_| reserve(&mut next_slot, 1)).collect();
        assert_eq!(slots, [0, 100, 200, 300]);

        let mut next_slot = start;
        reserve(&mut next_slot, 3);
        assert_eq!(reserve(&mut next_slot, 3), 300);
    }

    #[test]
    fn idle_period_causes_no_burst() {
        let start = Instant::now();
        let mut next_slot = start;
        let later = start + Duration::from_secs(60);

        assert_eq!(reserve_slot(&mut next_slot, later, 10, 1), later);
        assert_eq!(
            reserve_slot(&mut next_slot, later, 10, 1),
            later + Duration::from_millis(100)
        );
    }
}

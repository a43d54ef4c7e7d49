//! How many rows to claim: what this process sends in about a second, so that a small
//! issue is shared among all processes, and a large one is claimed in few statements.

use std::time::Duration;

use tokio::time::Instant;

/// What one claim should last for.
const LASTS: Duration = Duration::from_secs(1);
/// A shorter time tells nothing: what a connection takes into its hand is not yet sent.
const TELLING: Duration = Duration::from_millis(250);
/// Rows claimed at once, however fast they go.
const MOST: usize = 500;

/// Learns from how fast the rows of the last claims went.
#[derive(Debug)]
pub(super) struct AdaptiveBatchSize {
    least: usize,
    claim: usize,
    /// Since when, and with how many rows in hand.
    measured: Option<(Instant, usize)>,
}

impl AdaptiveBatchSize {
    /// The most that is ever in hand.
    pub const LARGEST: usize = MOST + MOST / 2;

    /// For so many connections, before anything was sent.
    pub fn new(connections: usize) -> Self {
        let least = (2 * connections).clamp(1, MOST);
        Self {
            least,
            claim: least,
            measured: None,
        }
    }

    /// The rows of the next claim.
    pub fn claim(&self) -> usize {
        self.claim
    }

    /// With so many rows left in hand the next claim is due.
    pub fn refill_threshold(&self) -> usize {
        self.claim / 2
    }

    /// `left` rows were still in hand, and `claimed` came to them; none, when there was
    /// nothing to claim.
    pub fn note(&mut self, left: usize, claimed: usize, now: Instant) {
        if let Some((since, had)) = self.measured {
            let gone = had.saturating_sub(left) as f64;
            let elapsed = now.duration_since(since).max(TELLING);
            let wanted = gone / elapsed.as_secs_f64() * LASTS.as_secs_f64();
            self.claim = (wanted as usize).clamp(self.least, MOST);
        }
        // Nobody is slow who had nothing to do.
        self.measured = (claimed > 0).then_some((now, left + claimed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_process_takes_little_and_a_fast_one_much() {
        let start = Instant::now();
        let mut appetite = AdaptiveBatchSize::new(10);
        assert_eq!((appetite.claim(), appetite.refill_threshold()), (20, 10));
        appetite.note(0, 20, start);
        assert_eq!(appetite.claim(), 20);
        appetite.note(19, 20, start + Duration::from_millis(1));
        assert_eq!(appetite.claim(), 20, "one was only taken in hand");
        appetite.note(9, 100, start + Duration::from_millis(251));
        assert_eq!(appetite.claim(), 120);
        appetite.note(0, 120, start + Duration::from_millis(501));
        assert_eq!(appetite.claim(), 436);
        appetite.note(0, 430, start + Duration::from_millis(751));
        assert_eq!(appetite.claim(), 480);
        appetite.note(0, 480, start + Duration::from_millis(801));
        assert_eq!(appetite.claim(), MOST);
        appetite.note(90, 20, start + Duration::from_secs(30));
        assert_eq!(appetite.claim(), 20, "never less than the connections need");
    }

    #[test]
    fn idle_time_is_not_taken_for_slowness() {
        let start = Instant::now();
        let mut appetite = AdaptiveBatchSize::new(10);
        appetite.note(0, 20, start);
        appetite.note(0, 0, start + Duration::from_millis(250));
        assert_eq!(appetite.claim(), 80);
        appetite.note(0, 80, start + Duration::from_secs(60));
        assert_eq!(appetite.claim(), 80);
    }
}

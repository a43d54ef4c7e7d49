//! Adaptive size of the batches that a worker claims.
//!
//! A batch contains what this process sends in about one second. A small issue is
//! therefore shared by all workers, and a large one is claimed in few statements.

use std::time::Duration;

use tokio::time::Instant;

/// How long one batch should last.
const BATCH_DURATION: Duration = Duration::from_secs(1);

/// Minimum time over which throughput is measured.
///
/// Over a shorter time the deliveries taken by the dispatchers, which are not yet sent,
/// would dominate the result.
const MIN_MEASUREMENT: Duration = Duration::from_millis(250);

/// Maximum number of rows per claim.
///
/// Limits the duration of one claim statement, and the leases that a crash leaves behind.
const MAX_BATCH: usize = 500;

/// Batch size derived from the throughput since the previous claim.
#[derive(Debug)]
pub(crate) struct AdaptiveBatchSize {
    min: usize,
    current: usize,
    /// When the last claim ended, and how many deliveries were buffered then.
    last_claim: Option<(Instant, usize)>,
}

impl AdaptiveBatchSize {
    /// Maximum number of claimed deliveries waiting for a dispatcher.
    ///
    /// One batch, plus the half batch at which the next one is claimed.
    pub(crate) const MAX_BUFFERED: usize = MAX_BATCH + MAX_BATCH / 2;

    /// Starts with two deliveries per connection, which is also the minimum.
    pub(crate) fn new(connections: usize) -> Self {
        let min = (2 * connections).clamp(1, MAX_BATCH);
        Self {
            min,
            current: min,
            last_claim: None,
        }
    }

    /// Returns the maximum number of rows of the next claim.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// Returns the number of buffered deliveries at which the next claim is due.
    pub(crate) fn refill_threshold(&self) -> usize {
        self.current / 2
    }

    /// Records a claim of `claimed` rows.
    ///
    /// `remaining` deliveries were still buffered when it was made.
    pub(crate) fn record_claim(&mut self, remaining: usize, claimed: usize, now: Instant) {
        if let Some((since, buffered)) = self.last_claim {
            let sent = buffered.saturating_sub(remaining) as f64;
            let elapsed = now.duration_since(since).max(MIN_MEASUREMENT);
            let target = sent / elapsed.as_secs_f64() * BATCH_DURATION.as_secs_f64();
            self.current = (target as usize).clamp(self.min, MAX_BATCH);
        }
        // Do not measure throughput across an idle period.
        self.last_claim = (claimed > 0).then_some((now, remaining + claimed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_size_follows_throughput_within_limits() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut batch_size = AdaptiveBatchSize::new(10);
        assert_eq!(
            (batch_size.current(), batch_size.refill_threshold()),
            (20, 10)
        );

        batch_size.record_claim(0, 20, start);
        assert_eq!(batch_size.current(), 20);

        batch_size.record_claim(19, 20, at(1));
        assert_eq!(batch_size.current(), 20, "one was taken but not yet sent");

        batch_size.record_claim(9, 100, at(251));
        assert_eq!(batch_size.current(), 120);

        batch_size.record_claim(0, 120, at(501));
        assert_eq!(batch_size.current(), 436);

        batch_size.record_claim(0, 430, at(751));
        assert_eq!(batch_size.current(), 480);

        batch_size.record_claim(0, 480, at(801));
        assert_eq!(batch_size.current(), MAX_BATCH);

        batch_size.record_claim(90, 20, at(30_000));
        assert_eq!(batch_size.current(), 20, "minimum for ten connections");
    }

    #[test]
    fn idle_period_does_not_reduce_batch_size() {
        let start = Instant::now();
        let mut batch_size = AdaptiveBatchSize::new(10);
        batch_size.record_claim(0, 20, start);

        batch_size.record_claim(0, 0, start + Duration::from_millis(250));
        assert_eq!(batch_size.current(), 80);

        batch_size.record_claim(0, 80, start + Duration::from_secs(60));
        assert_eq!(batch_size.current(), 80);
    }
}

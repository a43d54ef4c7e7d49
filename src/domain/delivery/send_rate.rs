//! Send rate, remaining time and stall detection of a running issue.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::clock::Timestamp;

/// Period over which the send rate is averaged.
const WINDOW: Duration = Duration::from_secs(10);

/// Minimum period before a send rate is returned.
const MIN_SPAN: Duration = Duration::from_secs(1);

/// Maximum gap between two samples.
///
/// After a longer one the earlier samples are discarded.
const MAX_GAP: Duration = Duration::from_secs(60);

/// How long the server may not reply before sending counts as stalled.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// Estimates the send rate from samples of the number of completed deliveries.
#[derive(Clone, Debug, Default)]
pub struct ThroughputEstimator(VecDeque<(Timestamp, i64)>);

impl ThroughputEstimator {
    /// Records that `completed` deliveries were completed at `now`.
    ///
    /// Restarts if time or count have gone backwards, or after a gap of a minute.
    pub fn record(&mut self, now: Timestamp, completed: i64) {
        if let Some((at, before)) = self.0.back()
            && (now < *at || completed < *before || now.since(*at) > MAX_GAP)
        {
            self.0.clear();
        }
        self.0.push_back((now, completed));
        // Keep one sample older than the window: it is where the window begins.
        while self.0.len() > 2 && now.since(self.0[1].0) >= WINDOW {
            self.0.pop_front();
        }
    }

    /// Returns the completed deliveries per second; `None` after less than a second.
    pub fn per_second(&self) -> Option<f64> {
        let ((from, first), (to, last)) = (self.0.front()?, self.0.back()?);
        let span = to.since(*from);
        (span >= MIN_SPAN).then(|| (last - first) as f64 / span.as_secs_f64())
    }

    /// Returns how long `remaining` deliveries take at the current rate.
    ///
    /// Returns `None` while the rate is unknown or zero.
    pub fn eta(&self, remaining: i64) -> Option<Duration> {
        let rate = self.per_second().filter(|rate| *rate > 0.0)?;
        Duration::try_from_secs_f64(remaining as f64 / rate).ok()
    }
}

/// Returns how long sending has been stalled; `None` if it is not stalled.
///
/// `replied_at` is the time of the last reply, or of the first attempt if the server never
/// replied. `first_due` is the due time of the delivery that is due first.
pub fn stalled_for(
    now: Timestamp,
    replied_at: Timestamp,
    first_due: Option<Timestamp>,
) -> Option<Duration> {
    let stalled = now.since(replied_at).min(now.since(first_due?));
    (stalled >= STALLED_AFTER).then_some(stalled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(n: i64) -> Timestamp {
        Timestamp::from_millis(1_795_500_000_000 + n * 1000)
    }

    fn estimator(samples: &[(i64, i64)]) -> ThroughputEstimator {
        let mut estimator = ThroughputEstimator::default();
        for (at, completed) in samples {
            estimator.record(second(*at), *completed);
        }
        estimator
    }

    #[test]
    fn rate_is_average_of_last_ten_seconds() {
        assert_eq!(estimator(&[]).per_second(), None);
        assert_eq!(estimator(&[(0, 100)]).per_second(), None);
        assert_eq!(estimator(&[(0, 100), (2, 128)]).per_second(), Some(14.0));

        let stopped: Vec<_> = (0..=30).map(|n| (n, 100 * n.min(20))).collect();
        assert_eq!(estimator(&stopped).per_second(), Some(0.0));
    }

    #[test]
    fn eta_is_none_at_zero_rate() {
        let steady = estimator(&[(0, 100), (2, 128)]);
        assert_eq!(steady.eta(476), Some(Duration::from_secs(34)));
        assert_eq!(steady.eta(0), Some(Duration::ZERO));

        let stopped = estimator(&[(0, 5), (9, 5)]);
        assert_eq!(stopped.eta(10), None);
        assert_eq!(stopped.eta(0), None);
    }

    #[test]
    fn gap_or_decrease_discards_earlier_samples() {
        assert_eq!(estimator(&[(0, 0), (61, 600)]).per_second(), None);
        assert_eq!(estimator(&[(0, 600), (5, 0)]).per_second(), None);
        assert_eq!(estimator(&[(5, 0), (0, 10)]).per_second(), None);
        assert_eq!(estimator(&[(0, 0), (30, 300)]).per_second(), Some(10.0));
    }

    #[test]
    fn stalled_after_a_minute_with_due_delivery() {
        let stalled = |replied: i64, due: Option<i64>| {
            stalled_for(second(100), second(replied), due.map(second))
                .map(|stalled| stalled.as_secs())
        };

        assert_eq!(stalled(40, Some(0)), Some(60));
        assert_eq!(stalled(41, Some(0)), None);
        assert_eq!(stalled(0, Some(70)), None, "due for half a minute only");
        assert_eq!(stalled(0, Some(400)), None, "due later");
        assert_eq!(stalled(0, None), None, "no delivery remains");
    }
}

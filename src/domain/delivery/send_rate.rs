//! How a send goes, from what was seen of it: how fast, how long yet, and whether the
//! mail server still answers.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::clock::Timestamp;

/// How far back the pace is looked for.
const WINDOW: Duration = Duration::from_secs(10);
/// A pace is told once it was watched for this long.
const SHORTEST: Duration = Duration::from_secs(1);
/// What was seen before a gap like this says nothing of now.
const GAP: Duration = Duration::from_secs(60);
/// Without an answer for this long, sending is stalled.
const STALLED: Duration = Duration::from_secs(60);

/// How many recipients were done at which moment, over the last seconds.
#[derive(Clone, Debug, Default)]
pub struct ThroughputEstimator(VecDeque<(Timestamp, i64)>);

impl ThroughputEstimator {
    pub fn note(&mut self, now: Timestamp, done: i64) {
        if let Some((at, before)) = self.0.back()
            && (now < *at || done < *before || now.since(*at) > GAP)
        {
            self.0.clear();
        }
        self.0.push_back((now, done));
        // One that is older than the window stays: it is where the window begins.
        while self.0.len() > 2 && now.since(self.0[1].0) >= WINDOW {
            self.0.pop_front();
        }
    }

    /// Recipients done in a second.
    pub fn per_second(&self) -> Option<f64> {
        let ((from, first), (to, last)) = (self.0.front()?, self.0.back()?);
        let span = to.since(*from);
        (span >= SHORTEST).then(|| (last - first) as f64 / span.as_secs_f64())
    }

    /// How long `waiting` recipients take at this pace; `None` while nothing moves.
    pub fn eta(&self, waiting: i64) -> Option<Duration> {
        let pace = self.per_second().filter(|pace| *pace > 0.0)?;
        Duration::try_from_secs_f64(waiting as f64 / pace).ok()
    }
}

/// How long the mail server has said nothing although something was due, once that is
/// too long.
///
/// `answered_at` is when it last answered or was first asked, `first_due` since when
/// something waits for it.
pub fn stalled_for(
    now: Timestamp,
    answered_at: Timestamp,
    first_due: Option<Timestamp>,
) -> Option<Duration> {
    let silent = now.since(answered_at).min(now.since(first_due?));
    (silent >= STALLED).then_some(silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(n: i64) -> Timestamp {
        Timestamp::from_millis(1_795_500_000_000 + n * 1000)
    }

    fn pace(seen: &[(i64, i64)]) -> ThroughputEstimator {
        let mut pace = ThroughputEstimator::default();
        for (at, done) in seen {
            pace.note(second(*at), *done);
        }
        pace
    }

    #[test]
    fn the_pace_is_that_of_the_last_ten_seconds() {
        assert_eq!(pace(&[]).per_second(), None);
        assert_eq!(pace(&[(0, 100)]).per_second(), None);
        assert_eq!(pace(&[(0, 100), (2, 128)]).per_second(), Some(14.0));
        let slowed: Vec<_> = (0..=30).map(|n| (n, 100 * n.min(20))).collect();
        assert_eq!(pace(&slowed).per_second(), Some(0.0));
    }

    #[test]
    fn the_time_left_is_told_while_something_moves() {
        let steady = pace(&[(0, 100), (2, 128)]);
        assert_eq!(steady.eta(476), Some(Duration::from_secs(34)));
        assert_eq!(steady.eta(0), Some(Duration::ZERO));
        assert_eq!(pace(&[(0, 5), (9, 5)]).eta(10), None);
        assert_eq!(pace(&[(0, 5), (9, 5)]).eta(0), None);
    }

    #[test]
    fn what_was_seen_before_a_gap_or_another_beginning_is_forgotten() {
        assert_eq!(pace(&[(0, 0), (61, 600)]).per_second(), None);
        assert_eq!(pace(&[(0, 600), (5, 0)]).per_second(), None);
        assert_eq!(pace(&[(5, 0), (0, 10)]).per_second(), None);
        assert_eq!(pace(&[(0, 0), (30, 300)]).per_second(), Some(10.0));
    }

    #[test]
    fn silence_is_told_after_a_minute_in_which_something_was_due() {
        let told = |answered: i64, due: Option<i64>| {
            stalled_for(second(100), second(answered), due.map(second)).map(|it| it.as_secs())
        };
        assert_eq!(told(40, Some(0)), Some(60));
        assert_eq!(told(41, Some(0)), None);
        assert_eq!(told(0, Some(70)), None, "due for half a minute only");
        assert_eq!(told(0, Some(400)), None, "due later");
        assert_eq!(told(0, None), None, "nothing is to go");
    }
}

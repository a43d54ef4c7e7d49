//! Retry times of deferred deliveries.

use std::time::Duration;

use crate::domain::clock::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Delays after the 1st, 2nd, … failed attempt, in seconds; the last one repeats.
///
/// RFC 5321 §4.5.4.1 recommends at least 30 minutes. The first delays are shorter, because
/// greylisting usually ends after five minutes.
const RETRY_DELAYS: [u64; 6] = [
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
];

/// How long after it was queued a delivery is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(48 * HOUR);

/// Minimum number of rejected attempts before a delivery is given up.
///
/// A delivery may have waited in a long queue or while the machine was off.
const MIN_ATTEMPTS: u32 = 3;

/// Minimum delay after its due time for which a delivery counts as overdue.
///
/// An overdue delivery was delayed by this program and not by the server, and is not given
/// up.
const OVERDUE_AFTER: Duration = Duration::from_secs(HOUR);

/// Upper limit of the delay until the next attempt.
///
/// The longest delay is 4 h plus 10 % jitter. A due time after this limit was set by a clock
/// running ahead.
pub const MAX_RETRY_DELAY: Duration = Duration::from_secs(5 * HOUR);

/// What to do with a deferred delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Try again at this time.
    At(Timestamp),
    /// Give up, because the next attempt would be too late.
    GiveUp,
}

/// Returns when to retry a delivery that was rejected `attempts` times.
///
/// `jitter` spreads the retries of a batch over a tenth of the delay: 0 adds nothing, 255
/// adds 10 %.
pub fn retry(attempts: u32, queued_at: Timestamp, now: Timestamp, jitter: u8) -> Retry {
    let at = next_attempt(attempts, now, jitter);
    if at > queued_at.plus(GIVE_UP_AFTER) && attempts >= MIN_ATTEMPTS {
        Retry::GiveUp
    } else {
        Retry::At(at)
    }
}

/// Returns when to retry a delivery after an attempt that is not charged.
///
/// The attempt was due at `due_at`. An overdue delivery is not given up.
pub fn retry_without_charge(
    attempts: u32,
    queued_at: Timestamp,
    due_at: Timestamp,
    now: Timestamp,
    jitter: u8,
) -> Retry {
    let at = next_attempt(attempts.max(1), now, jitter);
    if at > queued_at.plus(GIVE_UP_AFTER) && now.since(due_at) < OVERDUE_AFTER {
        Retry::GiveUp
    } else {
        Retry::At(at)
    }
}

fn next_attempt(attempts: u32, now: Timestamp, jitter: u8) -> Timestamp {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let delay = Duration::from_secs(RETRY_DELAYS[index.min(RETRY_DELAYS.len() - 1)]);
    now.plus(delay + delay * u32::from(jitter) / 2550)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_secs(minutes * MINUTE))
    }

    #[test]
    fn delay_grows_to_four_hours() {
        let retries: Vec<Retry> = (1..=8).map(|n| retry(n, at(0), at(0), 0)).collect();
        let minutes = [5, 15, 30, 60, 120, 240, 240, 240];
        assert_eq!(retries, minutes.map(|m| Retry::At(at(m))));
    }

    #[test]
    fn jitter_adds_at_most_a_tenth() {
        assert_eq!(
            retry(1, at(0), at(0), 255),
            Retry::At(Timestamp::from_millis(330_000))
        );
    }

    #[test]
    fn retry_after_two_days_gives_up() {
        assert_eq!(retry(9, at(0), at(44 * 60), 0), Retry::At(at(48 * 60)));
        assert_eq!(retry(9, at(0), at(44 * 60 + 1), 0), Retry::GiveUp);
    }

    #[test]
    fn overdue_delivery_has_three_attempts() {
        let late = at(72 * 60);
        let retries = [1, 2, 3].map(|n| retry(n, at(0), late, 0));
        let later = |minutes: u64| Retry::At(at(72 * 60 + minutes));

        assert_eq!(retries, [later(5), later(15), Retry::GiveUp]);
    }

    #[test]
    fn uncharged_retry_gives_up_unless_overdue() {
        let late = at(72 * 60);
        let due_at = |minutes: u64| retry_without_charge(0, at(0), at(minutes), late, 0);
        assert_eq!(due_at(72 * 60 - 1), Retry::GiveUp);
        assert_eq!(due_at(0), Retry::At(at(72 * 60 + 5)));
        assert_eq!(
            retry_without_charge(0, at(0), at(0), at(0), 0),
            Retry::At(at(5))
        );
    }

    #[test]
    fn no_delay_exceeds_maximum() {
        for attempts in 0..20 {
            let Retry::At(at) = retry(attempts, at(0), at(0), 255) else {
                panic!("gave up at once");
            };
            assert!(at.since(Timestamp::EPOCH) < MAX_RETRY_DELAY);
        }
    }
}

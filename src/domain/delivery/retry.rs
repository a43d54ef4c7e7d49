//! When a deferred delivery is tried again.

use std::time::Duration;

use crate::domain::clock::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Waits after the 1st, 2nd, … failed try; the last one repeats.
/// RFC 5321 §4.5.4.1 asks for 30 minutes and more, but greylisting is commonly over in
/// five, so the first tries come sooner.
const RETRY_DELAYS: [u64; 6] = [
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
];

/// A delivery is given up this long after it was queued …
const GIVE_UP_AFTER: Duration = Duration::from_secs(48 * HOUR);
/// … but not before it was refused so often: the line may have been long, or the machine off.
const MIN_ATTEMPTS: u32 = 3;
/// Who was due this long ago was kept waiting by us.
const OVERDUE_AFTER: Duration = Duration::from_secs(HOUR);
/// No wait is longer than this: what is due later was put off by a clock that was ahead.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5 * HOUR);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    At(Timestamp),
    /// The next try would come after the 48 h.
    GiveUp,
}

/// The time of the next try after `attempts` refused ones.
///
/// `jitter` in 0..=255 spreads the tries of one refused batch over a tenth of the wait,
/// so that they do not all come back in the same second.
pub fn retry(attempts: u32, queued_at: Timestamp, now: Timestamp, jitter: u8) -> Retry {
    let at = next_try(attempts, now, jitter);
    if at > queued_at.plus(GIVE_UP_AFTER) && attempts >= MIN_ATTEMPTS {
        Retry::GiveUp
    } else {
        Retry::At(at)
    }
}

/// The same after a try that came to no server, and is not counted; it had been due at
/// `due_at`.
pub fn retry_without_charge(
    attempts: u32,
    queued_at: Timestamp,
    due_at: Timestamp,
    now: Timestamp,
    jitter: u8,
) -> Retry {
    let at = next_try(attempts.max(1), now, jitter);
    if at > queued_at.plus(GIVE_UP_AFTER) && now.since(due_at) < OVERDUE_AFTER {
        Retry::GiveUp
    } else {
        Retry::At(at)
    }
}

fn next_try(attempts: u32, now: Timestamp, jitter: u8) -> Timestamp {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = Duration::from_secs(RETRY_DELAYS[index.min(RETRY_DELAYS.len() - 1)]);
    now.plus(wait + wait * u32::from(jitter) / 2550)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_secs(minutes * MINUTE))
    }

    #[test]
    fn waits_grow_to_four_hours() {
        let waits: Vec<Retry> = (1..=8).map(|n| retry(n, at(0), at(0), 0)).collect();
        let minutes = [5, 15, 30, 60, 120, 240, 240, 240];
        assert_eq!(waits, minutes.map(|m| Retry::At(at(m))));
    }

    #[test]
    fn jitter_adds_at_most_a_tenth() {
        assert_eq!(
            retry(1, at(0), at(0), 255),
            Retry::At(Timestamp::from_millis(330_000))
        );
    }

    #[test]
    fn gives_up_after_two_days() {
        assert_eq!(retry(9, at(0), at(44 * 60), 0), Retry::At(at(48 * 60)));
        assert_eq!(retry(9, at(0), at(44 * 60 + 1), 0), Retry::GiveUp);
    }

    #[test]
    fn who_waited_for_days_to_be_tried_at_all_has_three_tries() {
        let late = at(72 * 60);
        let tries = [1, 2, 3].map(|n| retry(n, at(0), late, 0));
        let later = |minutes: u64| Retry::At(at(72 * 60 + minutes));
        assert_eq!(tries, [later(5), later(15), Retry::GiveUp]);
    }

    #[test]
    fn a_server_that_is_away_for_two_days_is_given_up_and_a_machine_that_was_off_is_not() {
        let late = at(72 * 60);
        let was_due = |minutes: u64| retry_without_charge(0, at(0), at(minutes), late, 0);
        assert_eq!(was_due(72 * 60 - 1), Retry::GiveUp);
        assert_eq!(was_due(0), Retry::At(at(72 * 60 + 5)));
        assert_eq!(
            retry_without_charge(0, at(0), at(0), at(0), 0),
            Retry::At(at(5))
        );
    }

    #[test]
    fn no_wait_is_longer_than_the_longest() {
        for attempts in 0..20 {
            let Retry::At(at) = retry(attempts, at(0), at(0), 255) else {
                panic!("given up at once");
            };
            assert!(at.since(Timestamp::EPOCH) < LONGEST_WAIT);
        }
    }
}

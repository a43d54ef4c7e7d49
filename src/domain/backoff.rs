//! When a deferred delivery is tried again.

use std::time::Duration;

use super::clock::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Waits after the 1st, 2nd, … failed try; the last one repeats.
/// RFC 5321 §4.5.4.1 asks for 30 minutes and more, but greylisting is commonly over in
/// five, so the first tries come sooner.
const WAITS: [u64; 6] = [
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
];

/// A delivery is given up this long after it was queued.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(48 * HOUR);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    At(Timestamp),
    /// The next try would come after the 48 h.
    GiveUp,
}

/// The time of the next try after `attempts` failed ones.
///
/// `jitter` in 0..=255 spreads the tries of one refused batch over a tenth of the wait,
/// so that they do not all come back in the same second.
pub fn retry(attempts: u32, queued_at: Timestamp, now: Timestamp, jitter: u8) -> Retry {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = Duration::from_secs(WAITS[index.min(WAITS.len() - 1)]);
    let at = now.plus(wait + wait * u32::from(jitter) / 2550);
    if at > queued_at.plus(GIVE_UP_AFTER) {
        Retry::GiveUp
    } else {
        Retry::At(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(minutes * MINUTE))
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
}

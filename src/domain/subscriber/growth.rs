//! Growth of the subscriber list, in weeks summed from daily changes.

use std::time::Duration;

use crate::domain::clock::Timestamp;

/// Length of a day.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Number of weeks in the growth chart.
pub const CHART_WEEKS: usize = 12;

const DAYS_IN_WEEK: i64 = 7;

/// Changes of the confirmed subscribers on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyChange {
    /// Days since 1970-01-01, in UTC.
    pub day: i64,
    /// Subscribers who became confirmed.
    pub joined: i64,
    /// Subscribers who stopped being confirmed.
    pub left: i64,
}

/// Seven days that end with `last_day`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    /// Last day, in days since 1970-01-01, in UTC.
    pub last_day: i64,
    /// Confirmed subscribers at the end of the last day.
    pub confirmed: i64,
    /// Subscribers who became confirmed in these days.
    pub joined: i64,
    /// Subscribers who stopped being confirmed in these days.
    pub left: i64,
}

/// Returns the day of `instant`, in days since 1970-01-01, in UTC.
pub fn day_of(instant: Timestamp) -> i64 {
    instant.as_millis().div_euclid(DAY.as_millis() as i64)
}

/// Returns the last day before the weeks of a chart that ends `today`.
pub const fn last_day_before_chart(today: i64) -> i64 {
    today - CHART_WEEKS as i64 * DAYS_IN_WEEK
}

/// Returns the last [`CHART_WEEKS`] weeks, oldest first; the last one ends `today`.
///
/// `confirmed` is the current number of confirmed subscribers, `days` are the changes after
/// [`last_day_before_chart`].
pub fn weekly_growth(confirmed: i64, days: &[DailyChange], today: i64) -> [Week; CHART_WEEKS] {
    let mut at_end = confirmed;
    let mut weeks = [Week {
        last_day: today,
        confirmed,
        joined: 0,
        left: 0,
    }; CHART_WEEKS];
    for (age, week) in (0..).zip(weeks.iter_mut().rev()) {
        let last_day = today - age * DAYS_IN_WEEK;
        // The newest week includes days after today: after the clock was set back, their
        // changes must not be missing from the sums.
        let newest = if age == 0 { i64::MAX } else { last_day };
        let (joined, left) = days
            .iter()
            .filter(|day| day.day > last_day - DAYS_IN_WEEK && day.day <= newest)
            .fold((0, 0), |(joined, left), day| {
                (joined + day.joined, left + day.left)
            });
        *week = Week {
            last_day,
            confirmed: at_end,
            joined,
            left,
        };
        at_end += left - joined;
    }
    weeks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64, joined: i64, left: i64) -> DailyChange {
        DailyChange { day, joined, left }
    }

    #[test]
    fn weekly_growth_sums_each_day_once() {
        let today = 20_000;
        let days = [
            day(today - 84, 500, 0),
            day(today - 83, 5, 1),
            day(today - 7, 10, 2),
            day(today - 6, 3, 0),
            day(today, 4, 1),
        ];
        let weeks = weekly_growth(118, &days, today);
        assert_eq!(weeks.len(), CHART_WEEKS);
        let last = weeks[11];
        assert_eq!((last.confirmed, last.joined, last.left), (118, 7, 1));
        assert_eq!((weeks[10].confirmed, weeks[10].joined), (112, 10));
        assert_eq!(
            (weeks[0].confirmed, weeks[0].joined, weeks[0].left),
            (104, 5, 1)
        );
        assert!(weeks.windows(2).all(|pair| {
            pair[1].confirmed == pair[0].confirmed + pair[1].joined - pair[1].left
                && pair[1].last_day == pair[0].last_day + 7
        }));
    }

    #[test]
    fn day_of_changes_at_midnight_utc() {
        assert_eq!(day_of(Timestamp::from_millis(86_399_999)), 0);
        assert_eq!(day_of(Timestamp::from_millis(86_400_000)), 1);
        assert_eq!(day_of(Timestamp::from_millis(-1)), -1);
    }
}

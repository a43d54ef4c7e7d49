//! How the list grew: weeks made of the days on which readers came and went.

use std::time::Duration;

use crate::domain::clock::Timestamp;

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Weeks that the chart shows.
pub const CHART_WEEKS: usize = 12;
const DAYS_IN_WEEK: i64 = 7;

/// What happened to the confirmed readers on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyChange {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    pub joined: i64,
    pub left: i64,
}

/// Seven days, the last of them `last_day`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    pub last_day: i64,
    /// Confirmed at its end.
    pub confirmed: i64,
    pub joined: i64,
    pub left: i64,
}

/// The day a moment belongs to, since 1970-01-01, UTC.
pub fn day_of(moment: Timestamp) -> i64 {
    moment.as_millis().div_euclid(DAY.as_millis() as i64)
}

/// The last day before the weeks of a chart that ends `today`.
pub const fn last_day_before_chart(today: i64) -> i64 {
    today - CHART_WEEKS as i64 * DAYS_IN_WEEK
}

/// The last [`WEEKS`] weeks, the oldest first; the last one ends `today`. `readers` are
/// the confirmed ones now, `days` what happened after [`before_the_weeks`].
pub fn weekly_growth(readers: i64, days: &[DailyChange], today: i64) -> [Week; CHART_WEEKS] {
    let mut at_end = readers;
    let mut weeks = [Week {
        last_day: today,
        confirmed: readers,
        joined: 0,
        left: 0,
    }; CHART_WEEKS];
    for (age, week) in (0..).zip(weekly_growth.iter_mut().rev()) {
        let last_day = today - age * DAYS_IN_WEEK;
        // A clock that went back must not take anyone out of the sums.
        let newest = if age == 0 { i64::MAX } else { last_day };
        let moved = days
            .iter()
            .filter(|day| day.day > last_day - DAYS_IN_WEEK && day.day <= newest);
        let (came, went) = moved.fold((0, 0), |(came, went), day| {
            (came + day.joined, went + day.left)
        });
        *week = Week {
            last_day,
            confirmed: at_end,
            joined: came,
            left: went,
        };
        at_end += went - came;
    }
    weekly_growth
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64, came: i64, went: i64) -> DailyChange {
        DailyChange {
            day,
            joined: came,
            left: went,
        }
    }

    #[test]
    fn each_week_ends_where_the_next_begins() {
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
        let last = weekly_growth[11];
        assert_eq!((last.readers, last.came, last.went), (118, 7, 1));
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
    fn days_are_cut_at_midnight_utc() {
        assert_eq!(day_of(Timestamp::from_millis(86_399_999)), 0);
        assert_eq!(day_of(Timestamp::from_millis(86_400_000)), 1);
        assert_eq!(day_of(Timestamp::from_millis(-1)), -1);
    }
}

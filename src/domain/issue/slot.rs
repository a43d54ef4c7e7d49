//! The week an issue belongs to.

use std::fmt;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::TimeZone;

use crate::domain::clock::Timestamp;

/// An ISO 8601 week, written `2026-W48`. Slots are ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    year: u16,
    week: u8,
}

/// Error of [`Slot::parse`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// The text does not have the form `2026-W48`.
    #[error("'{0}' is not a week; expected one like 2026-W48")]
    Form(String),
    /// The year does not have a week of this number.
    #[error("{year} has no week {week}; its last week is {last}")]
    NoSuchWeek {
        /// The ISO year.
        year: u16,
        /// The number that does not exist.
        week: u8,
        /// The last week of the year, 52 or 53.
        last: u8,
    },
}

/// 0001-01-02T00:00:00Z in Unix milliseconds: in every time zone the year is positive.
const MIN_MILLIS: i64 = -62_135_596_800_000 + 86_400_000;

impl Slot {
    /// Parses a week of the form `2026-W48`.
    ///
    /// # Errors
    /// Returns [`SlotError::Form`] if `text` has another form, and [`SlotError::NoSuchWeek`]
    /// if the year does not have that week.
    pub fn parse(text: &str) -> Result<Self, SlotError> {
        let form = || SlotError::Form(text.chars().take(40).collect());
        let (year, week) = text.split_once("-W").ok_or_else(form)?;
        let all_digits =
            |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(year, 4) || !all_digits(week, 2) {
            return Err(form());
        }
        let (Ok(year), Ok(week)) = (year.parse::<u16>(), week.parse::<u8>()) else {
            return Err(form());
        };
        if year == 0 {
            return Err(form());
        }
        let last = weeks_in_year(year);
        if week == 0 || week > last {
            return Err(SlotError::NoSuchWeek { year, week, last });
        }
        Ok(Self { year, week })
    }

    /// Returns the week that contains `instant` on the calendar of `zone`.
    ///
    /// An instant outside the years 1 to 9999 is treated as the nearest one inside.
    pub fn containing(instant: Timestamp, zone: &TimeZone) -> Self {
        let max = jiff::Timestamp::MAX.as_millisecond();
        let inside = Timestamp::from_millis(instant.as_millis().clamp(MIN_MILLIS, max));
        Self::from_date(inside.in_zone(zone).date())
    }

    /// Returns the week that contains `date`.
    pub fn from_date(date: Date) -> Self {
        let week = date.iso_week_date();
        Self {
            year: week.year().unsigned_abs(),
            week: week.week().unsigned_abs(),
        }
    }

    /// Returns the ISO year, which differs from the calendar year around New Year.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// Returns the number of the week, from 1 to 53.
    pub const fn week(self) -> u8 {
        self.week
    }
}

fn weeks_in_year(year: u16) -> u8 {
    let has_53 =
        i16::try_from(year).is_ok_and(|year| ISOWeekDate::new(year, 53, Weekday::Monday).is_ok());
    if has_53 { 53 } else { 52 }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-W{:02}", self.year, self.week)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::time_zone::find_time_zone;

    fn at(year: i16, month: i8, day: i8, hour: i8) -> Timestamp {
        let wall = date(year, month, day).at(hour, 0, 0, 0);
        TimeZone::UTC.to_timestamp(wall).unwrap().into()
    }

    fn zone(name: &str) -> TimeZone {
        find_time_zone(name).unwrap()
    }

    #[test]
    fn slot_display_parses_back() {
        for text in ["2026-W48", "2026-W53", "2020-W53", "0001-W01", "9999-W52"] {
            assert_eq!(Slot::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn parse_invalid_text_returns_error() {
        for text in [
            "",
            "2026",
            "2026-48",
            "2026-W4",
            "2026-W480",
            "26-W48",
            "2026-w48",
            " 2026-W48",
            "+026-W48",
            "0000-W01",
        ] {
            assert!(
                matches!(Slot::parse(text), Err(SlotError::Form(_))),
                "{text}"
            );
        }
        for (text, message) in [
            ("2025-W53", "2025 has no week 53; its last week is 52"),
            ("2026-W54", "2026 has no week 54; its last week is 53"),
            ("2026-W00", "2026 has no week 0; its last week is 53"),
        ] {
            assert_eq!(Slot::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn slot_around_new_year_has_the_iso_year() {
        assert_eq!(
            Slot::containing(at(2027, 1, 1, 12), &TimeZone::UTC).to_string(),
            "2026-W53"
        );
        assert_eq!(
            Slot::containing(at(2024, 12, 30, 12), &TimeZone::UTC).to_string(),
            "2025-W01"
        );
        assert!(Slot::parse("2026-W53").unwrap() < Slot::parse("2027-W01").unwrap());
    }

    #[test]
    fn slot_depends_on_the_time_zone() {
        let sunday_night = at(2026, 11, 22, 23);
        assert_eq!(
            Slot::containing(sunday_night, &TimeZone::UTC).to_string(),
            "2026-W47"
        );
        assert_eq!(
            Slot::containing(sunday_night, &zone("Europe/Berlin")).to_string(),
            "2026-W48"
        );
        assert_eq!(
            Slot::containing(at(2026, 11, 23, 3), &zone("America/New_York")).to_string(),
            "2026-W47"
        );
    }

    proptest! {
        #[test]
        fn slot_of_any_instant_parses_back(millis in any::<i64>()) {
            for name in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
                let slot = Slot::containing(Timestamp::from_millis(millis), &zone(name));
                prop_assert_eq!(Slot::parse(&slot.to_string()), Ok(slot));
            }
        }
    }
}

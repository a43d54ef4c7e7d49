//! The week an issue belongs to.

use std::fmt;

use chrono::{Datelike, NaiveDate, Weekday};
use chrono_tz::Tz;

use crate::domain::clock::Timestamp;

/// An ISO 8601 week, written `2026-W48`. Slots order as the weeks do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    year: u16,
    week: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    #[error("'{0}' is no week; expected one like 2026-W48")]
    Form(String),
    #[error("{year} has no week {week}; its last is {last}")]
    NoSuchWeek { year: u16, week: u8, last: u8 },
}

/// 0001-01-01 and 9999-12-30 in Unix milliseconds: four digits hold every year between,
/// in every time zone.
const FIRST_MOMENT: i64 = -62_135_596_800_000 + 86_400_000;
const LAST_MOMENT: i64 = 253_402_300_799_000 - 86_400_000;

impl Slot {
    /// # Errors
    /// When `text` is not of the form `2026-W48`, or that year has no such week.
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
        let last = weeks_of(year);
        if week == 0 || week > last {
            return Err(SlotError::NoSuchWeek { year, week, last });
        }
        Ok(Self { year, week })
    }

    /// The week that `moment` lies in, on the calendar of `zone`. A moment outside the
    /// years 1 to 9999 is taken for the nearest one inside.
    pub fn of(moment: Timestamp, zone: Tz) -> Self {
        let inside = Timestamp::from_millis(moment.as_millis().clamp(FIRST_MOMENT, LAST_MOMENT));
        let week = inside.to_utc().with_timezone(&zone).date_naive().iso_week();
        Self {
            year: u16::try_from(week.year()).unwrap_or(1),
            week: u8::try_from(week.week()).unwrap_or(1),
        }
    }

    pub const fn year(self) -> u16 {
        self.year
    }

    /// 1 to 53.
    pub const fn week(self) -> u8 {
        self.week
    }
}

fn weeks_of(year: u16) -> u8 {
    let has_53 = NaiveDate::from_isoywd_opt(i32::from(year), 53, Weekday::Mon).is_some();
    if has_53 { 53 } else { 52 }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-W{:02}", self.year, self.week)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use proptest::prelude::*;

    use super::*;

    fn at(y: i32, mo: u32, d: u32, h: u32) -> Timestamp {
        Utc.with_ymd_and_hms(y, mo, d, h, 0, 0).unwrap().into()
    }

    #[test]
    fn reads_what_it_writes() {
        for text in ["2026-W48", "2026-W53", "2020-W53", "0001-W01", "9999-W52"] {
            assert_eq!(Slot::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn says_what_is_wrong() {
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
        for (text, words) in [
            ("2025-W53", "2025 has no week 53; its last is 52"),
            ("2026-W54", "2026 has no week 54; its last is 53"),
            ("2026-W00", "2026 has no week 0; its last is 53"),
        ] {
            assert_eq!(Slot::parse(text).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn the_year_is_that_of_the_week() {
        assert_eq!(
            Slot::of(at(2027, 1, 1, 12), Tz::UTC).to_string(),
            "2026-W53"
        );
        assert_eq!(
            Slot::of(at(2024, 12, 30, 12), Tz::UTC).to_string(),
            "2025-W01"
        );
        assert!(Slot::parse("2026-W53").unwrap() < Slot::parse("2027-W01").unwrap());
    }

    #[test]
    fn the_week_is_that_of_the_zone() {
        let sunday_night = at(2026, 11, 22, 23);
        assert_eq!(Slot::of(sunday_night, Tz::UTC).to_string(), "2026-W47");
        assert_eq!(
            Slot::of(sunday_night, Tz::Europe__Berlin).to_string(),
            "2026-W48"
        );
        assert_eq!(
            Slot::of(at(2026, 11, 23, 3), Tz::America__New_York).to_string(),
            "2026-W47"
        );
    }

    proptest! {
        #[test]
        fn any_moment_has_a_week_that_parses(millis in any::<i64>()) {
            for zone in [Tz::UTC, Tz::Pacific__Kiritimati, Tz::Pacific__Pago_Pago] {
                let slot = Slot::of(Timestamp::from_millis(millis), zone);
                prop_assert_eq!(Slot::parse(&slot.to_string()), Ok(slot));
            }
        }
    }
}

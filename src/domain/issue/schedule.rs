//! When issues go out.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDateTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::domain::clock::Timestamp;
use crate::domain::issue::slot::Slot;

/// A cron expression read on the wall clock of a time zone, at most once an ISO week.
///
/// Every wall-clock time that the expression names is one instant: the earlier one where
/// clocks go back and show it twice, the end of the gap where they go forward past it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
    rhythm: Recurrence,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error(
        "'{expression}' is no cron expression of five fields (minute, hour, day, month, weekday) like '0 10 * * FRI': {detail}"
    )]
    Cron { expression: String, detail: String },
    #[error("'{0}' never comes")]
    Never(String),
    #[error(
        "'{expression}' comes twice in the week {slot}; an issue goes out once a week at most, like '0 10 * * FRI'"
    )]
    TwiceInAWeek { expression: String, slot: Slot },
    #[error("'{0}' is no time zone; expected one like Europe/Berlin, America/New_York or UTC")]
    Zone(String),
}

/// How a schedule reads in words, which are the templates' to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recurrence {
    /// Every week, on this day.
    Weekly(Weekday),
    /// Some weeks, or no fixed day.
    Uneven,
}

/// What a look at the schedule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing to do until `next` (none: never again).
    NotYet { next: Option<Timestamp> },
    /// The slot's instant has come, and its issue may still go out.
    Now { slot: Slot, at: Timestamp },
    /// It came too long ago: skip the slot and say so.
    Missed { slot: Slot, at: Timestamp },
}

/// Forty years hold every weekday of a leap day, and so every meeting of two days.
const CHECKED: std::ops::Range<i32> = 2020..2060;
/// No clock was ever changed by more (Samoa left out a day in 2011).
const LONGEST_GAP: chrono::TimeDelta = chrono::TimeDelta::hours(25);
/// Outside these years nothing is scheduled; croner searches no further than year 5000.
const YEARS: std::ops::Range<i32> = 1971..4990;

impl Schedule {
    /// Reads a cron expression of five fields (names like `FRI` and `JAN` too) and the
    /// IANA name of a time zone.
    ///
    /// # Errors
    /// When either is not one, or the expression never comes, or twice in one ISO week.
    pub fn parse(cron: &str, timezone: &str) -> Result<Self, ScheduleError> {
        let zone = timezone
            .trim()
            .parse()
            .map_err(|_| ScheduleError::Zone(timezone.to_owned()))?;
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(cron)
            .map_err(|error| ScheduleError::Cron {
                expression: cron.to_owned(),
                detail: error.to_string(),
            })?;
        let rhythm = check(&cron)?;
        Ok(Self { cron, zone, rhythm })
    }

    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The expression, in capitals.
    pub fn cron(&self) -> &str {
        self.cron.as_str()
    }

    pub fn rhythm(&self) -> Recurrence {
        self.rhythm
    }

    /// The slot that `moment` lies in, in the schedule's zone.
    pub fn slot_of(&self, moment: Timestamp) -> Slot {
        Slot::of(moment, self.zone)
    }

    /// The first scheduled instant after `moment`; none if it lies beyond the calendar.
    pub fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        let mut wall = self.wall_clock(moment)? - LONGEST_GAP;
        loop {
            wall = self
                .cron
                .find_next_occurrence(&wall.and_utc(), false)
                .ok()?
                .naive_utc();
            let at = instant(wall, self.zone)?;
            if at > moment {
                return Some(at);
            }
        }
    }

    /// The latest scheduled instant up to and including `moment`.
    pub fn last_at_or_before(&self, moment: Timestamp) -> Option<Timestamp> {
        let mut wall = self.wall_clock(moment)? + LONGEST_GAP;
        loop {
            wall = self
                .cron
                .find_previous_occurrence(&wall.and_utc(), false)
                .ok()?
                .naive_utc();
            let at = instant(wall, self.zone)?;
            if at <= moment {
                return Some(at);
            }
        }
    }

    /// What is due at `now`.
    ///
    /// Only instants after `set_at`, when the schedule was last set, count: a fresh
    /// install on Friday afternoon does not mail at once. `settled` is the latest
    /// scheduled instant that was dealt with (sent, nothing new, or reported missed). Of
    /// several instants gone by, only the latest is answered for.
    pub fn due(
        &self,
        now: Timestamp,
        set_at: Timestamp,
        settled: Option<Timestamp>,
        catch_up: Duration,
    ) -> Due {
        let after = settled.map_or(set_at, |settled| settled.max(set_at));
        match self.last_at_or_before(now).filter(|at| *at > after) {
            None => Due::NotYet {
                next: self.next_after(now.max(after)),
            },
            Some(at) if now.since(at) <= catch_up => Due::Now {
                slot: self.slot_of(at),
                at,
            },
            Some(at) => Due::Missed {
                slot: self.slot_of(at),
                at,
            },
        }
    }

    fn wall_clock(&self, moment: Timestamp) -> Option<NaiveDateTime> {
        let utc = moment.to_utc();
        YEARS
            .contains(&utc.year())
            .then(|| utc.with_timezone(&self.zone).naive_local())
    }
}

/// The instant at which the clocks of `zone` first show `wall`, or the first they show
/// after it when they skip it.
fn instant(wall: NaiveDateTime, zone: Tz) -> Option<Timestamp> {
    let minutes = 0..=LONGEST_GAP.num_minutes();
    minutes
        .filter_map(|minutes| wall.checked_add_signed(chrono::TimeDelta::minutes(minutes)))
        .find_map(|wall| zone.from_local_datetime(&wall).earliest())
        .map(|moment| moment.with_timezone(&Utc).into())
}

/// Walks the checked years on a calendar without zones: a wall-clock time is one instant
/// in each of them.
fn check(cron: &Cron) -> Result<Recurrence, ScheduleError> {
    let never = || ScheduleError::Never(cron.as_str().to_owned());
    let mut last: Option<DateTime<Utc>> = None;
    let mut weekly = true;
    let mut from = Utc
        .with_ymd_and_hms(CHECKED.start, 1, 1, 0, 0, 0)
        .single()
        .ok_or_else(never)?;
    while let Ok(at) = cron.find_next_occurrence(&from, last.is_none()) {
        if at.year() >= CHECKED.end {
            break;
        }
        if let Some(last) = last {
            if at.iso_week() == last.iso_week() {
                let slot = Slot::of(at.into(), Tz::UTC);
                return Err(ScheduleError::TwiceInAWeek {
                    expression: cron.as_str().to_owned(),
                    slot,
                });
            }
            weekly &= (at.date_naive() - last.date_naive()).num_days() == 7;
        }
        (last, from) = (Some(at), at);
    }
    let last = last.ok_or_else(never)?;
    Ok(if weekly {
        Recurrence::Weekly(last.weekday())
    } else {
        Recurrence::Uneven
    })
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;

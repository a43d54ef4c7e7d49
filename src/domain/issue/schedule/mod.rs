//! When issues are sent.

mod wall_clock;

#[cfg(test)]
mod tests;

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Weekday, date};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::domain::clock::Timestamp;
use crate::domain::issue::slot::Slot;
use crate::domain::time_zone::find_time_zone;
use wall_clock::WallClock;

/// A cron expression on the wall clock of a time zone, due at most once per ISO week.
///
/// Each wall-clock time that matches the expression is one instant. Where clocks go back
/// and show a time twice, it is the earlier one; where clocks go forward and skip a time,
/// it is the end of the gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    recurrence: Recurrence,
}

/// Error of [`Schedule::parse`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The text is not a cron expression of five fields.
    #[error(
        "'{expression}' is not a cron expression of five fields (minute, hour, day, month, weekday) like '0 10 * * FRI': {detail}"
    )]
    Cron {
        /// The rejected text.
        expression: String,
        /// Croner's message.
        detail: String,
    },
    /// No date matches the expression, like 30 February.
    #[error("'{0}' matches no date; expected an expression like '0 10 * * FRI'")]
    Never(String),
    /// The expression matches more than once in one ISO week.
    #[error(
        "'{expression}' matches twice in week {slot}; expected at most one time a week, like '0 10 * * FRI'"
    )]
    TwiceInAWeek {
        /// The expression in croner's normal form.
        expression: String,
        /// The first week in which it matches twice.
        slot: Slot,
    },
    /// The text is not the IANA name of a time zone.
    #[error("unknown time zone '{0}'; expected one like Europe/Berlin, America/New_York or UTC")]
    Zone(String),
}

/// How often a schedule is due; the templates have the words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recurrence {
    /// Every week on this day.
    Weekly(Weekday),
    /// Not every week, or not on a fixed day.
    Uneven,
}

/// Result of [`Schedule::due`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing is due.
    NotYet {
        /// The next scheduled instant; `None` if there is none within the calendar.
        next: Option<Timestamp>,
    },
    /// The slot is due and its issue may still be sent.
    Now {
        /// The week of the issue.
        slot: Slot,
        /// The scheduled instant.
        at: Timestamp,
    },
    /// The slot was due longer ago than the catch-up window: skip and report it.
    Missed {
        /// The week of the issue.
        slot: Slot,
        /// The scheduled instant.
        at: Timestamp,
    },
}

/// First day of the period in which an expression is checked.
const CHECK_START: Date = date(2020, 1, 1);

/// Year in which the check ends. Forty years contain every weekday of 29 February, and so
/// every pair of dates that can fall into one week.
const CHECK_END_YEAR: i16 = 2060;

/// Upper limit of a forward clock change: Samoa skipped a whole day in 2011.
const MAX_GAP: SignedDuration = SignedDuration::from_hours(25);

/// Years in which schedules are computed. Croner does not search beyond the year 5000.
const YEARS: std::ops::Range<i16> = 1971..4990;

impl Schedule {
    /// Parses a cron expression and the IANA name of a time zone.
    ///
    /// The expression has five fields and may use names like `FRI` and `JAN`.
    ///
    /// # Errors
    /// Returns [`ScheduleError::Zone`] for an unknown time zone, [`ScheduleError::Cron`] for
    /// an invalid expression, [`ScheduleError::Never`] if no date matches it, and
    /// [`ScheduleError::TwiceInAWeek`] if two times in one ISO week match it.
    pub fn parse(cron: &str, timezone: &str) -> Result<Self, ScheduleError> {
        let zone = find_time_zone(timezone.trim())
            .ok_or_else(|| ScheduleError::Zone(timezone.to_owned()))?;
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(cron)
            .map_err(|error| ScheduleError::Cron {
                expression: cron.to_owned(),
                detail: error.to_string(),
            })?;
        let recurrence = check_recurrence(&cron)?;
        Ok(Self {
            cron,
            zone,
            recurrence,
        })
    }

    /// Returns the time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Returns the expression in croner's normal form: upper case, names as numbers.
    pub fn cron(&self) -> &str {
        self.cron.as_str()
    }

    /// Returns how often the schedule is due.
    pub fn recurrence(&self) -> Recurrence {
        self.recurrence
    }

    /// Returns the slot that contains `instant` in the schedule's time zone.
    pub fn slot_of(&self, instant: Timestamp) -> Slot {
        Slot::containing(instant, &self.zone)
    }

    /// Returns the next scheduled instant after `now`, or `None` beyond the year 4990.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let mut wall = WallClock(self.wall_clock(now)?.checked_sub(MAX_GAP).ok()?);
        loop {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            let at = first_instant(wall.0, &self.zone)?;
            if at > now {
                return Some(at);
            }
        }
    }

    /// Returns the latest scheduled instant up to and including `now`.
    pub fn last_at_or_before(&self, now: Timestamp) -> Option<Timestamp> {
        let mut wall = WallClock(self.wall_clock(now)?.checked_add(MAX_GAP).ok()?);
        loop {
            wall = self.cron.find_previous_occurrence(&wall, false).ok()?;
            let at = first_instant(wall.0, &self.zone)?;
            if at <= now {
                return Some(at);
            }
        }
    }

    /// Returns what is due at `now`.
    ///
    /// Only instants after `set_at`, when the schedule was last changed, count: an
    /// installation on Friday afternoon does not send immediately. `settled` is the latest
    /// scheduled instant that was processed (sent, nothing new, or reported as missed). If
    /// several instants have passed since then, only the latest is returned.
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

    fn wall_clock(&self, instant: Timestamp) -> Option<DateTime> {
        let wall = instant.in_zone(&self.zone).datetime();
        YEARS.contains(&wall.year()).then_some(wall)
    }
}

/// Returns the first instant at which the clocks of `zone` show `wall`, or the end of the
/// gap if they skip it.
fn first_instant(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let minutes = 0..=MAX_GAP.as_mins();
    minutes
        .filter_map(|minutes| wall.checked_add(SignedDuration::from_mins(minutes)).ok())
        .map(|wall| zone.to_ambiguous_timestamp(wall))
        .find(|instant| !matches!(instant.offset(), AmbiguousOffset::Gap { .. }))
        .and_then(|instant| instant.earlier().ok())
        .map(Timestamp::from)
}

/// Returns how often the expression matches, and rejects one that never matches or matches
/// twice in a week.
///
/// Checks wall-clock times without a time zone: each of them is one instant in every zone.
fn check_recurrence(cron: &Cron) -> Result<Recurrence, ScheduleError> {
    let mut last: Option<Date> = None;
    let mut weekly = true;
    let mut from = WallClock(CHECK_START.at(0, 0, 0, 0));
    while let Ok(at) = cron.find_next_occurrence(&from, last.is_none()) {
        let day = at.0.date();
        if day.year() >= CHECK_END_YEAR {
            break;
        }
        if let Some(last) = last {
            let slot = Slot::from_date(day);
            if slot == Slot::from_date(last) {
                return Err(ScheduleError::TwiceInAWeek {
                    expression: cron.as_str().to_owned(),
                    slot,
                });
            }
            weekly &= day.duration_since(last) == SignedDuration::from_hours(7 * 24);
        }
        (last, from) = (Some(day), at);
    }
    let last = last.ok_or_else(|| ScheduleError::Never(cron.as_str().to_owned()))?;
    Ok(if weekly {
        Recurrence::Weekly(last.weekday())
    } else {
        Recurrence::Uneven
    })
}

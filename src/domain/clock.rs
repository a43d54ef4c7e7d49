//! Time as a parameter: code asks a [`Clock`] instead of the operating system.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

/// An instant in Unix milliseconds, the unit of every `*_at` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Creates a timestamp from Unix milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the Unix milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Adds `span`, saturating at the largest timestamp.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// Subtracts `span`, saturating at the smallest timestamp.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// Returns the time elapsed since `earlier`, or zero if `earlier` is later than `self`.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Converts to a calendar timestamp in UTC.
    ///
    /// A timestamp outside the years that jiff supports (-9999 to 9999) becomes the epoch.
    pub fn to_utc(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or_default()
    }

    /// Converts to the calendar and wall clock of `zone`.
    pub fn in_zone(self, zone: &TimeZone) -> ZonedDateTime {
        self.to_utc().to_zoned_datetime(zone.clone())
    }

    /// Formats as RFC 3339 in UTC with whole seconds: `2026-11-27T09:00:00Z`.
    pub fn to_rfc3339(self) -> String {
        self.to_utc().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Formats as a date-time of RFC 5322 §3.3 in UTC: `Fri, 27 Nov 2026 09:00:00 +0000`.
    pub fn to_rfc2822(self) -> String {
        self.to_utc()
            .strftime("%a, %-d %b %Y %H:%M:%S +0000")
            .to_string()
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(instant: jiff::Timestamp) -> Self {
        Self(instant.as_millisecond())
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Source of the current time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock, and the only place in the crate that reads it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the implementation behind every other use of the clock"
    )]
    fn now(&self) -> Timestamp {
        jiff::Timestamp::now().into()
    }
}

/// A clock for tests that changes only when it is set or advanced.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Creates a clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_millis()))
    }

    /// Moves the clock forward by `span`.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(millis(span), Ordering::SeqCst);
    }

    /// Sets the clock to `now`.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_formats_as_rfc_3339_and_rfc_5322() {
        let at = Timestamp::from_millis(1_793_612_345_678);

        assert_eq!(at.to_rfc3339(), "2026-11-02T09:39:05Z");
        assert_eq!(at.to_rfc2822(), "Mon, 2 Nov 2026 09:39:05 +0000");
    }

    #[test]
    fn timestamp_outside_calendar_becomes_epoch() {
        for millis in [i64::MIN, i64::MAX] {
            let utc = Timestamp::from_millis(millis).to_utc();
            assert_eq!(utc, jiff::Timestamp::UNIX_EPOCH);
        }
    }
}

//! Dates and times as newsletter tools and spreadsheets write them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use crate::domain::clock::Timestamp;

/// Order of day and month in dates like `04/05/2020`, as far as the file shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DateOrder {
    day_first: bool,
    month_first: bool,
}

impl DateOrder {
    /// Notes what `text` shows: a first number above 12 is a day, and so is a second one.
    pub(super) fn observe(&mut self, text: &str) {
        if let Some(([first, second, _], _, _)) = split_date(text)
            && first <= 31
            && second <= 31
        {
            self.day_first |= first > 12;
            self.month_first |= second > 12;
        }
    }
}

/// Parses a date with an optional time; UTC if it names no zone.
///
/// Understands RFC 3339, `YYYY-MM-DD HH:MM:SS` with an optional offset or `UTC`, and dates with
/// the year last, whose order `order` decides. Returns `None` for anything else, and for a date
/// that could be read in two ways.
pub(super) fn parse_time(text: &str, order: DateOrder) -> Option<Timestamp> {
    let text = text.trim();
    let ([first, second, third], separator, rest) = split_date(text)?;
    let (year, month, day) = if first > 31 {
        (first, second, third)
    } else {
        match (order.day_first || separator == '.', order.month_first) {
            (true, false) => (third, second, first),
            (false, true) => (third, first, second),
            _ if first == second => (third, first, second),
            _ => return None,
        }
    };
    if year < 1970 {
        return None;
    }
    let number = |value: u16| i8::try_from(value).ok();
    let date = Date::new(year.cast_signed(), number(month)?, number(day)?).ok()?;
    let (time, offset) = parse_clock(rest)?;
    let instant = offset.to_timestamp(DateTime::from_parts(date, time)).ok()?;
    Some(Timestamp::from(instant))
}

/// Splits the three numbers of a date, their separator, and the rest.
fn split_date(text: &str) -> Option<([u16; 3], char, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '/' | '.'))
        .unwrap_or(text.len());
    let (date, rest) = text.split_at(end);
    let separator = date.chars().find(|c| !c.is_ascii_digit())?;
    let mut parts = date.split(separator);
    let mut numbers = [0; 3];
    for number in &mut numbers {
        *number = parts.next()?.parse().ok()?;
    }
    let has_year = numbers[0] > 31 || numbers[2] > 31;
    (parts.next().is_none() && has_year).then_some((numbers, separator, rest))
}

/// Parses a time of day and its zone, both optional.
fn parse_clock(text: &str) -> Option<(Time, Offset)> {
    let text = text.trim_start_matches('T').trim_start_matches(',').trim();
    if text.is_empty() || text == "Z" {
        return Some((Time::midnight(), Offset::UTC));
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.'))
        .unwrap_or(text.len());
    let (clock, zone) = text.split_at(end);
    let mut parts = clock.split(':');
    let mut hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next()?.parse().ok()?;
    let seconds = parts.next().unwrap_or("0");
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let milliseconds: String = fraction.chars().chain("000".chars()).take(3).collect();
    let nanoseconds = milliseconds.parse::<i32>().ok()? * 1_000_000;
    let mut zone = zone.trim();
    for (half, is_afternoon) in [("AM", false), ("PM", true)] {
        if zone.len() >= 2 && zone.is_char_boundary(2) && zone[..2].eq_ignore_ascii_case(half) {
            zone = zone[2..].trim();
            hour = hour % 12 + if is_afternoon { 12 } else { 0 };
        }
    }
    let time = Time::new(hour, minute, second.parse().ok()?, nanoseconds).ok()?;
    Some((time, parse_offset(zone)?))
}

/// Parses `Z`, `UTC`, `GMT`, `+0200`, `+02:00` and `+0000 UTC`; an empty text is UTC.
fn parse_offset(text: &str) -> Option<Offset> {
    let text = text.split_whitespace().next().unwrap_or_default();
    if matches!(text, "" | "Z" | "z" | "UTC" | "GMT") {
        return Some(Offset::UTC);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i32>().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse::<i32>().ok()?),
        _ => return None,
    };
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, others: &[&str]) -> Option<String> {
        let mut order = DateOrder::default();
        for other in others.iter().chain([&text]) {
            order.observe(other);
        }
        parse_time(text, order).map(Timestamp::to_rfc3339)
    }

    #[test]
    fn time_of_each_tool_is_read_as_utc() {
        for (text, expected) in [
            ("2018-03-04T05:06:07Z", "2018-03-04T05:06:07Z"),
            ("2018-03-04T07:08:09+02:00", "2018-03-04T05:08:09Z"),
            ("2018-03-04 05:06:07", "2018-03-04T05:06:07Z"),
            ("2024-03-03", "2024-03-03T00:00:00Z"),
            ("2023-03-24 10:23:10 UTC", "2023-03-24T10:23:10Z"),
            ("2024-01-15T10:00:00.000Z", "2024-01-15T10:00:00Z"),
            (
                "2024-01-02 03:04:05.678901 +0000 UTC",
                "2024-01-02T03:04:05Z",
            ),
            ("2024/01/02 03:04", "2024-01-02T03:04:00Z"),
            ("12/31/2020 10:00 PM", "2020-12-31T22:00:00Z"),
            ("04.05.2020 10:00", "2020-05-04T10:00:00Z"),
            ("25-04-2022 09:30", "2022-04-25T09:30:00Z"),
        ] {
            assert_eq!(read(text, &[]).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn order_of_day_and_month_is_decided_by_the_file_or_left_open() {
        let us = read("04/05/2020 10:00", &["12/31/2020 10:00"]);
        assert_eq!(us.as_deref(), Some("2020-04-05T10:00:00Z"));
        let eu = read("04/05/2020", &["31/12/2020"]);
        assert_eq!(eu.as_deref(), Some("2020-05-04T00:00:00Z"));
        assert_eq!(read("04/05/2020", &["06/07/2020"]), None);
        assert_eq!(read("04/05/2020", &["31/12/2020", "12/31/2020"]), None);
    }

    #[test]
    fn text_that_is_no_date_is_unknown() {
        for text in [
            "",
            "yes",
            "1",
            "0000-00-00 00:00:00",
            "2020-13-01",
            "1/2",
            "2020-01-01 x",
        ] {
            assert_eq!(read(text, &[]), None, "{text}");
        }
    }
}

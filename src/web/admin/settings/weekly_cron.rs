//! Converts a weekly cron expression to a day and a time and back.

/// Names of the weekdays, each with the numbers and names that cron accepts for it.
const DAYS: [(&str, &[&str]); 7] = [
    ("MON", &["1", "MON"]),
    ("TUE", &["2", "TUE"]),
    ("WED", &["3", "WED"]),
    ("THU", &["4", "THU"]),
    ("FRI", &["5", "FRI"]),
    ("SAT", &["6", "SAT"]),
    ("SUN", &["0", "7", "SUN"]),
];

/// Returns the cron expression for a day like `FRI` and a time like `10:00`.
pub fn to_cron(day: &str, time: &str) -> Option<String> {
    let (day, _) = DAYS.iter().find(|(name, _)| *name == day)?;
    let (hour, minute) = time.split_once(':')?;
    let number = |text: &str, below: u32| text.parse().ok().filter(|n: &u32| *n < below);
    let (hour, minute) = (number(hour, 24)?, number(minute, 60)?);
    Some(format!("{minute} {hour} * * {day}"))
}

/// Returns day and time of a weekly cron expression, or `None` for any other expression.
pub fn parse_cron(cron: &str) -> Option<(&'static str, String)> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minute, hour, "*", "*", weekday] = fields[..] else {
        return None;
    };
    let weekday = weekday.to_ascii_uppercase();
    let (day, _) = DAYS
        .iter()
        .find(|(_, names)| names.contains(&weekday.as_str()))?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    Some((day, format!("{hour:02}:{minute:02}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekly_cron_round_trips_through_day_and_time() {
        assert_eq!(to_cron("FRI", "10:00").as_deref(), Some("0 10 * * FRI"));
        assert_eq!(to_cron("SUN", "07:05").as_deref(), Some("5 7 * * SUN"));
        for (day, time) in [
            ("other", "10:00"),
            ("FRI", ""),
            ("FRI", "24:00"),
            ("FRI", "10:60"),
        ] {
            assert_eq!(to_cron(day, time), None, "{day} {time}");
        }
        for (expression, expected) in [
            ("0 10 * * FRI", Some(("FRI", "10:00"))),
            ("5 7 * * 0", Some(("SUN", "07:05"))),
            ("5 7 * * fri", Some(("FRI", "07:05"))),
            ("0 10 1 * *", None),
            ("0 10 * * FRI#1", None),
            ("*/5 10 * * FRI", None),
            ("", None),
        ] {
            let found = parse_cron(expression);
            let found = found.as_ref().map(|(day, time)| (*day, time.as_str()));
            assert_eq!(found, expected, "{expression}");
        }
    }
}

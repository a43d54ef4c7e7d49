//! A weekly cron expression as a day and a time.

/// As cron names them, with the numbers that mean the same.
const DAYS: [(&str, &[&str]); 7] = [
    ("MON", &["1", "MON"]),
    ("TUE", &["2", "TUE"]),
    ("WED", &["3", "WED"]),
    ("THU", &["4", "THU"]),
    ("FRI", &["5", "FRI"]),
    ("SAT", &["6", "SAT"]),
    ("SUN", &["0", "7", "SUN"]),
];

/// The cron expression for a day like `FRI` and a time like `10:00`.
pub fn cron(day: &str, time: &str) -> Option<String> {
    let (day, _) = DAYS.iter().find(|(name, _)| *name == day)?;
    let (hour, minute) = time.split_once(':')?;
    let number = |text: &str, below: u32| text.parse().ok().filter(|n: &u32| *n < below);
    let (hour, minute) = (number(hour, 24)?, number(minute, 60)?);
    Some(format!("{minute} {hour} * * {day}"))
}

/// The day and the time of a cron expression; `None` for any other rhythm.
pub fn day_and_time(cron: &str) -> Option<(&'static str, String)> {
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
    fn a_day_and_a_time_are_a_cron_expression_and_back() {
        assert_eq!(cron("FRI", "10:00").as_deref(), Some("0 10 * * FRI"));
        assert_eq!(cron("SUN", "07:05").as_deref(), Some("5 7 * * SUN"));
        for (day, time) in [
            ("other", "10:00"),
            ("FRI", ""),
            ("FRI", "24:00"),
            ("FRI", "10:60"),
        ] {
            assert_eq!(cron(day, time), None, "{day} {time}");
        }
        for (expression, told) in [
            ("0 10 * * FRI", Some(("FRI", "10:00"))),
            ("5 7 * * 0", Some(("SUN", "07:05"))),
            ("5 7 * * fri", Some(("FRI", "07:05"))),
            ("0 10 1 * *", None),
            ("0 10 * * FRI#1", None),
            ("*/5 10 * * FRI", None),
            ("", None),
        ] {
            let found = day_and_time(expression);
            let found = found.as_ref().map(|(day, time)| (*day, time.as_str()));
            assert_eq!(found, told, "{expression}");
        }
    }
}

use proptest::prelude::*;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn utc(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = format!("{text}:00Z").parse().unwrap();
    instant.into()
}

fn text(instant: Timestamp) -> String {
    instant.to_utc().strftime("%Y-%m-%dT%H:%M").to_string()
}

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule::parse(cron, zone).unwrap()
}

fn instants(schedule: &Schedule, from: &str, to: &str) -> Vec<String> {
    let mut at = utc(from);
    std::iter::from_fn(|| {
        at = schedule.next_after(at)?;
        (at < utc(to)).then(|| text(at))
    })
    .collect()
}

#[test]
fn parse_two_times_a_week_returns_error() {
    for cron in [
        "0 10 * * *",
        "* * * * *",
        "0 10 * * MON,FRI",
        "0,30 10 * * FRI",
        "0 10,22 * * FRI",
        "0 10 1 * FRI",
        "0 10 1,15,16 * *",
        "0 10 28,29 2 *",
        "@daily",
    ] {
        let error = Schedule::parse(cron, "UTC").unwrap_err();
        assert!(
            matches!(error, ScheduleError::TwiceInAWeek { .. }),
            "{cron}: {error}"
        );
    }
}

#[test]
fn recurrence_is_weekly_or_uneven() {
    for (cron, recurrence) in [
        ("0 10 * * FRI", Recurrence::Weekly(Weekday::Friday)),
        ("0 10 * * 5", Recurrence::Weekly(Weekday::Friday)),
        (" 30 2 * * sun ", Recurrence::Weekly(Weekday::Sunday)),
        ("@weekly", Recurrence::Weekly(Weekday::Sunday)),
        ("0 10 1 * *", Recurrence::Uneven),
        ("0 10 1,15 * *", Recurrence::Uneven),
        ("0 10 * * FRI#1", Recurrence::Uneven),
        ("0 10 * JAN,FEB FRI", Recurrence::Uneven),
        ("0 10 29 2 *", Recurrence::Uneven),
    ] {
        assert_eq!(
            schedule(cron, "Europe/Berlin").recurrence(),
            recurrence,
            "{cron}"
        );
    }
}

#[test]
fn parse_error_names_problem_and_expectation() {
    for (cron, zone, message) in [
        (
            "0 0 30 2 *",
            "UTC",
            "'0 0 30 2 *' matches no date; expected an expression like '0 10 * * FRI'",
        ),
        (
            "0 10 * * FRI",
            "Mars/Olympus",
            "unknown time zone 'Mars/Olympus'; expected one like Europe/Berlin, America/New_York or UTC",
        ),
        (
            "0 10 * * MON,FRI",
            "UTC",
            "'0 10 * * 1,5' matches twice in week 2020-W02; expected at most one time a week, like '0 10 * * FRI'",
        ),
    ] {
        assert_eq!(
            Schedule::parse(cron, zone).unwrap_err().to_string(),
            message
        );
    }
    for cron in [
        "",
        "nonsense",
        "0 10 * *",
        "0 0 10 * * FRI",
        "0 10 * * FRI 2027",
        "61 10 * * FRI",
        "@never",
    ] {
        assert!(
            matches!(
                Schedule::parse(cron, "UTC"),
                Err(ScheduleError::Cron { .. })
            ),
            "{cron}"
        );
    }
}

#[test]
fn berlin_clock_change_is_due_once() {
    let schedule = schedule("30 2 * * SUN", "Europe/Berlin");
    assert_eq!(
        instants(&schedule, "2026-03-16T00:00", "2026-04-06T00:00"),
        ["2026-03-22T01:30", "2026-03-29T01:00", "2026-04-05T00:30"],
    );
    assert_eq!(
        instants(&schedule, "2026-10-12T00:00", "2026-11-02T00:00"),
        ["2026-10-18T00:30", "2026-10-25T00:30", "2026-11-01T01:30"],
    );
}

#[test]
fn wall_clock_hour_is_kept_across_dst() {
    let new_york = schedule("0 10 * * SUN", "America/New_York");
    assert_eq!(
        instants(&new_york, "2026-03-02T00:00", "2026-03-16T00:00"),
        ["2026-03-08T14:00", "2026-03-15T14:00"],
    );
    assert_eq!(
        instants(&new_york, "2026-10-26T00:00", "2026-11-09T00:00"),
        ["2026-11-01T15:00", "2026-11-08T15:00"],
    );
    let in_utc = schedule("0 10 * * SUN", "UTC");
    assert_eq!(
        instants(&in_utc, "2026-03-23T00:00", "2026-04-06T00:00"),
        ["2026-03-29T10:00", "2026-04-05T10:00"],
    );
}

/// In Nuuk the clocks go from Saturday 23:00 to Sunday 00:00, so the skipped time is due
/// on the day after the one in the expression.
#[test]
fn nuuk_gap_across_midnight_is_due_at_its_end() {
    let schedule = schedule("30 23 * * SAT", "America/Nuuk");
    assert_eq!(
        instants(&schedule, "2026-03-23T12:00", "2026-04-06T00:00"),
        ["2026-03-29T01:00", "2026-04-05T00:30"],
    );
}

/// British Columbia stays on summer time (UTC-7) from November 2026. A copy of the data
/// that is older than this decision gives 18:00 UTC, which is 11:00 on local clocks.
#[test]
fn vancouver_uses_the_zone_data_of_the_system() {
    let schedule = schedule("0 10 * * FRI", "America/Vancouver");
    let system = jiff::tz::db().get("America/Vancouver").unwrap();

    let at = schedule.next_after(utc("2026-11-26T00:00")).unwrap();

    let ten_oclock = date(2026, 11, 27).at(10, 0, 0, 0);
    assert_eq!(at.in_zone(&system).datetime(), ten_oclock);

    let bundled = jiff::tz::TimeZoneDatabase::bundled();
    let bundled = bundled.get("America/Vancouver").unwrap();
    let at = first_instant(ten_oclock, &bundled).unwrap();
    assert_eq!(at, utc("2026-11-27T17:00"));
}

#[test]
fn last_instant_includes_now() {
    let schedule = schedule("0 10 * * FRI", "UTC");
    let friday = utc("2026-11-27T10:00");
    let week_before = utc("2026-11-20T10:00");
    assert_eq!(schedule.last_at_or_before(friday), Some(friday));
    assert_eq!(
        schedule.last_at_or_before(friday.plus(Duration::from_millis(999))),
        Some(friday)
    );
    assert_eq!(
        schedule.last_at_or_before(friday.minus(Duration::from_millis(1))),
        Some(week_before)
    );
    assert_eq!(
        schedule.next_after(friday.minus(Duration::from_millis(1))),
        Some(friday)
    );
    assert_eq!(schedule.next_after(week_before), Some(friday));
}

#[test]
fn due_depends_on_settled_and_catch_up() {
    let schedule = schedule("0 10 * * FRI", "Europe/Berlin");
    let at = utc("2026-11-27T09:00");
    let slot = Slot::parse("2026-W48").unwrap();
    let next = Some(utc("2026-12-04T09:00"));
    let monday = utc("2026-11-23T08:00");
    for (now, set_at, settled, due) in [
        (
            "2026-11-27T08:59",
            monday,
            None,
            Due::NotYet { next: Some(at) },
        ),
        ("2026-11-27T09:00", monday, None, Due::Now { slot, at }),
        ("2026-11-28T09:00", monday, None, Due::Now { slot, at }),
        ("2026-11-28T09:01", monday, None, Due::Missed { slot, at }),
        ("2026-12-04T08:59", monday, None, Due::Missed { slot, at }),
        ("2026-11-27T12:00", monday, Some(at), Due::NotYet { next }),
        ("2026-11-27T12:00", at, None, Due::NotYet { next }),
        (
            "2026-11-27T12:00",
            utc("2026-11-27T11:59"),
            None,
            Due::NotYet { next },
        ),
        (
            "2026-11-27T12:00",
            monday,
            Some(utc("2026-11-20T09:00")),
            Due::Now { slot, at },
        ),
    ] {
        assert_eq!(
            schedule.due(utc(now), set_at, settled, DAY),
            due,
            "{now} {set_at:?} {settled:?}"
        );
    }
}

/// `set_at` is in the future if the system clock was wrong when the schedule was set.
#[test]
fn next_instant_is_after_schedule_was_set() {
    let schedule = schedule("0 10 * * FRI", "UTC");
    let due = schedule.due(utc("2026-11-23T00:00"), utc("2026-12-01T00:00"), None, DAY);
    assert_eq!(
        due,
        Due::NotYet {
            next: Some(utc("2026-12-04T10:00"))
        }
    );
}

#[test]
fn slot_is_computed_in_schedule_zone() {
    let schedule = schedule("0 1 * * MON", "Asia/Tokyo");
    let at = utc("2026-11-22T16:00");
    let slot = Slot::parse("2026-W48").unwrap();
    assert_eq!(
        schedule.due(utc("2026-11-22T17:00"), utc("2026-11-20T00:00"), None, DAY),
        Due::Now { slot, at }
    );
}

#[test]
fn ends_of_the_calendar_do_not_panic() {
    let schedule = schedule("0 10 * * FRI", "Europe/Berlin");
    for millis in [i64::MIN, i64::MAX, -70_000_000_000_000, 200_000_000_000_000] {
        let moment = Timestamp::from_millis(millis);
        let (next, last) = (
            schedule.next_after(moment),
            schedule.last_at_or_before(moment),
        );
        assert!(next.is_none_or(|next| next > moment));
        assert!(last.is_none_or(|last| last <= moment));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn previous_and_next_instant_agree(
        seconds in 1_600_000_000i64..2_500_000_000,
        (minute, hour, weekday) in (0u8..60, 0u8..24, 0u8..7),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "America/Nuuk", "Australia/Lord_Howe", "Africa/Cairo"]),
    ) {
        let schedule = schedule(&format!("{minute} {hour} * * {weekday}"), zone);
        let now = Timestamp::from_millis(seconds * 1000);
        let last = schedule.last_at_or_before(now).unwrap();
        let next = schedule.next_after(now).unwrap();
        prop_assert!(last <= now && now < next);
        prop_assert_eq!(schedule.next_after(last), Some(next));
        prop_assert_eq!(schedule.last_at_or_before(next), Some(next));
        prop_assert!(schedule.slot_of(last) < schedule.slot_of(next));
        let days = next.since(last).as_secs_f64() / 86400.0;
        prop_assert!((6.9..7.1).contains(&days), "{} days", days);
    }

    #[test]
    fn parse_any_text_does_not_panic(cron in "\\PC{0,30}", fields in "[0-9*,/#LW?@A-Z -]{0,20}") {
        let _ = Schedule::parse(&cron, "UTC");
        let _ = Schedule::parse(&fields, "UTC");
    }
}

//! Template filters for numbers, dates and text.

use jiff::tz::TimeZone;
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

use crate::domain::clock::Timestamp;
use crate::mail::markdown;

/// Registers the filters `number`, `date(style=…)`, `query`, `sentence`, `as_text` and
/// `markdown`. Dates are shown in `zone`.
pub fn register(tera: &mut Tera, zone: TimeZone) {
    tera.register_filter("number", |n: i64, _: Kwargs, _: &State| format_number(n));
    tera.register_filter("query", |text: &str, _: Kwargs, _: &State| {
        encode_query(text)
    });
    tera.register_filter("sentence", |text: &str, _: Kwargs, _: &State| {
        to_sentence(text)
    });
    // Escapes markup that a template has rendered.
    tera.register_filter("as_text", |text: &str, _: Kwargs, _: &State| {
        text.to_owned()
    });
    // The Markdown renderer emits only its own markup.
    tera.register_filter("markdown", |text: &str, _: Kwargs, _: &State| {
        Value::safe_string(&markdown::to_page_html(text))
    });
    tera.register_filter(
        "date",
        move |millis: i64, arguments: Kwargs, _: &State| -> TeraResult<String> {
            let style = arguments.get::<&str>("style")?.unwrap_or("day");
            format_date(millis, &zone, style)
                .ok_or_else(|| Error::message(format!("unknown date style '{style}'")))
        },
    );
}

/// Formats a number with thousands separators: `1,284`.
fn format_number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::from(if n < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a timestamp, or returns `None` for an unknown style.
fn format_date(millis: i64, zone: &TimeZone, style: &str) -> Option<String> {
    let date = Timestamp::from_millis(millis).in_zone(zone);
    let format = match style {
        "weekday" => "%A",
        "day" => "%A %-d %B",
        "full" => "%A %-d %B %Y",
        "short" => "%a %-d %b",
        "date" => "%-d %b %Y",
        "month_day" => "%-d %B",
        "clock" => "%H:%M",
        "time" => "%a %-d %b %H:%M",
        "iso" if date.offset().is_zero() => "%Y-%m-%dT%H:%M:%SZ",
        "iso" => "%Y-%m-%dT%H:%M:%S%:z",
        _ => return None,
    };
    Some(date.strftime(format).to_string())
}

/// Formats an error message as a sentence: `no such zone` → `No such zone.`
///
/// A name at the start or an example at the end is not changed, so that it can be copied.
fn to_sentence(text: &str) -> String {
    let first_word = text.split(' ').next().unwrap_or_default();
    let is_plain = first_word
        .trim_end_matches(',')
        .chars()
        .all(|c| c.is_ascii_lowercase());
    let mut sentence = String::with_capacity(text.len() + 1);
    let mut rest = text.chars();
    match rest.next() {
        Some(first) if is_plain => sentence.push(first.to_ascii_uppercase()),
        first => sentence.extend(first),
    }
    sentence.push_str(rest.as_str());
    let last = text.rsplit(' ').next().unwrap_or_default();
    if last.ends_with(|c: char| c.is_alphanumeric() || c == ')') && !last.contains(['@', '/', '.'])
    {
        sentence.push('.');
    }
    sentence
}

/// Encodes text as a value of a URL query.
fn encode_query(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time_zone::find_time_zone;

    #[test]
    fn format_number_separates_thousands() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1284, "1,284"),
            (1_000_000, "1,000,000"),
            (-1284, "-1,284"),
        ] {
            assert_eq!(format_number(n), text);
        }
        assert_eq!(format_number(i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn format_date_uses_time_zone() {
        let late_thursday = 1_795_127_400_000; // 2026-11-19 22:30 UTC
        let helsinki = find_time_zone("Europe/Helsinki").unwrap();
        assert_eq!(
            format_date(late_thursday, &TimeZone::UTC, "day").unwrap(),
            "Thursday 19 November"
        );
        assert_eq!(
            format_date(late_thursday, &helsinki, "day").unwrap(),
            "Friday 20 November"
        );
        assert_eq!(
            format_date(late_thursday, &helsinki, "time").unwrap(),
            "Fri 20 Nov 00:30"
        );
        assert_eq!(
            format_date(late_thursday, &helsinki, "iso").unwrap(),
            "2026-11-20T00:30:00+02:00"
        );
        assert_eq!(
            format_date(late_thursday, &TimeZone::UTC, "iso").unwrap(),
            "2026-11-19T22:30:00Z"
        );
        assert_eq!(format_date(late_thursday, &TimeZone::UTC, "roman"), None);
        assert!(format_date(i64::MAX, &TimeZone::UTC, "full").is_some());
    }

    #[test]
    fn to_sentence_keeps_names_and_examples() {
        for (message, expected) in [
            ("no such zone", "No such zone."),
            ("first, a name", "First, a name."),
            ("Wait 10 minutes.", "Wait 10 minutes."),
            ("smtp.url: no server", "smtp.url: no server."),
            ("'x' is no week", "'x' is no week."),
            (
                "one like https://example.com/x",
                "One like https://example.com/x",
            ),
            ("one like name@example.com", "One like name@example.com"),
            ("does it?", "Does it?"),
            ("", ""),
        ] {
            assert_eq!(to_sentence(message), expected);
        }
    }

    #[test]
    fn encode_query_escapes_separators() {
        assert_eq!(encode_query("a&b=c d/é"), "a%26b%3Dc+d%2F%C3%A9");
    }
}

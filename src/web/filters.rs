//! How pages write numbers, dates and addresses.

use jiff::tz::TimeZone;
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

use crate::domain::clock::Timestamp;
use crate::mail::markdown;

/// Teaches `tera` these filters: `number`, `date(style=…)`, `query`, `sentence`, `as_text`
/// and `markdown`.
pub fn register(tera: &mut Tera, zone: TimeZone) {
    tera.register_filter("number", |n: i64, _: Kwargs, _: &State| number(n));
    tera.register_filter("query", |text: &str, _: Kwargs, _: &State| query(text));
    tera.register_filter("sentence", |text: &str, _: Kwargs, _: &State| {
        sentence(text)
    });
    // Markup that was put together by a template, to be shown instead of obeyed.
    tera.register_filter("as_text", |text: &str, _: Kwargs, _: &State| {
        text.to_owned()
    });
    // The note's own writer lets nothing through that is not its own markup.
    tera.register_filter("markdown", |text: &str, _: Kwargs, _: &State| {
        Value::safe_string(&markdown::to_page_html(text))
    });
    tera.register_filter(
        "date",
        move |millis: i64, words: Kwargs, _: &State| -> TeraResult<String> {
            let style = words.get::<&str>("style")?.unwrap_or("day");
            date(millis, &zone, style)
                .ok_or_else(|| Error::message(format!("no date style '{style}'")))
        },
    );
}

/// `1,284`
fn number(n: i64) -> String {
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

/// `None` for a style there is not.
fn date(millis: i64, zone: &TimeZone, style: &str) -> Option<String> {
    let moment = Timestamp::from_millis(millis).in_zone(zone);
    let format = match style {
        "weekday" => "%A",
        "day" => "%A %-d %B",
        "full" => "%A %-d %B %Y",
        "short" => "%a %-d %b",
        "date" => "%-d %b %Y",
        "month_day" => "%-d %B",
        "clock" => "%H:%M",
        "time" => "%a %-d %b %H:%M",
        "iso" if moment.offset().is_zero() => "%Y-%m-%dT%H:%M:%SZ",
        "iso" => "%Y-%m-%dT%H:%M:%S%:z",
        _ => return None,
    };
    Some(moment.strftime(format).to_string())
}

/// Words as errors have them, as a sentence: `no such zone` → `No such zone.` What begins
/// with a name, or ends with an example, stays as it can be copied.
fn sentence(text: &str) -> String {
    let mut words = text.split(' ');
    let is_word = |word: &str| word.chars().all(|c| c.is_ascii_lowercase());
    let mut sentence = String::with_capacity(text.len() + 1);
    let mut letters = text.chars();
    match letters.next() {
        Some(first)
            if words
                .next()
                .is_some_and(|word| is_word(word.trim_end_matches(','))) =>
        {
            sentence.push(first.to_ascii_uppercase());
        }
        first => sentence.extend(first),
    }
    sentence.push_str(letters.as_str());
    let last = text.rsplit(' ').next().unwrap_or_default();
    if last.ends_with(|c: char| c.is_alphanumeric() || c == ')') && !last.contains(['@', '/', '.'])
    {
        sentence.push('.');
    }
    sentence
}

/// Text as a value in a URL's query.
fn query(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time_zone::find_time_zone;

    #[test]
    fn thousands_are_set_apart() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1284, "1,284"),
            (1_000_000, "1,000,000"),
            (-1284, "-1,284"),
        ] {
            assert_eq!(number(n), text);
        }
        assert_eq!(number(i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn a_date_is_told_in_the_newsletters_zone() {
        let helsinki = find_time_zone("Europe/Helsinki").unwrap();
        let late_thursday = 1_795_127_400_000; // 2026-11-19 22:30 UTC
        assert_eq!(
            date(late_thursday, &TimeZone::UTC, "day").unwrap(),
            "Thursday 19 November"
        );
        assert_eq!(
            date(late_thursday, &helsinki, "day").unwrap(),
            "Friday 20 November"
        );
        assert_eq!(
            date(late_thursday, &helsinki, "time").unwrap(),
            "Fri 20 Nov 00:30"
        );
        assert_eq!(
            date(late_thursday, &helsinki, "iso").unwrap(),
            "2026-11-20T00:30:00+02:00"
        );
        assert_eq!(
            date(late_thursday, &TimeZone::UTC, "iso").unwrap(),
            "2026-11-19T22:30:00Z"
        );
        assert_eq!(date(late_thursday, &TimeZone::UTC, "roman"), None);
        assert!(date(i64::MAX, &TimeZone::UTC, "full").is_some());
    }

    #[test]
    fn an_errors_words_become_a_sentence() {
        for (words, told) in [
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
            assert_eq!(sentence(words), told);
        }
    }

    #[test]
    fn a_query_value_cannot_leave_its_place() {
        assert_eq!(query("a&b=c d/é"), "a%26b%3Dc+d%2F%C3%A9");
    }
}

//! Every error and its message.

use std::path::Path;

use crate::config::tests::{errors, load_from};

/// Invalid files, and the error of each.
const INVALID_FILES: &[(&str, &str)] = &[
    (
        "smtp.connections = 'ten'",
        "smtp.connections: expected a number from 1 to 1000, got 'ten' (in broadsheet.toml)",
    ),
    (
        "smtp.connections = 0",
        "smtp.connections: expected a number from 1 to 1000, got 0 (in broadsheet.toml)",
    ),
    (
        "smtp.connections = 1.5",
        "smtp.connections: expected a number from 1 to 1000, got 1.5 (in broadsheet.toml)",
    ),
    (
        "smtp.connections = 99999999",
        "smtp.connections: expected a number from 1 to 1000, got 99999999 (in broadsheet.toml)",
    ),
    (
        "limits.minimum_fill_ms = -1",
        "limits.minimum_fill_ms: expected a number from 0 to 600000, got -1 (in broadsheet.toml)",
    ),
    (
        "smtp.connections = ''",
        "smtp.connections: must not be empty (in broadsheet.toml)",
    ),
    (
        "smtp.conections = 10",
        "smtp.conections: unknown key; [smtp] has url, password, password_file, connections, rate_per_second, messages_per_connection, return_path, in_doubt (in broadsheet.toml)",
    ),
    (
        "smpt.connections = 10",
        "smpt.connections: unknown key; the sections are newsletter, server, database, feeds, digest, schedule, smtp, dkim, mail, templates, limits, secrets, alerts (in broadsheet.toml)",
    ),
    (
        "smtp = 'smtp://u:s3cret@h'",
        "smtp: expected a section, [smtp], with keys under it (in broadsheet.toml)",
    ),
    (
        "smtp.in_doubt = 'drop'",
        "smtp.in_doubt: expected 'resend' or 'hold', got 'drop' (in broadsheet.toml)",
    ),
    (
        "smtp.url = 'smtp://user@mail.example'",
        "smtp.url: a user name without a password; add it, or set smtp.password_file (in broadsheet.toml)",
    ),
    (
        "smtp = { url = 'smtp://u:s3cret@h', password_file = 'x' }",
        "smtp.password_file: smtp.url also has a password; keep one of them (in broadsheet.toml)",
    ),
    (
        "smtp = { url = 'smtp://h', password_file = 'x' }",
        "smtp.password_file: smtp.url needs a user name for this password, as in smtp://user@host (in broadsheet.toml)",
    ),
    (
        "smtp = { url = 'smtp://u@h', password = 's3cret', password_file = 'x' }",
        "smtp.password_file: smtp.password is also set; keep one of them (in broadsheet.toml)",
    ),
    (
        "newsletter.accent = '#6fd3b5'",
        "newsletter.accent: #6fd3b5 is too light to read (contrast 1.6:1; at least 4.5:1 needed). Nearest usable shade: #407a69 (in broadsheet.toml)",
    ),
    (
        "newsletter.accent = 'green'",
        "newsletter.accent: 'green' is not a colour; expected one like #0b5c4a (in broadsheet.toml)",
    ),
    (
        "schedule.cron = '0 10 * * MON,FRI'",
        "schedule.cron: '0 10 * * 1,5' matches twice in week 2020-W02; expected at most one time a week, like '0 10 * * FRI' (in broadsheet.toml)",
    ),
    (
        "schedule.timezone = 'Mars'",
        "schedule.timezone: unknown time zone 'Mars'; expected one like Europe/Berlin, America/New_York or UTC (in broadsheet.toml)",
    ),
    (
        "schedule.enabled = 'maybe'",
        "schedule.enabled: expected true or false, got 'maybe' (in broadsheet.toml)",
    ),
    (
        "server.public_url = 'example.com'",
        "server.public_url: 'example.com' is not a web address; expected one like https://news.example.com or https://example.com/weekly (in broadsheet.toml)",
    ),
    (
        "server.listen = 'localhost'",
        "server.listen: 'localhost' is not an address and port; expected them like 127.0.0.1:8080 or [::]:8080 (in broadsheet.toml)",
    ),
    (
        "server.trusted_proxies = ['::1', 'nginx']",
        "server.trusted_proxies: 'nginx' is not an address or network; expected one like 127.0.0.1, 10.0.0.0/8 or fd00::/8 (in broadsheet.toml)",
    ),
    (
        "newsletter.name = 42",
        "newsletter.name: expected text in quotes, got 42 (in broadsheet.toml)",
    ),
    (
        "newsletter.name = \"a\\nb\"",
        "newsletter.name: expected one line of text (in broadsheet.toml)",
    ),
    (
        "newsletter.from = 'news'",
        "newsletter.from: not a valid address; expected one like name@example.com (in broadsheet.toml)",
    ),
    (
        "newsletter.language = 'English (US)'",
        "newsletter.language: 'English (US)' is not a language tag; expected one like en or pt-BR (in broadsheet.toml)",
    ),
    (
        "feeds.urls = [1]",
        "feeds.urls: expected text in quotes, got 1 (in broadsheet.toml)",
    ),
    (
        "feeds.urls = 5",
        "feeds.urls: expected a list like [\"a\", \"b\"], got 5 (in broadsheet.toml)",
    ),
    (
        "feeds.urls = ['file:feed.xml']",
        "feeds.urls: 'file:feed.xml' is not a web address; expected one like https://example.com/feed.xml (in broadsheet.toml)",
    ),
    (
        "feeds.allow_private = ['localhost']",
        "feeds.allow_private: 'localhost' is not a host and port; expected one like blog.internal:80 or [::1]:8000 (in broadsheet.toml)",
    ),
    (
        "digest.min_posts = 11",
        "digest.min_posts: 11 is more than digest.max_posts, 10 (in broadsheet.toml)",
    ),
    (
        "digest.order = 'loudest'",
        "digest.order: expected 'newest' or 'hottest', got 'loudest' (in broadsheet.toml)",
    ),
    (
        "dkim.domain = 'example.com'",
        "dkim.domain: dkim.keys is missing; expected [{ selector = \"…\", file = \"…\" }] (in broadsheet.toml)",
    ),
    (
        "dkim.keys = [{ selector = 's', file = 'f' }]",
        "dkim.keys: dkim.domain is missing; set it to the domain of newsletter.from (in broadsheet.toml)",
    ),
    (
        "dkim.keys = [{ selector = 's', path = 'f' }]",
        "dkim.keys: unknown key 'path'; expected { selector = \"broadsheet\", file = \"data/dkim.pem\" } (in broadsheet.toml)",
    ),
    (
        "dkim.keys = [{ selector = 's p', file = 'f' }]",
        "dkim.keys: 's p' is not a valid selector; expected letters, digits and hyphens (in broadsheet.toml)",
    ),
    (
        "alerts.to = ['a@b.com', 'x']",
        "alerts.to: not a valid address; expected one like name@example.com (in broadsheet.toml)",
    ),
    (
        "database.url = 'mysql://u:s3cret@h/x'",
        "database.url: expected sqlite:FILE or postgres://user:password@host/name (in broadsheet.toml)",
    ),
];

#[test]
fn invalid_file_value_returns_key_and_expectation() {
    for (file, error) in INVALID_FILES {
        assert_eq!(errors(file, &[]), [*error], "{file}");
    }
}

#[test]
fn invalid_variable_returns_key_and_variable() {
    for (name, value, error) in [
        (
            "BROADSHEET_SMTP__CONNECTIONS",
            "ten",
            "smtp.connections: expected a number from 1 to 1000, got 'ten' (in BROADSHEET_SMTP__CONNECTIONS)",
        ),
        (
            "BROADSHEET_SMTP__X",
            "1",
            "smtp.x: unknown key; [smtp] has url, password, password_file, connections, rate_per_second, messages_per_connection, return_path, in_doubt (in BROADSHEET_SMTP__X)",
        ),
        (
            "BROADSHEET_FEEDS__URLS",
            "[https://a.example]",
            "feeds.urls: expected a list like [\"a\", \"b\"], with every text in double quotes (in BROADSHEET_FEEDS__URLS)",
        ),
        (
            "BROADSHEET_SERVER_PUBLIC_URL",
            "https://a.example",
            "server.public_url: write it with two underscores, BROADSHEET_SERVER__PUBLIC_URL (in BROADSHEET_SERVER_PUBLIC_URL)",
        ),
    ] {
        assert_eq!(errors("", &[(name, value)]), [error]);
    }
}

#[test]
fn errors_of_all_sections_are_reported_together() {
    let errors = errors(
        "smtp.connections = 0\nserver.listen = 'x'\nfoo.bar = 1",
        &[("BROADSHEET_DIGEST__MAX_POSTS", "0")],
    );
    let keys: Vec<&str> = errors
        .iter()
        .filter_map(|error| error.split(':').next())
        .collect();
    assert_eq!(
        keys,
        [
            "foo.bar",
            "server.listen",
            "digest.max_posts",
            "smtp.connections"
        ]
    );
}

#[test]
fn toml_syntax_error_reports_line_without_secret() {
    let errors = errors("[smtp]\nconnections = 10\nurl = \"smtp://u:s3cret@h\n", &[]);
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].starts_with("line 3: ") && errors[0].ends_with("(in broadsheet.toml)"),
        "{errors:?}"
    );
    assert!(!errors[0].contains("s3cret"));

    let missing = load_from(Some(Path::new("no/such.toml")), &[]).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("no/such.toml: cannot be read: "),
        "{missing}"
    );
}

#[test]
fn errors_between_keys_are_reported_with_errors_of_other_keys() {
    let errors = errors(
        "digest = { min_posts = 11, max_age_days = 0 }\nschedule = { timezone = 'Mars', catch_up_hours = 0 }",
        &[],
    );

    let keys: Vec<&str> = errors
        .iter()
        .filter_map(|error| error.split(':').next())
        .collect();
    assert_eq!(
        keys,
        [
            "digest.max_age_days",
            "digest.min_posts",
            "schedule.catch_up_hours",
            "schedule.timezone"
        ]
    );
}

mod errors;
mod saved;

use std::fs;
use std::path::Path;

use crate::config::settings::KEYS;
use crate::config::{
    ConfigErrors, DEFAULTS, DkimKey, Saved, Settings, Sources, choose_file, environment,
};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::dkim_selector::Selector;
use crate::domain::issue::post::PostOrder;
use crate::domain::missing_setting::MissingSetting;

const FILE_NAME: &str = "broadsheet.toml";

fn vars(vars: &[(&str, &str)]) -> Vec<(String, String)> {
    vars.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn load_from(file: Option<&Path>, variables: &[(&str, &str)]) -> Result<Settings, ConfigErrors> {
    Sources::new(file, vars(variables)).settings(&Saved::new())
}

/// Loads settings from a file with this text and these variables.
fn load(file: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigErrors> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    fs::write(&path, file).unwrap();
    load_from(Some(&path), variables)
}

/// Returns the errors as lines, without the name of the temporary directory.
fn errors(file: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let error = load(file, variables).unwrap_err();
    let shorten = |line: &str| match (line.find("(in /"), line.rfind('/')) {
        (Some(start), Some(end)) if end > start + 3 => {
            format!("{}{}", &line[..start + 4], &line[end + 1..])
        }
        _ => line.to_owned(),
    };
    error.to_string().lines().map(shorten).collect()
}

#[test]
fn defaults_match_documented_contract() {
    let s = load_from(None, &[]).unwrap();
    assert_eq!(s.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(s.server.public_url.as_str(), "http://127.0.0.1:8080");
    for (ip, is_trusted) in [("127.0.0.1", true), ("::1", true), ("10.0.0.1", false)] {
        let proxies = &s.server.trusted_proxies;
        assert_eq!(proxies.contains(ip.parse().unwrap()), is_trusted, "{ip}");
    }
    assert!(
        matches!(&s.database.url, DatabaseUrl::Sqlite(path) if path == Path::new("data/broadsheet.db"))
    );
    assert!(
        s.newsletter.name.is_none()
            && s.newsletter.from.is_none()
            && s.newsletter.postal_address.is_none()
    );
    assert!(s.newsletter.tagline.is_none() && s.newsletter.reply_to.is_none());
    assert_eq!(s.newsletter.language, "en");
    assert!(s.feeds.urls.is_empty() && s.feeds.allow_private.is_empty());
    assert_eq!(
        (s.digest.max_posts, s.digest.min_posts, s.digest.order),
        (10, 1, PostOrder::Hottest)
    );
    assert_eq!(s.digest.max_age.as_secs(), 14 * 86_400);
    assert!(s.alerts.to.is_empty());
    assert_eq!(s.alerts.draft_before.as_secs(), 24 * 3600);
    assert_eq!(s.newsletter.accent, Default::default());
    assert_eq!(
        (s.schedule.plan.cron(), s.schedule.plan.zone().iana_name()),
        ("0 10 * * 5", Some("UTC"))
    );
    assert_eq!(
        (s.schedule.catch_up.as_secs(), s.schedule.enabled),
        (24 * 3600, true)
    );
    assert!(
        s.smtp.url.is_none() && s.smtp.password_file.is_none() && s.smtp.rate_per_second.is_none()
    );
    assert!(s.smtp.return_path.is_none());
    assert_eq!(
        (s.smtp.connections, s.smtp.in_doubt),
        (10, InDoubtPolicy::Resend)
    );
    assert!(s.dkim.is_none() && s.templates.dir.is_none());
    assert_eq!(s.mail.outbox, Path::new("data/outbox"));
    assert_eq!(
        (
            s.limits.signups_per_ip_hour.get(),
            s.limits.signups_per_domain_hour.get(),
            s.limits.signups_per_token_hour.get()
        ),
        (20, 500, 1000)
    );
    assert_eq!(s.limits.minimum_fill.as_millis(), 1000);
    assert_eq!(s.secrets.key_file, Path::new("data/secret.key"));
}

/// Fails for a key that is missing from the sample or that is never read.
#[test]
fn every_key_is_in_sample_and_is_read() {
    let mut section = "";
    let mut shown = Vec::new();
    for line in DEFAULTS.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            section = name;
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        {
            shown.push(format!("{section}.{key}"));
        }
    }
    let all: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    assert_eq!(shown, all);
    for key in all {
        let (section, name) = key.split_once('.').unwrap();
        let errors = errors(&format!("[{section}]\n{name} = {{ x = 1 }}\n"), &[]);
        assert!(
            errors
                .iter()
                .any(|error| error.starts_with(&format!("{key}: expected"))),
            "{key}: {errors:?}"
        );
    }
}

#[test]
fn sample_with_all_keys_uncommented_is_valid() {
    let uncommented: Vec<&str> = DEFAULTS
        .lines()
        // The password and its file exclude each other.
        .filter(|line| !line.starts_with("# password = "))
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| !key.contains(' ')) =>
            {
                rest
            }
            _ => line,
        })
        .collect();
    let text = uncommented
        .join("\n")
        .replace("user:password@smtp", "user@smtp");
    let settings = load(&text, &[]).unwrap();
    assert_eq!(settings.smtp.rate_per_second, Some(14));
    assert_eq!(
        settings.dkim.unwrap().keys[0].selector.as_str(),
        "broadsheet"
    );
    assert_eq!(settings.newsletter.from.unwrap().name(), Some("The Weekly"));
}

#[test]
fn debug_and_errors_hide_secrets() {
    for url in [
        "smtp://u:s3cret@h",
        "smtp://u:s3cret@h?tls=yes",
        "http://u:s3cret@h",
        "postgres://u:s3cret@h/b",
    ] {
        for key in ["smtp.url", "database.url", "server.public_url"] {
            let shown = match load(&format!("{key} = '{url}'"), &[]) {
                Ok(settings) => format!("{settings:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!shown.contains("s3cret"), "{key} {shown}");
        }
    }
}

#[test]
fn environment_overrides_file_and_parses_text() {
    let settings = load(
        "[newsletter]\nname = 'File'\ntagline = 'Kept'\n[smtp]\nurl = 'smtp://mail.example'\nconnections = 3",
        &[
            ("BROADSHEET_NEWSLETTER__NAME", "42"),
            ("BROADSHEET_NEWSLETTER__POSTAL_ADDRESS", "[Draft] Street 1\nTown"),
            ("BROADSHEET_SMTP__CONNECTIONS", "7"),
            ("BROADSHEET_SMTP__URL", ""),
            ("BROADSHEET_SCHEDULE__ENABLED", "false"),
            ("BROADSHEET_FEEDS__URLS", "[\"https://a.example/x,y\", \"https://b.example\"]"),
            ("BROADSHEET_FEEDS__ALLOW_PRIVATE", "[::1]:8000"),
            ("BROADSHEET_SERVER__TRUSTED_PROXIES", "10.0.0.0/8"),
            ("BROADSHEET_DKIM__DOMAIN", "example.com"),
            ("BROADSHEET_DKIM__KEYS", "[{selector=\"a\", file=\"b\"}]"),
            ("BROADSHEET_LOG", "debug"),
            ("BROADSHEET_CONFIG", "x"),
            ("BROADSHEET_TEST_DATABASE__URL", "x"),
            ("BROADSHEET_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("HOME", "/root"),
        ],
    )
    .unwrap();
    assert_eq!(settings.newsletter.name.as_deref(), Some("42"));
    assert_eq!(settings.newsletter.tagline.as_deref(), Some("Kept"));
    assert_eq!(
        settings.newsletter.postal_address.as_deref(),
        Some("[Draft] Street 1\nTown")
    );
    assert_eq!(
        (settings.smtp.connections, settings.smtp.url.is_none()),
        (7, true)
    );
    assert!(!settings.schedule.enabled);
    assert_eq!(settings.feeds.urls.len(), 2);
    assert_eq!(settings.feeds.allow_private[0].to_string(), "[::1]:8000");
    assert!(
        settings
            .server
            .trusted_proxies
            .contains("10.1.1.1".parse().unwrap())
    );
    assert_eq!(
        settings.dkim.unwrap().keys,
        [DkimKey {
            selector: Selector::parse("a").unwrap(),
            file: "b".into()
        }]
    );
}

#[test]
fn choose_file_prefers_requested_file() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(choose_file(None, dir.path()), None);
    let file = dir.path().join(FILE_NAME);
    fs::write(&file, "").unwrap();
    assert_eq!(choose_file(None, dir.path()), Some(file.clone()));
    assert_eq!(choose_file(Some("".into()), dir.path()), Some(file));
    assert_eq!(
        choose_file(Some("other.toml".into()), dir.path()),
        Some("other.toml".into())
    );
}

#[test]
fn environment_keeps_only_prefixed_variables() {
    let all =
        [("BROADSHEET_A", "1"), ("PATH", "2")].map(|(name, value)| (name.into(), value.into()));
    assert_eq!(
        environment(all).collect::<Vec<_>>(),
        vars(&[("BROADSHEET_A", "1")])
    );
}

const READY: &str = "[newsletter]\nname = 'N'\nfrom = 'n@example.com'\npostal_address = 'Town'\n";

#[test]
fn require_sending_settings_lists_missing() {
    let empty = load_from(None, &[]).unwrap();
    assert_eq!(
        empty.require_sending_settings().unwrap_err(),
        [
            MissingSetting::Name,
            MissingSetting::From,
            MissingSetting::PostalAddress
        ]
    );
    let sender = load(READY, &[])
        .unwrap()
        .require_sending_settings()
        .unwrap();
    assert_eq!(
        (sender.name.as_str(), sender.postal_address.as_str()),
        ("N", "Town")
    );
}

#[test]
fn loopback_links_with_remote_smtp_are_rejected() {
    for (smtp, public_url, ready) in [
        ("smtp://mail.example", "http://127.0.0.1:8080", false),
        ("smtp://mail.example", "http://localhost/weekly", false),
        ("smtp://127.0.0.1:1025", "http://127.0.0.1:8080", true),
        ("smtp://localhost:1025", "http://127.0.0.1:8080", true),
        ("smtp://mail.example", "https://news.example.com", true),
        ("", "http://127.0.0.1:8080", true),
    ] {
        let text = format!("{READY}[smtp]\nurl = '{smtp}'\n[server]\npublic_url = '{public_url}'");
        let missing = load(&text, &[])
            .unwrap()
            .require_sending_settings()
            .err()
            .unwrap_or_default();
        assert_eq!(
            missing.is_empty(),
            ready,
            "{smtp} {public_url}: {missing:?}"
        );
        assert!(
            missing
                .iter()
                .all(|missing| matches!(missing, MissingSetting::LoopbackLinks { .. }))
        );
    }
}

//! Settings saved in the admin UI: above the defaults, below the file.

use std::fs;

use crate::config::tests::{FILE_NAME, vars};
use crate::config::{ConfigError, Origin, Saved, Settings, Sources};

fn saved(pairs: &[(&str, &str)]) -> Saved {
    vars(pairs).into_iter().collect()
}

fn with_file(text: &str, variables: &[(&str, &str)]) -> Sources {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    fs::write(&path, text).unwrap();
    Sources::new(Some(&path), vars(variables))
}

fn origin(settings: &Settings, key: &str) -> Origin {
    let mut listing = settings.listing.iter();
    let setting = listing.find(|setting| setting.name() == key);
    setting.unwrap().origin.clone()
}

fn keys_of(errors: &[ConfigError]) -> Vec<&str> {
    errors
        .iter()
        .filter_map(|error| match error {
            ConfigError::Key { key, .. } => Some(key.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn saved_settings_override_defaults_but_not_file() {
    let sources = with_file(
        "[newsletter]\nname = 'File'",
        &[("BROADSHEET_DIGEST__MAX_POSTS", "7")],
    );
    let saved = saved(&[
        ("newsletter.name", "Saved"),
        ("newsletter.tagline", "Saved"),
        ("digest.max_posts", "5"),
        ("smtp.connections", "3"),
        ("alerts.to", "[\"a@example.com\", \"b@example.com\"]"),
    ]);
    let settings = sources.settings(&saved).unwrap();
    assert_eq!(settings.newsletter.name.as_deref(), Some("File"));
    assert_eq!(settings.newsletter.tagline.as_deref(), Some("Saved"));
    assert_eq!(
        (settings.digest.max_posts, settings.smtp.connections),
        (7, 3)
    );
    assert_eq!(settings.alerts.to.len(), 2);
    assert_eq!(origin(&settings, "newsletter.tagline"), Origin::Database);
    assert_eq!(origin(&settings, "newsletter.language"), Origin::BuiltIn);
    assert_eq!(Origin::Database.to_string(), "saved in the admin UI");
}

#[test]
fn change_of_key_set_in_file_is_rejected() {
    let sources = with_file(
        "newsletter.name = 'File'",
        &[("BROADSHEET_SMTP__URL", "smtp://h")],
    );
    let change = |key: &str| {
        let changes = [(key.to_owned(), Some("x".to_owned()))];
        sources.change(&Saved::new(), &changes)
    };
    for key in [
        "newsletter.name",
        "smtp.url",
        "smtp.password",
        "smtp.password_file",
        "server.listen",
        "database.url",
        "secrets.key_file",
        "feeds.allow_private",
        "no.such",
    ] {
        let error = change(key).unwrap_err();
        assert_eq!(keys_of(error.errors()), [key]);
    }
    assert_eq!(
        change("newsletter.tagline").unwrap(),
        saved(&[("newsletter.tagline", "x")])
    );
    let removal = [("newsletter.tagline".to_owned(), None)];
    let changed = sources.change(&saved(&[("newsletter.tagline", "x")]), &removal);
    assert!(changed.unwrap().is_empty());
}

#[test]
fn invalid_saved_setting_is_ignored_at_start() {
    let sources = Sources::new(None, vars(&[("BROADSHEET_DIGEST__MAX_POSTS", "4")]));
    for (pairs, key) in [
        (&[("digest.min_posts", "5")], "digest.min_posts"),
        (&[("schedule.timezone", "Mars")], "schedule.timezone"),
        (&[("smtp.url", "smtp://user@h")], "smtp.url"),
        (&[("smtp.url", "smtp://user:s3cret@h")], "smtp.url"),
        (&[("server.listen", "[::]:80")], "server.listen"),
        (&[("of.a_newer_version", "1")], "of.a_newer_version"),
    ] {
        let saved = saved(pairs);
        let error = sources.settings(&saved).unwrap_err();
        assert!(keys_of(error.errors()).contains(&key), "{error}");
        assert!(!error.to_string().contains("s3cret"));
        // A start ignores and reports it.
        let usable = sources.settings_with(&saved).unwrap();
        assert!(keys_of(&usable.unusable).contains(&key));
        assert_eq!(usable.settings.digest.min_posts, 1);
    }
}

#[test]
fn saved_setting_contradicting_file_drops_section() {
    let sources = with_file("digest.min_posts = 5", &[]);
    let saved = saved(&[("digest.max_posts", "3"), ("newsletter.name", "Kept")]);
    let usable = sources.settings_with(&saved).unwrap();
    assert_eq!(keys_of(&usable.unusable), ["digest.min_posts"]);
    assert_eq!(usable.settings.newsletter.name.as_deref(), Some("Kept"));
    assert_eq!(usable.settings.digest.max_posts, 10);
    let broken = with_file("digest.min_posts = 'x'", &[]);
    assert!(broken.settings_with(&saved).is_err());
}

#[test]
fn saved_smtp_url_uses_password_of_environment() {
    let sources = Sources::new(None, vars(&[("BROADSHEET_SMTP__PASSWORD", "s3:cret")]));
    assert!(
        sources
            .settings(&Saved::new())
            .unwrap()
            .smtp
            .resolve_credentials()
            .unwrap()
            .is_none()
    );
    let settings = sources.settings(&saved(&[("smtp.url", "smtp://ada@mail.example")]));
    let smtp = settings.unwrap().smtp;
    assert!(!format!("{smtp:?}").contains("s3"));
    assert!(smtp.resolve_credentials().unwrap().unwrap().has_password());
}

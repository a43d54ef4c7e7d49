//! The names of all settings.

/// Every section with its keys. A key that is not here is refused wherever it stands.
pub(super) const SECTIONS: &[(&str, &[&str])] = &[
    (
        "newsletter",
        &[
            "name",
            "tagline",
            "from",
            "reply_to",
            "postal_address",
            "language",
        ],
    ),
    ("server", &["listen", "public_url", "trusted_proxies"]),
    ("database", &["url"]),
    ("feeds", &["urls", "allow_private"]),
    (
        "digest",
        &[
            "max_posts",
            "min_posts",
            "max_age_days",
            "order",
            "count_clicks",
        ],
    ),
    (
        "schedule",
        &["cron", "timezone", "catch_up_hours", "enabled"],
    ),
    (
        "smtp",
        &[
            "url",
            "password_file",
            "connections",
            "rate_per_second",
            "return_path",
            "in_doubt",
        ],
    ),
    ("dkim", &["domain", "keys"]),
    ("mail", &["outbox"]),
    ("templates", &["dir"]),
    (
        "limits",
        &[
            "signups_per_ip_hour",
            "signups_per_domain_hour",
            "minimum_fill_ms",
        ],
    ),
    ("secrets", &["key_file"]),
    ("alerts", &["to"]),
];

pub(super) fn of_section(section: &str) -> Option<&'static [&'static str]> {
    SECTIONS
        .iter()
        .find(|(name, _)| *name == section)
        .map(|(_, keys)| *keys)
}

/// All keys as `section.key`.
pub(super) fn all() -> impl Iterator<Item = String> {
    SECTIONS
        .iter()
        .flat_map(|(section, keys)| keys.iter().map(move |key| format!("{section}.{key}")))
}

pub(super) const PREFIX: &str = "BROADSHEET_";

/// The environment variable of `section.key`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

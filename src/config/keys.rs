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
            "accent",
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
            "password",
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
            "signups_per_token_hour",
            "minimum_fill_ms",
        ],
    ),
    ("secrets", &["key_file"]),
    ("alerts", &["to", "draft_hours_before"]),
];

/// What may be saved at the desk. Not here: what a running process cannot change (where
/// it listens, its database, its key), what names files of this machine, what opens the
/// private network, and every secret.
const DESK: &[&str] = &[
    "newsletter.name",
    "newsletter.tagline",
    "newsletter.from",
    "newsletter.reply_to",
    "newsletter.postal_address",
    "newsletter.language",
    "newsletter.accent",
    "server.public_url",
    "digest.max_posts",
    "digest.min_posts",
    "digest.max_age_days",
    "digest.order",
    "digest.count_clicks",
    "schedule.cron",
    "schedule.timezone",
    "schedule.catch_up_hours",
    "schedule.enabled",
    "smtp.url",
    "smtp.connections",
    "smtp.rate_per_second",
    "smtp.return_path",
    "smtp.in_doubt",
    "limits.signups_per_ip_hour",
    "limits.signups_per_domain_hour",
    "limits.signups_per_token_hour",
    "limits.minimum_fill_ms",
    "alerts.to",
    "alerts.draft_hours_before",
];

pub(super) fn is_admin_editable(key: &str) -> bool {
    DESK.contains(&key)
}

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

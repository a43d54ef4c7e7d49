//! The tabs of the settings, and the settings in each.

/// Key of the public URL.
pub const PUBLIC_URL: &str = "server.public_url";
/// Key of the schedule's cron expression.
pub const CRON: &str = "schedule.cron";
/// Key of the SMTP server's URL.
pub const SMTP_URL: &str = "smtp.url";

/// A page of settings. Each is saved separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// Name, sender and addresses.
    Newsletter,
    /// When issues are sent, and their content.
    Schedule,
    /// SMTP server and speed.
    Sending,
    /// Accent colour. Its path is `look`.
    Appearance,
    /// Alert emails.
    Alerts,
    /// Click counting and rate limits.
    Limits,
    /// All settings, read-only.
    All,
}

/// How a setting is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Text or a number.
    Text,
    /// Several values, separated by commas, semicolons or lines.
    List,
    /// A checkbox.
    Flag,
}

const NEWSLETTER: &[(&str, FieldKind)] = &[
    ("newsletter.name", FieldKind::Text),
    ("newsletter.tagline", FieldKind::Text),
    ("newsletter.from", FieldKind::Text),
    ("newsletter.reply_to", FieldKind::Text),
    ("newsletter.postal_address", FieldKind::Text),
    ("newsletter.language", FieldKind::Text),
    ("server.public_url", FieldKind::Text),
];
const SCHEDULE: &[(&str, FieldKind)] = &[
    ("schedule.enabled", FieldKind::Flag),
    ("schedule.cron", FieldKind::Text),
    ("schedule.timezone", FieldKind::Text),
    ("schedule.catch_up_hours", FieldKind::Text),
    ("digest.order", FieldKind::Text),
    ("digest.max_posts", FieldKind::Text),
    ("digest.min_posts", FieldKind::Text),
    ("digest.max_age_days", FieldKind::Text),
];
const SENDING: &[(&str, FieldKind)] = &[
    ("smtp.url", FieldKind::Text),
    ("smtp.connections", FieldKind::Text),
    ("smtp.rate_per_second", FieldKind::Text),
    ("smtp.return_path", FieldKind::Text),
    ("smtp.in_doubt", FieldKind::Text),
];
const APPEARANCE: &[(&str, FieldKind)] = &[("newsletter.accent", FieldKind::Text)];
const ALERTS: &[(&str, FieldKind)] = &[
    ("alerts.to", FieldKind::List),
    ("alerts.draft_hours_before", FieldKind::Text),
];
const LIMITS: &[(&str, FieldKind)] = &[
    ("digest.count_clicks", FieldKind::Flag),
    ("limits.signups_per_ip_hour", FieldKind::Text),
    ("limits.signups_per_domain_hour", FieldKind::Text),
    ("limits.signups_per_token_hour", FieldKind::Text),
    ("limits.minimum_fill_ms", FieldKind::Text),
];

impl Tab {
    const ALL: [Self; 7] = [
        Self::Newsletter,
        Self::Schedule,
        Self::Sending,
        Self::Appearance,
        Self::Alerts,
        Self::Limits,
        Self::All,
    ];

    /// Returns the tab's name in the path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newsletter => "newsletter",
            Self::Schedule => "schedule",
            Self::Sending => "sending",
            Self::Appearance => "look",
            Self::Alerts => "alerts",
            Self::Limits => "limits",
            Self::All => "all",
        }
    }

    /// Parses the tab's name in the path.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tab| tab.as_str() == word)
    }

    /// Returns the keys of the settings in this tab.
    pub const fn settings(self) -> &'static [(&'static str, FieldKind)] {
        match self {
            Self::Newsletter => NEWSLETTER,
            Self::Schedule => SCHEDULE,
            Self::Sending => SENDING,
            Self::Appearance => APPEARANCE,
            Self::Alerts => ALERTS,
            Self::Limits => LIMITS,
            Self::All => &[],
        }
    }
}

impl FieldKind {
    /// Normalizes a typed value, as the page shows it.
    pub fn normalize(self, typed: &str) -> String {
        match self {
            Self::Text => typed.trim().replace("\r\n", "\n"),
            Self::List => split_items(typed).collect::<Vec<_>>().join(", "),
            Self::Flag => (typed == "true").to_string(),
        }
    }

    /// Converts a normalized value to the text that the settings service accepts.
    pub fn to_setting(self, shown: &str) -> String {
        match self {
            Self::List => {
                // A JSON string is also a TOML string.
                let quoted = split_items(shown).map(|item| serde_json::json!(item).to_string());
                format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
            }
            Self::Text | Self::Flag => shown.to_owned(),
        }
    }
}

fn split_items(typed: &str) -> impl Iterator<Item = &str> {
    typed
        .split([',', '\n', ';'])
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// Returns the name of the form field of a setting: `newsletter-name` for
/// `newsletter.name`.
pub fn field_id(key: &str) -> String {
    key.replace('.', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_round_trip_through_their_name() {
        for tab in Tab::ALL {
            assert_eq!(Tab::parse(tab.as_str()), Some(tab));
        }
        assert_eq!(Tab::parse("secrets"), None);
    }

    #[test]
    fn list_field_accepts_commas_and_lines() {
        let shown = FieldKind::List.normalize(" a@example.com,\r\nb@example.com; ");
        assert_eq!(shown, "a@example.com, b@example.com");
        assert_eq!(
            FieldKind::List.to_setting(&shown),
            "[\"a@example.com\", \"b@example.com\"]"
        );
        assert_eq!(FieldKind::List.to_setting("\"], x"), "[\"\\\"]\", \"x\"]");
        assert_eq!(FieldKind::Flag.normalize(""), "false");
    }
}

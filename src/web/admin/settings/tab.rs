//! Which settings stand on which page, and how they are typed.

pub const PUBLIC_URL: &str = "server.public_url";
pub const CRON: &str = "schedule.cron";
pub const SMTP_URL: &str = "smtp.url";

/// A page of settings; each saves alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Newsletter,
    Schedule,
    Sending,
    Look,
    Alerts,
    Limits,
    /// All of them, to read.
    All,
}

/// How a setting is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Several, apart by commas or lines.
    List,
    /// A box to tick.
    Flag,
}

const NEWSLETTER: &[(&str, Kind)] = &[
    ("newsletter.name", Kind::Text),
    ("newsletter.tagline", Kind::Text),
    ("newsletter.from", Kind::Text),
    ("newsletter.reply_to", Kind::Text),
    ("newsletter.postal_address", Kind::Text),
    ("newsletter.language", Kind::Text),
    ("server.public_url", Kind::Text),
];
const SCHEDULE: &[(&str, Kind)] = &[
    ("schedule.enabled", Kind::Flag),
    ("schedule.cron", Kind::Text),
    ("schedule.timezone", Kind::Text),
    ("schedule.catch_up_hours", Kind::Text),
    ("digest.order", Kind::Text),
    ("digest.max_posts", Kind::Text),
    ("digest.min_posts", Kind::Text),
    ("digest.max_age_days", Kind::Text),
];
const SENDING: &[(&str, Kind)] = &[
    ("smtp.url", Kind::Text),
    ("smtp.connections", Kind::Text),
    ("smtp.rate_per_second", Kind::Text),
    ("smtp.return_path", Kind::Text),
    ("smtp.in_doubt", Kind::Text),
];
const LOOK: &[(&str, Kind)] = &[("newsletter.accent", Kind::Text)];
const ALERTS: &[(&str, Kind)] = &[
    ("alerts.to", Kind::List),
    ("alerts.draft_hours_before", Kind::Text),
];
const LIMITS: &[(&str, Kind)] = &[
    ("digest.count_clicks", Kind::Flag),
    ("limits.signups_per_ip_hour", Kind::Text),
    ("limits.signups_per_domain_hour", Kind::Text),
    ("limits.signups_per_token_hour", Kind::Text),
    ("limits.minimum_fill_ms", Kind::Text),
];

impl Tab {
    const ALL: [Self; 7] = [
        Self::Newsletter,
        Self::Schedule,
        Self::Sending,
        Self::Look,
        Self::Alerts,
        Self::Limits,
        Self::All,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newsletter => "newsletter",
            Self::Schedule => "schedule",
            Self::Sending => "sending",
            Self::Look => "look",
            Self::Alerts => "alerts",
            Self::Limits => "limits",
            Self::All => "all",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tab| tab.as_str() == word)
    }

    pub const fn settings(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::Newsletter => NEWSLETTER,
            Self::Schedule => SCHEDULE,
            Self::Sending => SENDING,
            Self::Look => LOOK,
            Self::Alerts => ALERTS,
            Self::Limits => LIMITS,
            Self::All => &[],
        }
    }
}

impl Kind {
    /// What was typed, as the page shows it again.
    pub fn shown(self, typed: &str) -> String {
        match self {
            Self::Text => typed.trim().replace("\r\n", "\n"),
            Self::List => items(typed).collect::<Vec<_>>().join(", "),
            Self::Flag => (typed == "true").to_string(),
        }
    }

    /// The same as the settings take it.
    pub fn text(self, shown: &str) -> String {
        match self {
            Self::List => {
                // JSON's strings are TOML's.
                let quoted = items(shown).map(|item| serde_json::json!(item).to_string());
                format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
            }
            Self::Text | Self::Flag => shown.to_owned(),
        }
    }
}

fn items(typed: &str) -> impl Iterator<Item = &str> {
    typed
        .split([',', '\n', ';'])
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// `newsletter-name` for `newsletter.name`.
pub fn id(key: &str) -> String {
    key.replace('.', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_read_back() {
        for tab in Tab::ALL {
            assert_eq!(Tab::parse(tab.as_str()), Some(tab));
        }
        assert_eq!(Tab::parse("secrets"), None);
    }

    #[test]
    fn a_list_is_typed_as_it_comes() {
        let shown = Kind::List.shown(" a@example.com,\r\nb@example.com; ");
        assert_eq!(shown, "a@example.com, b@example.com");
        assert_eq!(
            Kind::List.text(&shown),
            "[\"a@example.com\", \"b@example.com\"]"
        );
        assert_eq!(Kind::List.text("\"], x"), "[\"\\\"]\", \"x\"]");
        assert_eq!(Kind::Flag.shown(""), "false");
    }
}

//! The settings as people are shown them.

use figment::value::Value;
use url::Url;

use crate::config::error::Origin;
use crate::config::keys;
use crate::config::layers::ConfigLayers;
use crate::config::reader::shown;

/// One setting that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingInfo {
    pub section: &'static str,
    /// Without its section.
    pub key: &'static str,
    /// As text, without passwords; none when unset.
    pub value: Option<String>,
    pub origin: Origin,
    /// Whether the desk may save it: neither file nor environment have it.
    pub is_for_the_desk: bool,
}

impl SettingInfo {
    /// With its section.
    pub fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }
}

/// Settings that may hold a password.
const SECRET: &[&str] = &["database.url", "smtp.url", "smtp.password"];
const HIDDEN: &str = "***";

pub(super) fn of(layers: &ConfigLayers) -> Vec<SettingInfo> {
    let all = keys::SECTIONS
        .iter()
        .flat_map(|(section, keys)| keys.iter().map(move |key| (*section, *key)));
    all.map(|(section, key)| {
        let name = format!("{section}.{key}");
        let value = layers.get(&name).map(|value| text(&value));
        let value = value.filter(|text| !text.trim().is_empty());
        let origin = layers.origin(&name);
        SettingInfo {
            section,
            key,
            value: value.map(|text| {
                if SECRET.contains(&name.as_str()) {
                    without_password(&text)
                } else {
                    text
                }
            }),
            is_for_the_desk: keys::is_admin_editable(&name)
                && matches!(origin, Origin::BuiltIn | Origin::Database),
            origin,
        }
    })
    .collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        Value::Array(_, values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Dict(_, pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| format!("{key} = {}", text(value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        other => shown(other),
    }
}

/// What has a password, or cannot be read well enough to say, shows nothing of it.
fn without_password(text: &str) -> String {
    if text.starts_with("sqlite:") {
        return text.to_owned();
    }
    let Some(mut url) = Url::parse(text).ok().filter(Url::has_host) else {
        return HIDDEN.to_owned();
    };
    let hidden = url.password().is_none() || url.set_password(Some(HIDDEN)).is_ok();
    // PostgreSQL takes a password among the options, too.
    if url.query().is_some_and(|query| query.contains("pass")) {
        url.set_query(None);
    }
    if hidden {
        url.to_string()
    } else {
        HIDDEN.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_listed_with_where_it_was_set() {
        let variables = [
            (
                "BROADSHEET_FEEDS__URLS",
                "[\"https://a.example/\", \"https://b.example/\"]",
            ),
            (
                "BROADSHEET_SMTP__URL",
                "smtp://ada:hunter2@mail.example:587?tls=required",
            ),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let listed = of(&ConfigLayers::built_in().environment(variables));
        assert_eq!(listed.len(), keys::all().count());
        let find = |section, key| {
            listed
                .iter()
                .find(|it| (it.section, it.key) == (section, key))
                .unwrap()
        };
        let listen = find("server", "listen");
        assert_eq!(listen.value.as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(listen.origin, Origin::BuiltIn);
        assert_eq!(find("digest", "max_posts").value.as_deref(), Some("10"));
        assert_eq!(find("schedule", "enabled").value.as_deref(), Some("true"));
        assert_eq!(find("feeds", "allow_private").value, None);
        assert_eq!(find("newsletter", "name").value, None);
        assert_eq!(
            find("smtp", "url").value.as_deref(),
            Some("smtp://ada:***@mail.example:587?tls=required")
        );
        assert_eq!(
            find("smtp", "url").origin,
            Origin::Variable("BROADSHEET_SMTP__URL".to_owned())
        );
        assert!(!format!("{listed:?}").contains("hunter2"));
    }

    #[test]
    fn no_password_is_shown() {
        for (text, told) in [
            ("sqlite:data/broadsheet.db", "sqlite:data/broadsheet.db"),
            (
                "postgres://u:pw@db.example/name",
                "postgres://u:***@db.example/name",
            ),
            (
                "postgres://u@db.example/name?password=pw",
                "postgres://u@db.example/name",
            ),
            (
                "postgres://u@db.example/name?sslmode=require",
                "postgres://u@db.example/name?sslmode=require",
            ),
            ("smtps://mail.example", "smtps://mail.example"),
            ("u:pw@mail.example", "***"),
        ] {
            assert_eq!(without_password(text), told);
        }
    }
}

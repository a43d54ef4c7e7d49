//! The settings as text, for people.

use toml::Value;
use url::Url;

use crate::config::error::Origin;
use crate::config::keys::Key;
use crate::config::layers::ConfigLayers;
use crate::config::values::describe;

/// A setting with its effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingInfo {
    /// Name of the section.
    pub section: &'static str,
    /// Name without the section.
    pub key: &'static str,
    /// The value as text, without passwords; `None` if unset.
    pub value: Option<String>,
    /// Where the value was set.
    pub origin: Origin,
    /// Whether the admin UI may change it: false if the file or environment sets it.
    pub is_admin_editable: bool,
}

impl SettingInfo {
    /// Returns the full name, `section.key`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }
}

const HIDDEN: &str = "***";

/// Returns all settings in the order of `default.toml`, valid or not.
pub(super) fn list(layers: &ConfigLayers) -> Vec<SettingInfo> {
    let info = |key: &Key| {
        let (section, name) = key.parts();
        let value = layers.get(key.name).map(to_text);
        let value = value.filter(|text| !text.trim().is_empty());
        let origin = layers.origin(key.name);
        SettingInfo {
            section,
            key: name,
            value: value.map(|text| match key.is_secret {
                true => without_password(&text),
                false => text,
            }),
            is_admin_editable: key.is_admin_editable
                && matches!(origin, Origin::BuiltIn | Origin::Database),
            origin,
        }
    };
    layers.keys().iter().map(info).collect()
}

fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(to_text).collect::<Vec<_>>().join(", "),
        Value::Table(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| format!("{key} = {}", to_text(value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        other => describe(other),
    }
}

/// Masks the password in a URL, and all of a text that is not a URL with a host.
fn without_password(text: &str) -> String {
    if text.starts_with("sqlite:") {
        return text.to_owned();
    }
    let Some(mut url) = Url::parse(text).ok().filter(Url::has_host) else {
        return HIDDEN.to_owned();
    };
    let is_masked = url.password().is_none() || url.set_password(Some(HIDDEN)).is_ok();
    // A PostgreSQL URL may contain the password as a query parameter.
    if url.query().is_some_and(|query| query.contains("pass")) {
        url.set_query(None);
    }
    if is_masked {
        url.to_string()
    } else {
        HIDDEN.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::KEYS;

    #[test]
    fn list_contains_every_setting_with_its_origin() {
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
        let mut layers = ConfigLayers::built_in(KEYS);
        layers.add_environment(&variables);

        let listed = list(&layers);

        assert_eq!(listed.len(), KEYS.iter().count());
        let find = |section, key| {
            listed
                .iter()
                .find(|setting| (setting.section, setting.key) == (section, key))
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
    fn without_password_masks_passwords() {
        for (text, expected) in [
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
            assert_eq!(without_password(text), expected);
        }
    }
}

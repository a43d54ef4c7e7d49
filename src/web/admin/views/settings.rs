//! What is set, and by what.

use serde::Serialize;

use super::Desk;

#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// Without its section: `listen`.
    pub key: String,
    /// As text, secrets redacted; none when unset.
    pub value: Option<String>,
    /// `default`, `file` or `environment`.
    pub origin: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct SettingSection {
    /// `server`
    pub name: String,
    pub settings: Vec<Setting>,
}

/// `GET /admin/settings`, to read only.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    pub desk: Desk,
    pub sections: Vec<SettingSection>,
}

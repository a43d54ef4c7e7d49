//! From the settings to the page that shows them.

use crate::config::{Origin, Settings};
use crate::web::admin::views::{Setting, SettingSection};

/// The settings as the desk shows them.
pub(super) fn sections(settings: &Settings) -> Vec<SettingSection> {
    let mut sections: Vec<SettingSection> = Vec::new();
    for listed in &settings.listing {
        let setting = Setting {
            key: listed.key.to_owned(),
            value: listed.value.clone(),
            origin: match &listed.origin {
                Origin::BuiltIn => "default",
                Origin::File(_) => "file",
                Origin::Variable(_) => "environment",
            }
            .to_owned(),
        };
        match sections.last_mut() {
            Some(section) if section.name == listed.section => section.settings.push(setting),
            _ => sections.push(SettingSection {
                name: listed.section.to_owned(),
                settings: vec![setting],
            }),
        }
    }
    sections
}

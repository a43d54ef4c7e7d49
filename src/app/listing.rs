//! From the settings to the page that shows them.

use crate::config::{Origin, SettingInfo, Settings};
use crate::web::admin::settings::service::{Setting, SettingSection};

/// The settings as the desk shows them.
pub(super) fn sections(settings: &Settings) -> Vec<SettingSection> {
    let mut sections: Vec<SettingSection> = Vec::new();
    for listed in &settings.listing {
        match sections.last_mut() {
            Some(section) if section.name == listed.section => {
                section.settings.push(setting(listed));
            }
            _ => sections.push(SettingSection {
                name: listed.section.to_owned(),
                settings: vec![setting(listed)],
            }),
        }
    }
    sections
}

fn setting(listed: &SettingInfo) -> Setting {
    let (origin, place) = match &listed.origin {
        Origin::BuiltIn => ("default", None),
        Origin::Database => ("desk", None),
        Origin::File(path) => ("file", Some(path.display().to_string())),
        Origin::Variable(name) => ("environment", Some(name.clone())),
    };
    Setting {
        key: listed.key.to_owned(),
        value: listed.value.clone(),
        origin: origin.to_owned(),
        set_in: place,
        is_editable: listed.is_for_the_desk,
    }
}

//! The names of the settings and what is known about each.

/// Prefix of all environment variables that set a setting.
pub(super) const PREFIX: &str = "BROADSHEET_";

/// One setting of a section's table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Full name, `section.key`.
    pub name: &'static str,
    /// Whether the admin UI may save it.
    pub is_admin_editable: bool,
    /// Whether the value may contain a password.
    pub is_secret: bool,
}

impl Key {
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            is_admin_editable: false,
            is_secret: false,
        }
    }

    /// Allows the admin UI to save the setting.
    ///
    /// Not for settings that a running process cannot change (listen address, database,
    /// secret key), that name files of this machine, that allow requests to private
    /// networks, or that are secrets.
    pub const fn editable(mut self) -> Self {
        self.is_admin_editable = true;
        self
    }

    /// Marks a value that may contain a password, so that it is masked when shown.
    pub const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// Splits the name into section and key.
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or((self.name, ""))
    }
}

/// All settings, grouped by section.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyTable(pub &'static [&'static [Key]]);

impl KeyTable {
    pub fn iter(self) -> impl Iterator<Item = &'static Key> {
        self.0.iter().copied().flatten()
    }

    pub fn find(self, name: &str) -> Option<&'static Key> {
        self.iter().find(|key| key.name == name)
    }

    /// Describes why `section.key` is unknown and what exists instead.
    pub fn describe_unknown(self, section: &str) -> String {
        let of_section = self.iter().map(Key::parts);
        let known: Vec<&str> = of_section
            .filter_map(|(name, key)| (name == section).then_some(key))
            .collect();
        if known.is_empty() {
            let sections = self.0.iter().filter_map(|keys| keys.first());
            let sections: Vec<&str> = sections.map(|key| key.parts().0).collect();
            format!("unknown key; the sections are {}", sections.join(", "))
        } else {
            format!("unknown key; [{section}] has {}", known.join(", "))
        }
    }
}

/// Returns the environment variable of `section.key`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

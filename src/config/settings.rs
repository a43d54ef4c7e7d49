//! All settings.

use crate::config::keys::KeyTable;
use crate::config::reader::{ConfigReader, ReadResult};
use crate::config::section::Section;
use crate::config::sections::{
    Alerts, Database, Digest, Dkim, Feeds, Limits, Mail, Newsletter, Schedule, Secrets, Server,
    Templates,
};
use crate::config::setting_info::{self, SettingInfo};
use crate::config::smtp::Smtp;

macro_rules! settings {
    ($(#[$meta:meta])* pub struct $settings:ident {
        $($(#[$section_meta:meta])* $section:ident: $type:ty,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $settings {
            $($(#[$section_meta])* pub $section: $type,)+
            /// All settings as text, without secrets, with their origins.
            pub listing: Vec<SettingInfo>,
        }

        /// All settings, in the order of `default.toml`.
        pub(super) const KEYS: KeyTable = KeyTable(&[$(<$type>::KEYS),+]);

        impl $settings {
            /// Reads every section before it returns, so that all errors are reported.
            pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
                $(let $section = <$type>::read(reader);)+
                Ok(Self {
                    $($section: $section?,)+
                    listing: setting_info::list(&reader.layers),
                })
            }
        }
    };
}

settings! {
    /// All settings. Relative paths are relative to the working directory.
    pub struct Settings {
        /// Section `newsletter`.
        newsletter: Newsletter,
        /// Section `server`.
        server: Server,
        /// Section `database`.
        database: Database,
        /// Section `feeds`.
        feeds: Feeds,
        /// Section `digest`.
        digest: Digest,
        /// Section `schedule`.
        schedule: Schedule,
        /// Section `smtp`.
        smtp: Smtp,
        /// Section `dkim`; `None` if mail is not signed.
        dkim: Option<Dkim>,
        /// Section `mail`.
        mail: Mail,
        /// Section `templates`.
        templates: Templates,
        /// Section `limits`.
        limits: Limits,
        /// Section `secrets`.
        secrets: Secrets,
        /// Section `alerts`.
        alerts: Alerts,
    }
}

//! Declares a section of the settings: one row per key.

use crate::config::keys::Key;
use crate::config::reader::{ConfigReader, ReadResult};

/// A section of the settings.
pub(super) trait Section: Sized {
    /// The settings of this section, in the order of `default.toml`.
    const KEYS: &'static [Key];

    /// Reads all settings of the section and records every error.
    fn read(reader: &mut ConfigReader) -> ReadResult<Self>;
}

/// Declares the struct of a section together with its keys and its reader.
///
/// Each row is `field: Type = presence("section.key", parser).properties();`, where
/// `presence` is a method of [`ConfigReader`] (`optional`, `required`, `or_default`),
/// `parser` is a function of [`values`](crate::config::values), and `properties` are
/// methods of [`Key`]. The default value and the help text are in `default.toml`. A final
/// `check function(field, …)` validates fields against each other, if each of them is valid.
macro_rules! section {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $section:ident {
            $(
                $(#[$field_meta:meta])*
                $field:ident: $type:ty =
                    $presence:ident($name:literal, $parse:expr) $(.$property:ident())*;
            )+
        }
        $(check $check:ident($($checked:ident),+))?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $visibility struct $section {
            $($(#[$field_meta])* pub $field: $type,)+
        }

        impl $crate::config::section::Section for $section {
            const KEYS: &'static [$crate::config::keys::Key] =
                &[$($crate::config::keys::Key::new($name)$(.$property())*),+];

            fn read(
                reader: &mut $crate::config::reader::ConfigReader,
            ) -> $crate::config::reader::ReadResult<Self> {
                $(let $field = reader.$presence($name, $parse);)+
                let checked: $crate::config::reader::ReadResult<()> =
                    Ok(())$(.and_then(|()| match ($(&$checked),+) {
                        ($(Ok($checked)),+) => $check(reader, $($checked),+).map(drop),
                        _ => Ok(()),
                    }))?;
                checked?;
                Ok(Self { $($field: $field?),+ })
            }
        }
    };
}

pub(super) use section;

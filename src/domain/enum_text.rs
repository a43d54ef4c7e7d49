//! Parsing of enums that are stored and sent as words, like `queued`.
//!
//! strum derives the words from the variants; [`word_enum`] adds the functions and the error
//! message.

use std::str::FromStr;

use strum::{ParseError, VariantNames};

/// Error for text that is not one of an enum's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a valid {what}; expected {expected}")]
pub struct ParseEnumError {
    text: String,
    what: &'static str,
    expected: String,
}

/// Parses `text` as one of the words of `T`. `what` names the enum in the error message.
///
/// # Errors
/// Returns [`ParseEnumError`], which lists the valid words, if `text` is not one of them.
pub fn parse_enum<T>(what: &'static str, text: &str) -> Result<T, ParseEnumError>
where
    T: FromStr<Err = ParseError> + VariantNames,
{
    text.parse().map_err(|_| ParseEnumError {
        text: text.to_owned(),
        what,
        expected: join_with_or(T::VARIANTS),
    })
}

/// Declares an enum whose variants are stored and sent as words in snake case.
///
/// Adds the derives and `ALL`, `as_str` and `parse`. The string after the name names the enum in
/// the error message of `parse`.
macro_rules! word_enum {
    ($(#[$meta:meta])* pub enum $name:ident: $what:literal { $($variants:tt)* }) => {
        $(#[$meta])*
        #[derive(
            Clone,
            Copy,
            Debug,
            PartialEq,
            Eq,
            Hash,
            strum::Display,
            strum::EnumString,
            strum::IntoStaticStr,
            strum::VariantArray,
            strum::VariantNames,
        )]
        #[strum(serialize_all = "snake_case")]
        pub enum $name {
            $($variants)*
        }

        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

            /// Returns the word of the variant.
            pub fn as_str(self) -> &'static str {
                self.into()
            }

            /// Parses the word of a variant.
            ///
            /// # Errors
            /// Returns [`ParseEnumError`](crate::domain::enum_text::ParseEnumError), which lists
            /// the valid words, if `text` is not one of them.
            pub fn parse(text: &str) -> Result<Self, crate::domain::enum_text::ParseEnumError> {
                crate::domain::enum_text::parse_enum($what, text)
            }
        }
    };
}
pub(crate) use word_enum;

fn join_with_or(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        words => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, strum::EnumString, strum::VariantNames)]
    #[strum(serialize_all = "snake_case")]
    enum Fruit {
        Apple,
        BloodOrange,
        Pear,
    }

    #[test]
    fn parse_enum_error_lists_the_words() {
        let parse = |text| parse_enum::<Fruit>("fruit", text);

        assert_eq!(parse("blood_orange"), Ok(Fruit::BloodOrange));
        assert_eq!(
            parse("Apple").unwrap_err().to_string(),
            "'Apple' is not a valid fruit; expected apple, blood_orange or pear"
        );
    }

    #[test]
    fn join_with_or_handles_short_lists() {
        assert_eq!(join_with_or(&[]), "");
        assert_eq!(join_with_or(&["a"]), "a");
        assert_eq!(join_with_or(&["a", "b"]), "a or b");
    }
}

//! Parsing of enums that are stored and sent as words, like `queued`.
//!
//! strum derives the words from the variants; this module adds the error message.

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

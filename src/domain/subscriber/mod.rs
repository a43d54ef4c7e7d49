//! Subscribers: state and name.

pub mod growth;

use std::fmt;

use crate::domain::enum_text::word_enum;
pub use crate::domain::ids::SubscriberId;

word_enum! {
    /// State of a subscription. Only `Confirmed` subscribers receive issues.
    pub enum SubscriberState: "subscriber state" {
        /// Signed up, not yet confirmed.
        Pending,
        /// Confirmed: receives issues.
        Confirmed,
        /// Unsubscribed.
        Unsubscribed,
        /// The address bounced or complained: nothing is sent to it.
        Suppressed,
    }
}

/// Name of a subscriber: one line of plain text, escaped wherever it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriberName(String);

/// Error of [`SubscriberName::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscriberNameError {
    /// The name exceeds [`SubscriberName::MAX_CHARS`].
    #[error("the name is too long; expected at most 100 characters")]
    TooLong,
    /// The name contains control characters.
    #[error("the name contains control characters; expected plain text on one line")]
    Control,
}

impl SubscriberName {
    /// Maximum length in characters; fits the first line of a message.
    pub const MAX_CHARS: usize = 100;

    /// Parses a name; `None` if it is empty.
    ///
    /// # Errors
    /// Returns [`SubscriberNameError::Control`] for control characters, because a line break
    /// would end a header field, and [`SubscriberNameError::TooLong`] for more than 100
    /// characters.
    pub fn parse(text: &str) -> Result<Option<Self>, SubscriberNameError> {
        let text = text.trim_matches([' ', '\t']);
        if text.chars().any(char::is_control) {
            return Err(SubscriberNameError::Control);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(SubscriberNameError::TooLong);
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SubscriberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SubscriberName(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_one_short_line() {
        assert_eq!(SubscriberName::parse("  "), Ok(None));
        assert_eq!(
            SubscriberName::parse(" Ada ").unwrap().unwrap().as_str(),
            "Ada"
        );
        assert_eq!(
            SubscriberName::parse("a\r\nBcc: x"),
            Err(SubscriberNameError::Control)
        );
        assert_eq!(
            SubscriberName::parse(&"x".repeat(101)),
            Err(SubscriberNameError::TooLong)
        );
    }

    #[test]
    fn stored_states_parse_back() {
        for state in SubscriberState::ALL {
            assert_eq!(SubscriberState::parse(state.as_str()), Ok(*state));
        }
        assert!(SubscriberState::parse("gone").is_err());
    }
}

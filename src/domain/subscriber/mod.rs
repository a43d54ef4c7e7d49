//! Who reads: states and the name a reader may leave.

pub mod growth;

use std::fmt;

pub use crate::domain::ids::SubscriberId;

/// Where a subscriber stands. Only `Confirmed` ones get issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriberState {
    Pending,
    Confirmed,
    Unsubscribed,
    Suppressed,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no subscriber state; expected pending, confirmed, unsubscribed or suppressed")]
pub struct SubscriberStateError(String);

impl SubscriberState {
    pub const ALL: [Self; 4] = [
        Self::Pending,
        Self::Confirmed,
        Self::Unsubscribed,
        Self::Suppressed,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Unsubscribed => "unsubscribed",
            Self::Suppressed => "suppressed",
        }
    }

    pub fn parse(text: &str) -> Result<Self, SubscriberStateError> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| SubscriberStateError(text.to_owned()))
    }
}

impl fmt::Display for SubscriberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a reader wants to be called: one line, at most 100 characters, never markup
/// to us. It is escaped wherever it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriberName(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscriberNameError {
    #[error("the name is longer than 100 characters")]
    TooLong,
    #[error("control characters do not belong in a name")]
    Control,
}

impl SubscriberName {
    pub const MAX_CHARS: usize = 100;

    /// `None` for a name that was left empty.
    ///
    /// # Errors
    /// When it is too long or has control characters (a line break would be a header).
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
    fn a_name_is_one_short_line() {
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
    fn states_read_back() {
        for state in SubscriberState::ALL {
            assert_eq!(SubscriberState::parse(state.as_str()), Ok(state));
        }
        assert!(SubscriberState::parse("gone").is_err());
    }
}

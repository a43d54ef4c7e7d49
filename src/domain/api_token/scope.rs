//! Scopes: what an API token permits.

use std::collections::BTreeSet;
use std::fmt;

use crate::domain::enum_text::{ParseEnumError, parse_enum};

/// What a token permits. Scopes are independent: none includes another.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
    strum::VariantNames,
)]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// Read everything.
    Read,
    /// Add, unsubscribe and erase subscribers.
    Subscribers,
    /// Edit and send the next issue; pause, resume, cancel and repeat a send.
    Issues,
}

impl Scope {
    /// Returns the word under which it is stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses the word under which it is stored.
    ///
    /// # Errors
    /// Returns [`ParseEnumError`] if `text` is not one of the words.
    pub fn parse(text: &str) -> Result<Self, ParseEnumError> {
        parse_enum("scope", text)
    }
}

/// A set of scopes that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Scope>);

/// Error of [`Scopes::parse`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    /// The list is empty.
    #[error("choose at least one permission")]
    None,
    /// An entry is not the name of a scope.
    #[error(transparent)]
    Unknown(#[from] ParseEnumError),
}

impl Scopes {
    /// Parses the names of scopes; duplicates are ignored.
    ///
    /// # Errors
    /// Returns [`ScopesError::Unknown`] for the first name that is not a scope, and
    /// [`ScopesError::None`] if the list is empty.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopesError> {
        let scopes: BTreeSet<Scope> = names
            .into_iter()
            .map(Scope::parse)
            .collect::<Result<_, _>>()?;
        if scopes.is_empty() {
            return Err(ScopesError::None);
        }
        Ok(Self(scopes))
    }

    /// Returns whether `scope` is in the set.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Returns the names of the scopes in the order of [`Scope`].
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.as_str()).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_distinct_and_independent() {
        let scopes = Scopes::parse(["issues", "read", "issues"]).unwrap();
        assert_eq!(scopes.to_string(), "read issues");
        assert!(scopes.contains(Scope::Read) && !scopes.contains(Scope::Subscribers));
        assert_eq!(Scopes::parse([]), Err(ScopesError::None));
        assert_eq!(
            Scopes::parse(["read", "all"]).unwrap_err().to_string(),
            "'all' is not a valid scope; expected read, subscribers or issues"
        );
    }
}

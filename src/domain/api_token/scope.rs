//! Scopes: what an API token permits.

use std::collections::BTreeSet;
use std::fmt;

use crate::domain::enum_text::{ParseEnumError, word_enum};

word_enum! {
    /// What a token permits. Scopes are independent: none includes another.
    #[derive(Ord, PartialOrd)]
    pub enum Scope: "scope" {
        /// Read everything.
        Read,
        /// Add, unsubscribe and erase subscribers.
        Subscribers,
        /// Edit and send the next issue; pause, resume, cancel and repeat a send.
        Issues,
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

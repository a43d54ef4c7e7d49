//! Identifiers: a type for each kind of row, all stored as text of UUID version 7.

use std::fmt;

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::random::Random;

/// Error for text that is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid identifier; expected a UUID")]
pub struct IdError;

/// Defines an identifier type.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Generates an identifier that sorts by `now`.
            pub fn new(now: Timestamp, random: &Random) -> Self {
                Self(random.uuid_v7(now))
            }

            /// Parses a UUID.
            ///
            /// # Errors
            /// Returns [`IdError`] if `text` is not a UUID.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError)
            }

            /// Creates an identifier from a UUID.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the UUID.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    };
}

id!(
    /// Key of a subscriber.
    SubscriberId
);
impl SubscriberId {
    /// The subscriber of a test copy and of a preview, who does not exist.
    pub const NOBODY: Self = Self(Uuid::nil());
}

id!(
    /// Key of a frozen issue.
    IssueId
);
id!(
    /// Key of a feed.
    FeedId
);
id!(
    /// Key of a post.
    PostId
);
id!(
    /// Key of an account of the admin UI.
    AdminId
);
id!(
    /// Key of an entry of the audit log.
    AuditId
);
id!(
    /// Key of an API token.
    ApiTokenId
);
id!(
    /// Key of a running delivery worker, under which it holds leases.
    WorkerId
);

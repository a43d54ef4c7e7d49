//! Identifiers: UUIDv7 as text, each kind a type of its own.

use std::fmt;

use uuid::Uuid;

use crate::domain::clock::Timestamp;
use crate::domain::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct IdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            pub fn new(now: Timestamp, random: &Random) -> Self {
                Self(random.uuid_v7(now))
            }

            pub fn parse(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError)
            }

            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

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
    /// One reader, whatever their state.
    SubscriberId
);
id!(
    /// One edition, from its freezing on.
    IssueId
);
id!(FeedId);
id!(PostId);
id!(AdminId);
id!(AuditId);
id!(ApiTokenId);
id!(
    /// One running process that delivers; it holds leases under this name.
    WorkerId
);

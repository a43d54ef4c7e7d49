//! One subscriber's copy of one mail, and where it stands.

pub mod in_doubt;
pub mod outcome;
pub mod retry;
pub mod send_rate;
pub mod soft_bounce;
pub mod verp;

use std::fmt;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::domain::clock::Timestamp;
use crate::domain::ids::{IssueId, SubscriberId};
use crate::domain::signed_token::Purpose;

/// The key of a delivery: `issue:subscriber` for an issue's copy (one each, whoever
/// asks), a UUID for every other mail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(String);

impl DeliveryId {
    pub fn of_issue(issue: &IssueId, subscriber: &SubscriberId) -> Self {
        Self(format!("{issue}:{subscriber}"))
    }

    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the mail came to be, or the issue that it is a copy of: the beginning tells.
    pub fn made_at(&self) -> Timestamp {
        let begins = self.0.get(..Hyphenated::LENGTH);
        let uuid = begins.and_then(|text| Uuid::try_parse(text).ok());
        let made = uuid.and_then(|uuid| uuid.get_timestamp());
        made.map_or(Timestamp::EPOCH, |made| {
            let (seconds, nanos) = made.to_unix();
            let millis = seconds * 1000 + u64::from(nanos / 1_000_000);
            Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
        })
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $error:ident, $message:literal { $($(#[$vdoc:meta])* $variant:ident => $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $error(String);

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub fn parse(text: &str) -> Result<Self, $error> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err($error(other.to_owned())),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;

words! {
    /// Why a mail is sent.
    DeliveryKind, DeliveryKindError, "'{0}' is no kind of delivery" {
        Issue => "issue",
        Confirmation => "confirmation",
        /// To someone who signs up again: says that they are on the list already.
        AlreadySubscribed => "already_subscribed",
        /// A look at an issue before it goes out, to an address the editor names.
        Test => "test",
        /// Tells the owner of something.
        Alert => "alert",
        /// To a reader, about what belongs to them: see [`ReaderMail`].
        ReaderLink => "reader_link",
    }
}

words! {
    /// What a mail of the kind `reader_link` is about.
    ReaderMail, ReaderMailError, "'{0}' is nothing that a reader is written about" {
        /// A link to the form for another address.
        ChangeAddress => "change_address",
        /// To the other address: a link that proves it.
        NewAddress => "new_address",
        /// To the address of before: it is not written to any more. Without a link.
        AddressChanged => "address_changed",
        Export => "export",
        Erase => "erase",
    }
}

impl ReaderMail {
    /// What its link is good for.
    pub const fn purpose(self) -> Option<Purpose> {
        match self {
            Self::ChangeAddress => Some(Purpose::ChangeAddress),
            Self::NewAddress => Some(Purpose::NewAddress),
            Self::AddressChanged => None,
            Self::Export => Some(Purpose::Export),
            Self::Erase => Some(Purpose::Erase),
        }
    }
}

words! {
    /// Where a delivery stands.
    DeliveryState, DeliveryStateError, "'{0}' is no delivery state" {
        Queued => "queued",
        /// Taken by a process, not begun.
        Leased => "leased",
        /// On a connection now: a crash leaves it in doubt.
        Sending => "sending",
        /// Refused for now; it is tried again when it falls due.
        Deferred => "deferred",
        Delivered => "delivered",
        Bounced => "bounced",
        /// Not wanted any more before it was begun.
        Skipped => "skipped",
        /// The final dot may have been taken, and no reply was read.
        InDoubt => "in_doubt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::parse(state.as_str()), Ok(*state));
        }
        for kind in DeliveryKind::ALL {
            assert_eq!(DeliveryKind::parse(kind.as_str()), Ok(*kind));
        }
        for about in ReaderMail::ALL {
            assert_eq!(ReaderMail::parse(about.as_str()), Ok(*about));
        }
        assert_eq!(
            DeliveryState::parse("lost").unwrap_err().to_string(),
            "'lost' is no delivery state"
        );
    }
}

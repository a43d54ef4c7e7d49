//! Deliveries: one row per message and recipient, with kind and state.

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

/// Primary key of a delivery.
///
/// `issue:subscriber` for an issue, so that a subscriber cannot get two deliveries of one
/// issue; a version 7 UUID for other mail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// Returns the key of the delivery of `issue` to `subscriber`.
    pub fn for_issue(issue: &IssueId, subscriber: &SubscriberId) -> Self {
        Self(format!("{issue}:{subscriber}"))
    }

    /// Wraps a stored key without validation.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the key as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns when the issue or the other mail was created.
    ///
    /// The time is that of the version 7 UUID with which the key begins; 1970 if there is none.
    pub fn created_at(&self) -> Timestamp {
        let prefix = self.0.get(..Hyphenated::LENGTH);
        let uuid = prefix.and_then(|text| Uuid::try_parse(text).ok());
        let created = uuid.and_then(|uuid| uuid.get_timestamp());
        created.map_or(Timestamp::EPOCH, |created| {
            let (seconds, nanos) = created.to_unix();
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
    /// What kind of mail a delivery contains.
    DeliveryKind, DeliveryKindError, "'{0}' is not a valid delivery kind; expected issue, confirmation, already_subscribed, test, alert or reader_link" {
        /// An issue to a subscriber.
        Issue => "issue",
        /// Asks a new subscriber to confirm.
        Confirmation => "confirmation",
        /// Reply to a sign-up with an address that is already subscribed.
        AlreadySubscribed => "already_subscribed",
        /// Test message of the draft, to an address that the editor enters.
        Test => "test",
        /// Notification to the operator.
        Alert => "alert",
        /// Self-service mail to a subscriber; its subject is a [`SubscriberMail`].
        SubscriberLink => "reader_link",
    }
}

words! {
    /// Subject of a self-service mail ([`DeliveryKind::SubscriberLink`]).
    SubscriberMail, SubscriberMailError, "'{0}' is not a valid self-service mail; expected change_address, new_address, address_changed, export or erase" {
        /// Link to the form that changes the address.
        ChangeAddress => "change_address",
        /// Link that confirms the new address, sent to it.
        NewAddress => "new_address",
        /// Notice to the previous address after a change. Contains no link.
        AddressChanged => "address_changed",
        /// Link to the export of the subscriber's data.
        Export => "export",
        /// Link that erases the subscriber's data.
        Erase => "erase",
    }
}

impl SubscriberMail {
    /// Returns the purpose of the link's token; `None` if the mail contains no link.
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
    /// State of a delivery.
    DeliveryState, DeliveryStateError, "'{0}' is not a valid delivery state; expected queued, leased, sending, deferred, delivered, bounced, skipped or in_doubt" {
        /// Due, and not claimed by a worker.
        Queued => "queued",
        /// Claimed by a worker, and not started.
        Leased => "leased",
        /// A connection may have started it; a crash leaves it in doubt.
        Sending => "sending",
        /// Rejected for now; retried at its due time.
        Deferred => "deferred",
        /// Accepted by the server.
        Delivered => "delivered",
        /// Rejected permanently.
        Bounced => "bounced",
        /// Not sent, because it was no longer wanted.
        Skipped => "skipped",
        /// Sent, and the reply was lost.
        InDoubt => "in_doubt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_words_parse_back() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::parse(state.as_str()), Ok(*state));
        }
        for kind in DeliveryKind::ALL {
            assert_eq!(DeliveryKind::parse(kind.as_str()), Ok(*kind));
        }
        for subject in SubscriberMail::ALL {
            assert_eq!(SubscriberMail::parse(subject.as_str()), Ok(*subject));
        }
    }

    #[test]
    fn unknown_state_error_lists_valid_states() {
        assert_eq!(
            DeliveryState::parse("lost").unwrap_err().to_string(),
            "'lost' is not a valid delivery state; expected queued, leased, sending, deferred, delivered, bounced, skipped or in_doubt"
        );
    }
}

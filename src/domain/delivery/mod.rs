//! Deliveries: one message to one recipient.

pub mod in_doubt;
pub mod outcome;
pub mod report_effect;
pub mod retry;
pub mod send_rate;
pub mod soft_bounce;
pub mod suppression_limit;
pub mod verp;

use std::fmt;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::domain::clock::Timestamp;
use crate::domain::enum_text::word_enum;
use crate::domain::ids::{IssueId, SubscriberId};
use crate::domain::signed_token::Purpose;

/// Key of a delivery: `issue:subscriber` for an issue, which makes it unique per subscriber,
/// and a UUID for every other message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// Returns the key of the delivery of `issue` to `subscriber`.
    pub fn for_issue(issue: &IssueId, subscriber: &SubscriberId) -> Self {
        Self(format!("{issue}:{subscriber}"))
    }

    /// Creates a key from its stored form.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the stored form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns when the message or its issue was created, from the UUID at the start of the key.
    pub fn created_at(&self) -> Timestamp {
        let uuid_text = self.0.get(..Hyphenated::LENGTH);
        let uuid = uuid_text.and_then(|text| Uuid::try_parse(text).ok());
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

word_enum! {
    /// Why a message is sent.
    pub enum DeliveryKind: "kind of delivery" {
        /// An issue.
        Issue,
        /// Asks a new subscriber to confirm the subscription.
        Confirmation,
        /// Reply to a sign-up with an address that is already subscribed.
        AlreadySubscribed,
        /// Preview of the next issue, to an address that the editor enters.
        Test,
        /// Notifies the operator of an event.
        Alert,
        /// Message to a subscriber about their own data: see [`SubscriberMail`].
        #[strum(serialize = "reader_link")]
        SubscriberLink,
    }
}

word_enum! {
    /// What a message of the kind [`DeliveryKind::SubscriberLink`] is about.
    pub enum SubscriberMail: "kind of subscriber message" {
        /// Link to the form for a new address, sent to the current address.
        ChangeAddress,
        /// Link that confirms the new address, sent to it.
        NewAddress,
        /// Notice to the previous address after a change. Without a link.
        AddressChanged,
        /// Link to download the subscriber's data.
        Export,
        /// Link to delete the subscriber's data.
        Erase,
    }
}

impl SubscriberMail {
    /// Returns the purpose of the token in the message's link, or `None` without a link.
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

word_enum! {
    /// State of a delivery.
    pub enum DeliveryState: "delivery state" {
        /// Waits to be claimed by a worker.
        Queued,
        /// Claimed by a worker; sending has not started.
        Leased,
        /// Being sent on a connection. A crash leaves the delivery in doubt.
        Sending,
        /// Temporarily rejected; retried when it is due.
        Deferred,
        /// Accepted by the SMTP server.
        Delivered,
        /// Permanently rejected, or given up.
        Bounced,
        /// No longer wanted before sending started.
        Skipped,
        /// The server may have accepted the message, but its reply was lost.
        InDoubt,
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
        for about in SubscriberMail::ALL {
            assert_eq!(SubscriberMail::parse(about.as_str()), Ok(*about));
        }
        assert_eq!(
            DeliveryState::parse("lost").unwrap_err().to_string(),
            "'lost' is not a valid delivery state; expected queued, leased, sending, deferred, delivered, bounced, skipped or in_doubt"
        );
    }
}

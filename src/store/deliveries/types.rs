//! Deliveries on their way from the queue to the recorded result.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::soft_bounce::SoftBounce;
use crate::domain::delivery::{DeliveryId, DeliveryKind, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::domain::subscriber::SubscriberId;

/// A transactional delivery to enqueue. Fan-out inserts the deliveries of issues.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Key of the delivery.
    pub id: DeliveryId,
    /// Kind of message.
    pub kind: DeliveryKind,
    /// The recipient, if it is a subscriber.
    pub subscriber: Option<SubscriberId>,
    /// Address of the recipient.
    pub address: EmailAddress,
    /// Data of the message as JSON, for kinds that need more than the subscriber.
    pub payload: Option<String>,
}

/// A delivery that a worker has leased.
#[derive(Clone, Debug)]
pub struct ClaimedDelivery {
    /// Key of the delivery.
    pub id: DeliveryId,
    /// Kind of message.
    pub kind: DeliveryKind,
    /// The issue, or `None` for transactional mail.
    pub issue: Option<IssueId>,
    /// Number of the issue.
    pub issue_number: Option<IssueNumber>,
    /// The recipient, if it is a subscriber.
    pub subscriber: Option<SubscriberId>,
    /// Address of the recipient when the delivery was claimed.
    pub address: EmailAddress,
    /// Number of earlier attempts.
    pub attempts: u32,
    /// Number of earlier attempts whose reply was lost after the message data.
    pub lost_replies: u32,
    /// When the delivery was enqueued.
    pub queued_at: Timestamp,
    /// When the delivery became due. Encodes the queue position before the first attempt.
    pub due_at: Timestamp,
    /// Data of the message as JSON; see [`NewDelivery::payload`].
    pub payload: Option<String>,
}

/// A leased delivery that a connection wants to send, and the address it would use.
///
/// The subscriber may have changed the address since the claim; then the delivery is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendIntent {
    /// Key of the delivery.
    pub id: DeliveryId,
    /// Address of the recipient.
    pub to: EmailAddress,
}

impl From<&ClaimedDelivery> for SendIntent {
    fn from(delivery: &ClaimedDelivery) -> Self {
        Self {
            id: delivery.id.clone(),
            to: delivery.address.clone(),
        }
    }
}

/// Result of one attempt, as it is recorded.
#[derive(Clone, Debug)]
pub struct DeliveryUpdate {
    /// Key of the delivery.
    pub id: DeliveryId,
    /// State after the attempt.
    pub state: DeliveryState,
    /// When to retry; set exactly for deliveries that are not in a final state.
    pub due_at: Option<Timestamp>,
    /// Reply of the SMTP server, or the reason why there is none.
    pub reply: String,
    /// Whether the attempt counts: false if the failure was not the recipient's.
    pub charged: bool,
    /// Whether the reply was lost after the message data.
    pub lost_reply: bool,
    /// The subscriber to suppress because the address does not exist.
    pub suppress: Option<SubscriberId>,
    /// A rejection that suppresses the subscriber if it is repeated with later issues.
    pub soft_bounce: Option<(SubscriberId, SoftBounce)>,
}

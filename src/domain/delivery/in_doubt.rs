//! Policy for deliveries in doubt: message sent, reply lost (RFC 1047).

use crate::domain::delivery::DeliveryKind;

/// What happens to a delivery when the reply after its final dot is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum InDoubtPolicy {
    /// Send the same bytes again.
    ///
    /// The Message-ID is the same, so that receivers can drop the duplicate.
    Resend,
    /// Keep the delivery in doubt until an editor decides.
    Hold,
}

/// Number of lost replies after which a delivery is held under every policy.
///
/// Limits the copies that a subscriber can receive to three.
const MAX_LOST_REPLIES: u32 = 3;

/// Number of lost replies in a row, without an accepted delivery in between, that pause an issue.
///
/// Ten, as one for each connection of the default setting: more would be further second copies.
pub const MAX_CONSECUTIVE_LOST_REPLIES: i64 = 10;

/// The pause reason of an issue with [`MAX_CONSECUTIVE_LOST_REPLIES`] lost replies in a row.
pub const LOST_REPLIES_PAUSE_REASON: &str = "The mail server takes each message and ends the connection without confirming it: 10 in a row. Those messages may have arrived and are not sent again by themselves.";

impl InDoubtPolicy {
    /// Returns the number of lost replies after which a delivery is held.
    ///
    /// [`Self::Hold`] applies to issues only. Other mail is always resent: a second
    /// confirmation does no harm, and a lost one loses a subscriber.
    pub const fn max_lost_replies(self, kind: DeliveryKind) -> u32 {
        match (self, kind) {
            (Self::Hold, DeliveryKind::Issue) => 1,
            _ => MAX_LOST_REPLIES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_policy_applies_to_issues_only() {
        for kind in [DeliveryKind::Confirmation, DeliveryKind::SubscriberLink] {
            assert_eq!(InDoubtPolicy::Hold.max_lost_replies(kind), MAX_LOST_REPLIES);
        }
        assert_eq!(InDoubtPolicy::Hold.max_lost_replies(DeliveryKind::Issue), 1);
        assert_eq!(
            InDoubtPolicy::Resend.max_lost_replies(DeliveryKind::Issue),
            MAX_LOST_REPLIES
        );
    }
}

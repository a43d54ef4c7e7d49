//! A copy whose final dot may have been taken, and no reply was read.

use crate::domain::delivery::DeliveryKind;

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum InDoubtPolicy {
    /// Send the same bytes again, so that receivers can drop the twin.
    Resend,
    /// Leave it to the editor.
    Hold,
}

/// Lost replies after which a delivery is held whatever the policy: three copies are
/// the most that anyone may get.
const MOST_LOST: u32 = 3;

impl InDoubtPolicy {
    /// After how many lost replies a delivery is held. The editor decides about the copies
    /// of an issue. Other mail has nobody to decide: a second confirmation does no harm,
    /// and one that never comes loses a reader.
    pub const fn max_lost_replies(self, kind: DeliveryKind) -> u32 {
        match (self, kind) {
            (Self::Hold, DeliveryKind::Issue) => 1,
            _ => MOST_LOST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_copies_of_an_issue_are_held_for_the_editor() {
        for kind in [DeliveryKind::Confirmation, DeliveryKind::ReaderLink] {
            assert_eq!(InDoubtPolicy::Hold.max_lost_replies(kind), MOST_LOST);
        }
        assert_eq!(InDoubtPolicy::Hold.max_lost_replies(DeliveryKind::Issue), 1);
        assert_eq!(
            InDoubtPolicy::Resend.max_lost_replies(DeliveryKind::Issue),
            MOST_LOST
        );
    }
}

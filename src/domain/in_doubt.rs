//! A copy whose final dot may have been taken, and no reply was read.

use super::delivery::DeliveryKind;

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InDoubt {
    /// Send the same bytes again, so that receivers can drop the twin.
    Resend,
    /// Leave it to the editor.
    Hold,
}

/// Lost replies after which a delivery is held whatever the policy: three copies are
/// the most that anyone may get.
const MOST_LOST: u32 = 3;

impl InDoubt {
    /// After how many lost replies a delivery is held. The editor decides about the copies
    /// of an issue. Other mail has nobody to decide: a second confirmation does no harm,
    /// and one that never comes loses a reader.
    pub const fn most_losses(self, kind: DeliveryKind) -> u32 {
        match (self, kind) {
            (Self::Hold, DeliveryKind::Issue) => 1,
            _ => MOST_LOST,
        }
    }
}

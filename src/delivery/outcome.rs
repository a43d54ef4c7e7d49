//! The result of one attempt, as the recorder commits it.

use crate::domain::delivery::outcome::Outcome;
use crate::domain::ids::IssueId;
use crate::store::DeliveryUpdate;

/// The result of one attempt to send a delivery.
#[derive(Debug)]
pub(crate) struct AttemptResult {
    /// The change of the delivery's row.
    pub(crate) update: DeliveryUpdate,
    /// The issue whose last reply and policy rejections the result affects.
    ///
    /// `None` for other mail, and when no command was sent.
    pub(crate) issue: Option<IssueId>,
    /// How the server's reply was classified.
    pub(crate) outcome: Outcome,
    /// The reply because of which the issue must be paused.
    pub(crate) pause_reason: Option<String>,
}

#[cfg(test)]
impl AttemptResult {
    /// Returns a result for a delivery with the id `d`.
    pub(crate) fn for_test(issue: Option<IssueId>, outcome: Outcome, reply: &str) -> Self {
        use crate::domain::delivery::{DeliveryId, DeliveryState};

        Self {
            update: DeliveryUpdate {
                id: DeliveryId::from_stored("d".to_owned()),
                state: DeliveryState::Delivered,
                due_at: None,
                reply: reply.to_owned(),
                charged: true,
                lost_reply: false,
                suppress: None,
                soft_bounce: None,
            },
            issue,
            outcome,
            pause_reason: None,
        }
    }
}

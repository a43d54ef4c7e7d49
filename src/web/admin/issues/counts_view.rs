//! Delivery counts of an issue, as pages show them.

use serde::Serialize;

use crate::domain::issue::DeliveryCounts;

/// [`DeliveryCounts`] and the sums that follow from them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CountsView {
    recipients: i64,
    delivered: i64,
    queued: i64,
    deferred: i64,
    bounced: i64,
    skipped: i64,
    in_doubt: i64,
    /// Deliveries that are queued or deferred.
    remaining: i64,
    /// Deliveries in a final state.
    completed: i64,
    /// Deliveries that bounced or are in doubt.
    failed: i64,
}

impl CountsView {
    /// Returns the delivered recipients per mille, or `None` if there are no recipients.
    pub fn delivered_per_mille(&self) -> Option<i64> {
        (self.recipients > 0).then(|| self.delivered * 1000 / self.recipients)
    }
}

impl From<&DeliveryCounts> for CountsView {
    fn from(counts: &DeliveryCounts) -> Self {
        let (recipients, remaining) = (counts.recipients(), counts.remaining());
        Self {
            recipients,
            delivered: counts.delivered,
            queued: counts.queued,
            deferred: counts.deferred,
            bounced: counts.bounced,
            skipped: counts.skipped,
            in_doubt: counts.in_doubt,
            remaining,
            completed: recipients - remaining,
            failed: counts.failed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_view_sums_completed_and_remaining() {
        let counts = DeliveryCounts {
            queued: 3,
            deferred: 1,
            delivered: 94,
            bounced: 1,
            skipped: 0,
            in_doubt: 1,
        };

        let view = CountsView::from(&counts);
        let empty = CountsView::from(&DeliveryCounts::default());

        assert_eq!(
            (view.completed, view.remaining, view.recipients),
            (96, 4, 100)
        );
        assert_eq!(view.delivered_per_mille(), Some(940));
        assert_eq!(empty.delivered_per_mille(), None);
    }
}

//! Delivery counts of an issue, as pages show them.

use serde::Serialize;

use crate::domain::issue::DeliveryCounts;

/// A [`Tally`] and what follows from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TallyView {
    recipients: i64,
    delivered: i64,
    queued: i64,
    deferred: i64,
    bounced: i64,
    skipped: i64,
    in_doubt: i64,
    to_go: i64,
    /// Recipients of whom nothing more is to come.
    settled: i64,
    /// Who wanted it and has it not, or perhaps not.
    failed: i64,
}

impl TallyView {
    /// Of a thousand, how many have it; `None` while nobody was to get it.
    pub fn delivered_per_mille(&self) -> Option<i64> {
        (self.recipients > 0).then(|| self.delivered * 1000 / self.recipients)
    }
}

impl From<&DeliveryCounts> for TallyView {
    fn from(tally: &DeliveryCounts) -> Self {
        let recipients = tally.recipients();
        let settled = recipients - tally.remaining();
        Self {
            recipients,
            delivered: tally.delivered,
            queued: tally.queued,
            deferred: tally.deferred,
            bounced: tally.bounced,
            skipped: tally.skipped,
            in_doubt: tally.in_doubt,
            to_go: tally.remaining(),
            settled,
            failed: tally.failed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_is_settled_when_nothing_is_to_go() {
        let tally = DeliveryCounts {
            queued: 3,
            deferred: 1,
            delivered: 94,
            bounced: 1,
            skipped: 0,
            in_doubt: 1,
        };
        let view = TallyView::from(&tally);
        assert_eq!((view.settled, view.to_go, view.recipients), (96, 4, 100));
        assert_eq!(view.delivered_per_mille(), Some(940));
        let nobody = TallyView::from(&DeliveryCounts::default());
        assert_eq!(nobody.delivered_per_mille(), None);
    }
}

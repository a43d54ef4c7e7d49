//! Refusals that are about us and not about the reader (5.7.x, a 554 at DATA). One of
//! them is a bounce; many in a row mean that the whole issue is unwelcome, and sending on
//! would only make it worse.

use std::collections::HashMap;

use crate::domain::delivery::DeliveryId;
use crate::domain::ids::IssueId;
use crate::domain::outcome::{Outcome, Verdict};

/// So many refusals without an acceptance between pause the issue.
const ENOUGH: usize = 20;

/// The refusals since the last acceptance, by issue.
#[derive(Debug, Default)]
pub struct Streaks(HashMap<IssueId, Vec<DeliveryId>>);

impl Streaks {
    /// Notes an outcome. When it makes the streak long enough, gives back those who were
    /// refused: they go back to the queue, and nobody is charged.
    pub fn note(
        &mut self,
        issue: IssueId,
        delivery: &DeliveryId,
        outcome: Outcome,
    ) -> Option<Vec<DeliveryId>> {
        match outcome {
            Outcome::Delivered => {
                self.0.remove(&issue);
                None
            }
            Outcome::Bounced(Verdict::Policy) => {
                let refused = self.0.entry(issue).or_default();
                refused.push(delivery.clone());
                if refused.len() < ENOUGH {
                    None
                } else {
                    self.0.remove(&issue)
                }
            }
            Outcome::Deferred(_) | Outcome::Bounced(_) | Outcome::InDoubt | Outcome::Halted(_) => {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::random::Random;

    const REFUSED: Outcome = Outcome::Bounced(Verdict::Policy);

    fn delivery(number: usize) -> DeliveryId {
        DeliveryId::from_stored(number.to_string())
    }

    #[test]
    fn twenty_in_a_row_are_enough_and_an_acceptance_begins_anew() {
        let issue = IssueId::new(Timestamp::from_millis(1), &Random::seeded(1));
        let mut streaks = Streaks::default();
        for number in 0..19 {
            assert_eq!(streaks.note(issue, &delivery(number), REFUSED), None);
        }
        assert_eq!(streaks.note(issue, &delivery(99), Outcome::Delivered), None);
        for number in 0..19 {
            assert_eq!(streaks.note(issue, &delivery(number), REFUSED), None);
            assert_eq!(
                streaks.note(issue, &delivery(50), Outcome::Bounced(Verdict::Dead)),
                None
            );
        }
        let refused = streaks.note(issue, &delivery(19), REFUSED).unwrap();
        assert_eq!(refused, (0..20).map(delivery).collect::<Vec<_>>());
        assert_eq!(streaks.note(issue, &delivery(20), REFUSED), None);
    }
}

//! Limit of the subscribers that the replies to one issue suppress.

/// Minimum of the limit, so that a short list still loses its dead addresses.
const MIN_SUPPRESSIONS: i64 = 5;

/// Recipients per suppressed subscriber: 50, which is 2 %.
const RECIPIENTS_PER_SUPPRESSION: i64 = 50;

/// Returns how many subscribers an issue with `recipients` may suppress without a person.
pub fn max_suppressions(recipients: i64) -> i64 {
    MIN_SUPPRESSIONS.max(recipients / RECIPIENTS_PER_SUPPRESSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_two_percent_and_at_least_five() {
        for (recipients, max) in [(0, 5), (100, 5), (299, 5), (300, 6), (2_000, 40)] {
            assert_eq!(max_suppressions(recipients), max, "{recipients}");
        }
    }
}

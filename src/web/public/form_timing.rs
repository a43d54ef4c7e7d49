//! The hidden form field `stamp`: a signed timestamp of when the form was shown. Detects
//! automated submissions.

use std::time::Duration;

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::signed_token::{Purpose, SecretKeys};

/// Validity of a stamp. A form may stay open for a day.
const STAMP_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Classification of a submission by its stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormTiming {
    /// The form was shown for at least the minimum time.
    FilledIn,
    /// The button of the extra page was pressed for this address.
    Pressed,
    /// Submitted too fast, or the stamp is missing, forged or expired. The extra page with a
    /// button follows.
    Suspicious,
}

/// Returns the stamp of a form, valid for 24 hours and any number of submissions.
pub fn stamp_form(keys: &SecretKeys, now: Timestamp) -> String {
    keys.sign(Purpose::FormTiming, &now.as_millis().to_be_bytes(), b"")
}

/// Returns the stamp of a form that is shown again with an error: the submitted one if it is
/// valid, so that the minimum time does not start again.
pub fn renew_stamp(keys: &SecretKeys, stamp: &str, now: Timestamp) -> String {
    match stamp_age(keys, stamp, b"", now) {
        Some(_) => stamp.to_owned(),
        None => stamp_form(keys, now),
    }
}

/// Returns the stamp of a button that submits `address`. It has no minimum time.
pub fn stamp_button(keys: &SecretKeys, now: Timestamp, address: &EmailAddress) -> String {
    keys.sign(
        Purpose::FormTiming,
        &now.as_millis().to_be_bytes(),
        address.key().as_bytes(),
    )
}

impl FormTiming {
    /// Classifies a submission of `address`.
    pub fn classify(
        keys: &SecretKeys,
        stamp: &str,
        address: &EmailAddress,
        now: Timestamp,
        minimum_fill: Duration,
    ) -> Self {
        if stamp_age(keys, stamp, address.key().as_bytes(), now).is_some() {
            return Self::Pressed;
        }
        match stamp_age(keys, stamp, b"", now) {
            Some(elapsed) if elapsed >= minimum_fill => Self::FilledIn,
            _ => Self::Suspicious,
        }
    }
}

/// Returns the age of a valid stamp that was issued for `bound` (an address, or empty).
fn stamp_age(keys: &SecretKeys, stamp: &str, bound: &[u8], now: Timestamp) -> Option<Duration> {
    let payload = keys.verify(Purpose::FormTiming, stamp, bound).ok()?;
    let shown_at = payload.try_into().map(i64::from_be_bytes).ok()?;
    let age = now.since(Timestamp::from_millis(shown_at));
    (age <= STAMP_LIFETIME).then_some(age)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Random;

    const SHOWN_AT: Timestamp = Timestamp::from_millis(1_795_500_000_000);
    const MINIMUM: Duration = Duration::from_secs(1);

    fn classify(stamp: &str, address: &str, after: Duration) -> FormTiming {
        let keys = SecretKeys::generate(&Random::seeded(1));
        let address = EmailAddress::parse(address).unwrap();
        FormTiming::classify(&keys, stamp, &address, SHOWN_AT.plus(after), MINIMUM)
    }

    #[test]
    fn form_stamp_needs_minimum_time_and_expires() {
        let stamp = stamp_form(&SecretKeys::generate(&Random::seeded(1)), SHOWN_AT);
        for (millis, timing) in [
            (0, FormTiming::Suspicious),
            (999, FormTiming::Suspicious),
            (1000, FormTiming::FilledIn),
            (24 * 60 * 60 * 1000, FormTiming::FilledIn),
            (24 * 60 * 60 * 1000 + 1, FormTiming::Suspicious),
        ] {
            assert_eq!(
                classify(&stamp, "a@x.com", Duration::from_millis(millis)),
                timing,
                "{millis}"
            );
        }
        let forged = stamp_form(&SecretKeys::generate(&Random::seeded(2)), SHOWN_AT);
        for invalid in ["", "x", &forged] {
            assert_eq!(
                classify(invalid, "a@x.com", MINIMUM),
                FormTiming::Suspicious
            );
        }
    }

    #[test]
    fn button_stamp_is_bound_to_address() {
        let keys = SecretKeys::generate(&Random::seeded(1));
        let stamp = stamp_button(&keys, SHOWN_AT, &EmailAddress::parse("a@x.com").unwrap());
        assert_eq!(
            classify(&stamp, "A@X.COM", Duration::ZERO),
            FormTiming::Pressed
        );
        assert_eq!(classify(&stamp, "b@x.com", MINIMUM), FormTiming::Suspicious);
        assert_eq!(
            classify(&stamp, "a@x.com", STAMP_LIFETIME + MINIMUM),
            FormTiming::Suspicious
        );
    }
}

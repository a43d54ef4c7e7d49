//! The hidden field that says when a form was shown.

use std::time::Duration;

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::signed_token::{Purpose, SecretKeys};

const GOOD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What a posted stamp says of who posted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormTiming {
    /// Of a form that was shown for as long as it takes to fill one in.
    FilledIn,
    /// Of the page with one button, which this address was told to press.
    Pressed,
    /// Too fast, too old, forged, or not there: ask for one press of a button.
    Suspicious,
}

/// For a form to be filled in. Good for 24 hours and as many uses.
pub fn for_form(keys: &SecretKeys, now: Timestamp) -> String {
    keys.sign(Purpose::FormTiming, &now.as_millis().to_be_bytes(), b"")
}

/// The stamp of a form that comes back to be mended: the wait is behind it.
pub fn for_form_again(keys: &SecretKeys, stamp: &str, now: Timestamp) -> String {
    match shown_for(keys, stamp, b"", now) {
        Some(_) => stamp.to_owned(),
        None => for_form(keys, now),
    }
}

/// For a button that posts `address`: it may be pressed at once.
pub fn for_button(keys: &SecretKeys, now: Timestamp, address: &EmailAddress) -> String {
    keys.sign(
        Purpose::FormTiming,
        &now.as_millis().to_be_bytes(),
        address.key().as_bytes(),
    )
}

impl FormTiming {
    pub fn judge(
        keys: &SecretKeys,
        stamp: &str,
        address: &EmailAddress,
        now: Timestamp,
        minimum_fill: Duration,
    ) -> Self {
        if shown_for(keys, stamp, address.key().as_bytes(), now).is_some() {
            return Self::Pressed;
        }
        match shown_for(keys, stamp, b"", now) {
            Some(span) if span >= minimum_fill => Self::FilledIn,
            _ => Self::Suspicious,
        }
    }
}

/// How long ago a stamp that still holds was made.
fn shown_for(keys: &SecretKeys, stamp: &str, bound: &[u8], now: Timestamp) -> Option<Duration> {
    let payload = keys.verify(Purpose::FormTiming, stamp, bound).ok()?;
    let shown_at = payload.try_into().map(i64::from_be_bytes).ok()?;
    let span = now.since(Timestamp::from_millis(shown_at));
    (span <= GOOD_FOR).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Random;

    const SHOWN: Timestamp = Timestamp::from_millis(1_795_500_000_000);
    const MINIMUM: Duration = Duration::from_secs(1);

    fn judged(stamp: &str, address: &str, after: Duration) -> FormTiming {
        let keys = SecretKeys::generate(&Random::seeded(1));
        let address = EmailAddress::parse(address).unwrap();
        FormTiming::judge(&keys, stamp, &address, SHOWN.plus(after), MINIMUM)
    }

    #[test]
    fn a_form_takes_a_moment_and_holds_a_day() {
        let stamp = for_form(&SecretKeys::generate(&Random::seeded(1)), SHOWN);
        for (millis, verdict) in [
            (0, FormTiming::Suspicious),
            (999, FormTiming::Suspicious),
            (1000, FormTiming::FilledIn),
            (24 * 60 * 60 * 1000, FormTiming::FilledIn),
            (24 * 60 * 60 * 1000 + 1, FormTiming::Suspicious),
        ] {
            assert_eq!(
                judged(&stamp, "a@x.com", Duration::from_millis(millis)),
                verdict,
                "{millis}"
            );
        }
        let forged = for_form(&SecretKeys::generate(&Random::seeded(2)), SHOWN);
        for none in ["", "x", &forged] {
            assert_eq!(judged(none, "a@x.com", MINIMUM), FormTiming::Suspicious);
        }
    }

    #[test]
    fn a_button_is_for_its_address_and_needs_no_wait() {
        let keys = SecretKeys::generate(&Random::seeded(1));
        let stamp = for_button(&keys, SHOWN, &EmailAddress::parse("a@x.com").unwrap());
        assert_eq!(
            judged(&stamp, "A@X.COM", Duration::ZERO),
            FormTiming::Pressed
        );
        assert_eq!(judged(&stamp, "b@x.com", MINIMUM), FormTiming::Suspicious);
        assert_eq!(
            judged(&stamp, "a@x.com", GOOD_FOR + MINIMUM),
            FormTiming::Suspicious
        );
    }
}

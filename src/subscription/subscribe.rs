//! Sign-up through the form or the API, and the email that follows.

use std::time::Duration;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::subscriber::{
    SubscriberId, SubscriberName, SubscriberNameError, SubscriberState,
};
use crate::store::{ConfirmationIds, ConsentRecord, RateWindows, RecentMails, SignUp, StoreError};
use crate::subscription::SubscriptionService;

/// Short rate window: at most one sign-up email per mailbox within it.
///
/// Ten minutes, because mail that is not there by then is probably not coming.
pub const SHORT_WINDOW: Duration = Duration::from_secs(10 * 60);

/// Long rate window, see [`MAX_EMAILS_PER_DAY`].
const LONG_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Maximum sign-up emails per mailbox within [`LONG_WINDOW`].
///
/// Three allow for a lost email and a second try, and are too few to flood the mailbox of
/// another person.
pub const MAX_EMAILS_PER_DAY: i64 = 3;

/// Input of the sign-up form.
#[derive(Clone, Debug)]
pub struct SignUpForm {
    /// Email address as typed.
    pub email: String,
    /// Name as typed; may be empty.
    pub name: String,
}

/// Evidence of consent, stored with the sign-up.
#[derive(Clone, Debug)]
pub struct Consent {
    /// Client IP address; `None` for a sign-up through the API.
    pub ip: Option<String>,
    /// Version of the form's text that the subscriber saw; `None` for a form of another site.
    pub form_version: Option<String>,
    /// Where the sign-up came from, such as the name of a form or a campaign.
    pub source: String,
}

/// Error for an invalid field of the sign-up form.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The email address is invalid.
    #[error("email: {0}")]
    Address(#[from] EmailAddressError),
    /// The name is invalid.
    #[error("name: {0}")]
    Name(#[from] SubscriberNameError),
}

impl SignUpForm {
    /// Returns the parsed address and the name, `None` if it is empty.
    ///
    /// # Errors
    /// Returns the error of the first invalid field: [`SignUpError::Address`] or
    /// [`SignUpError::Name`].
    pub fn parse(&self) -> Result<(EmailAddress, Option<SubscriberName>), SignUpError> {
        Ok((
            EmailAddress::parse(&self.email)?,
            SubscriberName::parse(&self.name)?,
        ))
    }
}

impl SubscriptionService {
    /// Stores a sign-up and enqueues one email: a confirmation link, or a notice if the
    /// address is already subscribed.
    ///
    /// The caller gets the same result for every address, so that it cannot learn which
    /// addresses are subscribed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the transaction fails or its acknowledgement is
    /// lost, and [`StoreError::Corrupt`] if a stored subscriber cannot be parsed.
    pub async fn sign_up(
        &self,
        address: &EmailAddress,
        name: Option<&SubscriberName>,
        consent: &Consent,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let request = SignUp {
            id: SubscriberId::new(now, &self.random),
            nonce: self.nonce(),
            address: address.clone(),
            name: name.cloned(),
            consent: ConsentRecord {
                ip: consent.ip.clone(),
                form_version: consent.form_version.clone(),
            },
            source: consent.source.clone(),
            letter: self.new_confirmation_ids(address),
        };
        let kind = self
            .signup_batcher
            .sign_up(request, rate_windows(now), select_email)
            .await?;
        tracing::info!(mail = kind.map(DeliveryKind::as_str), "sign-up stored");
        Ok(())
    }

    /// Sends another confirmation link to those of `ids` that are still pending, within the
    /// rate limits of their mailboxes. Returns the number of emails enqueued.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// a stored subscriber cannot be parsed.
    pub async fn resend_confirmations(&self, ids: &[SubscriberId]) -> Result<u64, StoreError> {
        let mut subscribers = Vec::new();
        for id in ids {
            if let Some(subscriber) = self.store.subscriber(id).await? {
                let confirmation = self.new_confirmation_ids(&subscriber.address);
                subscribers.push((subscriber, confirmation));
            }
        }
        self.store
            .resend_confirmation(&subscribers, rate_windows(self.now()), select_email)
            .await
    }

    fn new_confirmation_ids(&self, address: &EmailAddress) -> ConfirmationIds {
        ConfirmationIds {
            mailbox_mac: self.mailbox_mac(address),
            delivery: DeliveryId::from_stored(self.random.uuid_v7(self.now()).to_string()),
        }
    }
}

/// Returns the starts of the short and the long rate window, and their common end `now`.
pub(super) fn rate_windows(now: Timestamp) -> RateWindows {
    (now.minus(SHORT_WINDOW), now.minus(LONG_WINDOW), now)
}

/// Returns the kind of email to send for a sign-up, or `None` if the mailbox has reached its
/// limit: other people must not be able to flood it.
fn select_email(state: Option<SubscriberState>, recent: RecentMails) -> Option<DeliveryKind> {
    if recent.in_short > 0 || recent.in_day >= MAX_EMAILS_PER_DAY {
        return None;
    }
    match state {
        Some(SubscriberState::Confirmed) => Some(DeliveryKind::AlreadySubscribed),
        // An unsubscribed or suppressed subscriber returns only by confirming again.
        None
        | Some(
            SubscriberState::Pending | SubscriberState::Unsubscribed | SubscriberState::Suppressed,
        ) => Some(DeliveryKind::Confirmation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn recent(in_short: i64, in_day: i64) -> RecentMails {
        RecentMails { in_short, in_day }
    }

    #[test]
    fn select_email_depends_on_subscriber_state() {
        use SubscriberState::*;

        for state in [None, Some(Pending), Some(Unsubscribed), Some(Suppressed)] {
            assert_eq!(
                select_email(state, recent(0, 0)),
                Some(DeliveryKind::Confirmation)
            );
        }
        assert_eq!(
            select_email(Some(Confirmed), recent(0, 0)),
            Some(DeliveryKind::AlreadySubscribed)
        );
    }

    #[test]
    fn select_email_at_mailbox_limit_returns_none() {
        assert_eq!(select_email(None, recent(1, 1)), None);
        assert!(select_email(None, recent(0, 2)).is_some());
        assert_eq!(select_email(None, recent(0, 3)), None);
    }

    #[test]
    fn sign_up_form_error_names_invalid_field() {
        let parse = |email: &str, name: &str| {
            SignUpForm {
                email: email.into(),
                name: name.into(),
            }
            .parse()
        };

        assert!(parse("a@example.com", "").is_ok());
        assert!(matches!(
            parse("a@localhost", ""),
            Err(SignUpError::Address(EmailAddressError::Domain))
        ));
        assert!(matches!(
            parse("a@example.com", "a\nb"),
            Err(SignUpError::Name(_))
        ));
    }
}

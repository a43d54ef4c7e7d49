//! Signing up through the form.

use std::time::Duration;

use validator::{Validate, ValidationError};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::subscriber::{
    SubscriberId, SubscriberName, SubscriberNameError, SubscriberState,
};
use crate::store::{ConfirmationIds, ConsentRecord, RecentMails, SignUp, StoreError};
use crate::subscription::SubscriptionService;

/// One sign-up mail for a mailbox in this time …
pub(super) const SHORT: Duration = Duration::from_secs(10 * 60);
/// … and three in this.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(super) const MOST_IN_DAY: i64 = 3;

/// What a reader typed.
#[derive(Clone, Debug, Validate)]
pub struct SignUpForm {
    #[validate(custom(function = "address_is_deliverable"))]
    pub email: String,
    #[validate(custom(function = "name_is_one_line"))]
    pub name: String,
}

fn address_is_deliverable(email: &str) -> Result<(), ValidationError> {
    EmailAddress::parse(email)
        .map(drop)
        .map_err(|_| ValidationError::new("address"))
}

fn name_is_one_line(name: &str) -> Result<(), ValidationError> {
    SubscriberName::parse(name)
        .map(drop)
        .map_err(|_| ValidationError::new("name"))
}

/// Where and with what words a reader agreed.
#[derive(Clone, Debug)]
pub struct Consent {
    pub ip: Option<String>,
    /// Names the words of the form that was filled in, if it is one of ours.
    pub form_version: Option<String>,
    /// What led them here: kept of who is new.
    pub source: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    #[error("email: {0}")]
    Address(#[from] EmailAddressError),
    #[error("name: {0}")]
    Name(#[from] SubscriberNameError),
}

impl SignUpForm {
    /// # Errors
    /// What is wrong with the first field that is wrong.
    pub fn parse(&self) -> Result<(EmailAddress, Option<SubscriberName>), SignUpError> {
        if self.validate().is_ok() {
            return Ok((
                EmailAddress::parse(&self.email)?,
                SubscriberName::parse(&self.name)?,
            ));
        }
        EmailAddress::parse(&self.email)?;
        SubscriberName::parse(&self.name)?;
        Err(EmailAddressError::Malformed.into())
    }
}

impl SubscriptionService {
    /// Takes a sign-up in and queues one mail: a link to confirm, or word that they are
    /// on the list already. What the caller learns is the same whatever is known of the
    /// address.
    ///
    /// # Errors
    /// When the database fails.
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
            letter: self.envelope(address),
        };
        let kind = self
            .signup_batcher
            .sign_up(request, spans(now), letter)
            .await?;
        tracing::info!(mail = kind.map(DeliveryKind::as_str), "sign-up taken in");
        Ok(())
    }

    /// Sends those of them who still wait for confirmation a new link, within what a
    /// mailbox may get. Gives how many were written to.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask_again(&self, ids: &[SubscriberId]) -> Result<u64, StoreError> {
        let mut waiting = Vec::new();
        for id in ids {
            if let Some(subscriber) = self.store.subscriber(id).await? {
                let letter = self.envelope(&subscriber.address);
                waiting.push((subscriber, letter));
            }
        }
        self.store
            .resend_confirmation(&waiting, spans(self.now()), letter)
            .await
    }

    fn envelope(&self, address: &EmailAddress) -> ConfirmationIds {
        ConfirmationIds {
            mailbox_mac: self.mailbox_mac(address),
            delivery: DeliveryId::from_stored(self.random.uuid_v7(self.now()).to_string()),
        }
    }
}

/// The beginnings of the spans in which a mailbox's mails are counted, and their end.
fn spans(now: Timestamp) -> (Timestamp, Timestamp, Timestamp) {
    (now.minus(SHORT), now.minus(DAY), now)
}

/// Which mail answers a sign-up, if any: strangers must not be able to fill a mailbox.
fn letter(known: Option<SubscriberState>, recent: RecentMails) -> Option<DeliveryKind> {
    if recent.in_short > 0 || recent.in_day >= MOST_IN_DAY {
        return None;
    }
    match known {
        Some(SubscriberState::Confirmed) => Some(DeliveryKind::AlreadySubscribed),
        // Whoever left or was suppressed comes back by confirming anew, and not before.
        None
        | Some(
            SubscriberState::Pending | SubscriberState::Unsubscribed | SubscriberState::Suppressed,
        ) => Some(DeliveryKind::Confirmation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: RecentMails = RecentMails {
        in_short: 0,
        in_day: 0,
    };

    #[test]
    fn who_left_is_asked_again_and_who_stays_is_told() {
        use SubscriberState::*;
        for state in [None, Some(Pending), Some(Unsubscribed), Some(Suppressed)] {
            assert_eq!(letter(state, NONE), Some(DeliveryKind::Confirmation));
        }
        assert_eq!(
            letter(Some(Confirmed), NONE),
            Some(DeliveryKind::AlreadySubscribed)
        );
    }

    #[test]
    fn a_mailbox_is_not_filled() {
        assert_eq!(
            letter(
                None,
                RecentMails {
                    in_short: 1,
                    in_day: 1
                }
            ),
            None
        );
        assert!(
            letter(
                None,
                RecentMails {
                    in_short: 0,
                    in_day: 2
                }
            )
            .is_some()
        );
        assert_eq!(
            letter(
                None,
                RecentMails {
                    in_short: 0,
                    in_day: 3
                }
            ),
            None
        );
    }

    #[test]
    fn a_form_says_which_field_is_wrong() {
        let form = |email: &str, name: &str| SignUpForm {
            email: email.into(),
            name: name.into(),
        };
        assert!(form("a@example.com", "").parse().is_ok());
        assert!(matches!(
            form("a@localhost", "").parse(),
            Err(SignUpError::Address(EmailAddressError::Domain))
        ));
        assert!(matches!(
            form("a@example.com", "a\nb").parse(),
            Err(SignUpError::Name(_))
        ));
    }
}

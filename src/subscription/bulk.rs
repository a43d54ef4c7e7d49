//! Actions of an editor on one or many subscribers.

use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{Erase, StoreError, SubscriberRow, Unsubscribe};
use crate::subscription::SubscriptionService;

/// Action that an editor applies to a selection of subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkAction {
    /// Ends the subscription.
    Unsubscribe,
    /// Deletes the personal data and keeps the address out of later imports.
    Erase,
    /// Sends pending subscribers another confirmation link.
    ResendConfirmation,
}

impl BulkAction {
    /// Returns the name used in forms and links.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribe => "unsubscribe",
            Self::Erase => "erase",
            Self::ResendConfirmation => "resend",
        }
    }

    /// Returns whether the action changes a subscriber in this state.
    pub fn applies_to(self, state: SubscriberState) -> bool {
        use SubscriberState::{Confirmed, Pending, Suppressed};
        match self {
            Self::Unsubscribe => matches!(state, Pending | Confirmed | Suppressed),
            Self::Erase => true,
            Self::ResendConfirmation => state == Pending,
        }
    }

    /// Returns the action with this name, or `None` for an unknown name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Unsubscribe, Self::Erase, Self::ResendConfirmation]
            .into_iter()
            .find(|action| action.as_str() == name)
    }
}

impl SubscriptionService {
    /// Applies `action` to `subscribers` and returns how many of them it changed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the transaction fails, and [`StoreError::Corrupt`]
    /// if a stored address cannot be parsed. In both cases no subscriber was changed.
    pub async fn apply(
        &self,
        action: BulkAction,
        subscribers: &[SubscriberRow],
    ) -> Result<u64, StoreError> {
        match action {
            BulkAction::Unsubscribe => {
                let unsubscribes: Vec<Unsubscribe> = subscribers
                    .iter()
                    .map(|subscriber| Unsubscribe {
                        id: subscriber.id,
                        nonce: self.nonce(),
                    })
                    .collect();
                self.store.unsubscribe(&unsubscribes, self.now()).await
            }
            BulkAction::Erase => {
                let erases: Result<Vec<Erase>, StoreError> = subscribers
                    .iter()
                    .map(|subscriber| self.erase_request(subscriber))
                    .collect();
                self.erase(&erases?).await
            }
            BulkAction::ResendConfirmation => {
                let pending: Vec<SubscriberId> = subscribers
                    .iter()
                    .filter(|subscriber| action.applies_to(subscriber.state))
                    .map(|subscriber| subscriber.id)
                    .collect();
                self.resend_confirmations(&pending).await
            }
        }
    }

    fn erase_request(&self, subscriber: &SubscriberRow) -> Result<Erase, StoreError> {
        let address =
            EmailAddress::parse(&subscriber.address).map_err(|_| StoreError::Corrupt {
                what: "address",
                value: subscriber.address.clone(),
            })?;
        Ok(Erase {
            id: subscriber.id,
            address_mac: self.address_mac(&address),
        })
    }

    /// Removes the suppression of a subscriber.
    ///
    /// Returns the state that the subscriber is in afterwards, or `None` if there was no
    /// suppression.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the transaction fails, and [`StoreError::Corrupt`]
    /// if the stored state cannot be parsed.
    pub async fn lift_suppression(
        &self,
        id: &SubscriberId,
    ) -> Result<Option<SubscriberState>, StoreError> {
        self.store.lift_suppression(id, self.now()).await
    }
}

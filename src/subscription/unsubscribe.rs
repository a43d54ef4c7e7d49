//! Leaving, taking it back, and being erased.

use crate::domain::email_address::EmailAddress;
use crate::domain::signed_token::Purpose;
use crate::store::{Erase, StoreError, Subscriber, Unsubscribe};
use crate::subscription::{LinkError, SubscriptionService};

impl SubscriptionService {
    /// Whose unsubscribe link this is.
    ///
    /// # Errors
    /// [`LinkError::Gone`] when it is forged or its reader was erased.
    pub async fn look_up_unsubscribe(&self, token: &str) -> Result<Subscriber, LinkError> {
        self.reader_of(Purpose::Unsubscribe, token).await
    }

    /// Ends a subscription at once, to the mail: copies not begun are skipped. Doing it
    /// twice is as good as once (RFC 8058 §3.2).
    ///
    /// # Errors
    /// As [`Self::look_up_unsubscribe`].
    pub async fn unsubscribe(&self, token: &str) -> Result<Subscriber, LinkError> {
        let subscriber = self.look_up_unsubscribe(token).await?;
        self.leave(&subscriber).await?;
        Ok(subscriber)
    }

    pub(super) async fn leave(&self, subscriber: &Subscriber) -> Result<(), StoreError> {
        let leaver = Unsubscribe {
            id: subscriber.id,
            nonce: self.nonce(),
        };
        if self.store.unsubscribe(&[leaver], self.now()).await? > 0 {
            tracing::info!(subscriber = %subscriber.id, "unsubscribed");
        }
        Ok(())
    }

    pub(super) async fn reader_of(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<Subscriber, LinkError> {
        let id = self.keys.verify_subscriber_token(purpose, token)?;
        self.store.subscriber(&id).await?.ok_or(LinkError::Gone)
    }

    /// Removes a reader and keeps them out of later imports. False when there is none of
    /// that address.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase(&self, address: &EmailAddress) -> Result<bool, StoreError> {
        let Some(subscriber) = self.store.subscriber_by_address(address).await? else {
            return Ok(false);
        };
        self.erase_reader(&subscriber).await?;
        Ok(true)
    }

    pub(super) async fn erase_reader(&self, subscriber: &Subscriber) -> Result<(), StoreError> {
        let erasure = Erase {
            id: subscriber.id,
            address_mac: self.address_mac(&subscriber.address),
        };
        self.store.erase(&[erasure], self.now()).await?;
        tracing::info!(subscriber = %subscriber.id, "erased");
        Ok(())
    }
}

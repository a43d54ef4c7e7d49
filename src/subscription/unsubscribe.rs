//! Unsubscribing and erasure.

use crate::domain::email_address::EmailAddress;
use crate::domain::signed_token::Purpose;
use crate::store::{Erase, StoreError, Subscriber, Unsubscribe};
use crate::subscription::{LinkError, SubscriptionService};

impl SubscriptionService {
    /// Returns the subscriber that an unsubscribe link belongs to.
    ///
    /// # Errors
    /// Returns [`LinkError::Invalid`] if the link is forged or its subscriber was erased, and
    /// [`LinkError::Store`] if the subscriber cannot be read.
    pub async fn verify_unsubscribe_link(&self, token: &str) -> Result<Subscriber, LinkError> {
        self.subscriber_from_token(Purpose::Unsubscribe, token)
            .await
    }

    /// Ends a subscription immediately: deliveries that are not being sent yet are skipped.
    ///
    /// Idempotent, as RFC 8058 §3.2 requires of one-click unsubscribe.
    ///
    /// # Errors
    /// Same as [`verify_unsubscribe_link`](Self::verify_unsubscribe_link).
    pub async fn unsubscribe(&self, token: &str) -> Result<Subscriber, LinkError> {
        let subscriber = self.verify_unsubscribe_link(token).await?;
        self.unsubscribe_subscriber(&subscriber).await?;
        Ok(subscriber)
    }

    pub(super) async fn unsubscribe_subscriber(
        &self,
        subscriber: &Subscriber,
    ) -> Result<(), StoreError> {
        let request = Unsubscribe {
            id: subscriber.id,
            nonce: self.nonce(),
        };
        if self.store.unsubscribe(&[request], self.now()).await? > 0 {
            tracing::info!(subscriber = %subscriber.id, "subscriber unsubscribed");
        }
        Ok(())
    }

    pub(super) async fn subscriber_from_token(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<Subscriber, LinkError> {
        let id = self.keys.verify_subscriber_token(purpose, token)?;
        self.store.subscriber(&id).await?.ok_or(LinkError::Invalid)
    }

    /// Erases the subscriber with this address and keeps the address out of later imports.
    ///
    /// Returns `false` if no subscriber has the address.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// the stored subscriber cannot be parsed.
    pub async fn erase_by_address(&self, address: &EmailAddress) -> Result<bool, StoreError> {
        let Some(subscriber) = self.store.subscriber_by_address(address).await? else {
            return Ok(false);
        };
        self.erase_subscriber(&subscriber).await?;
        Ok(true)
    }

    pub(super) async fn erase_subscriber(&self, subscriber: &Subscriber) -> Result<(), StoreError> {
        let request = Erase {
            id: subscriber.id,
            address_mac: self.address_mac(&subscriber.address),
        };
        self.store.erase(&[request], self.now()).await?;
        tracing::info!(subscriber = %subscriber.id, "subscriber erased");
        Ok(())
    }
}

//! Unsubscribing and erasure.

use crate::domain::email_address::EmailAddress;
use crate::domain::ids::SubscriberId;
use crate::domain::signed_token::Purpose;
use crate::store::{Erase, StoreError, Subscriber, Unsubscribe};
use crate::subscription::{LinkError, SubscriptionService};

impl SubscriptionService {
    /// Returns the subscriber that an unsubscribe link belongs to, or `None` if there is none any
    /// longer: a link in a mail that was sent is never wrong.
    ///
    /// It belongs to the subscriber it was sent to, to the one that this was merged into, or to
    /// the one that returned with the same address after an erasure.
    ///
    /// # Errors
    /// Returns [`LinkError::Invalid`] if the link is forged or belongs to a test mail, and
    /// [`LinkError::Store`] if the subscriber cannot be read.
    pub async fn verify_unsubscribe_link(
        &self,
        token: &str,
    ) -> Result<Option<Subscriber>, LinkError> {
        let id = self
            .keys
            .verify_subscriber_token(Purpose::Unsubscribe, token)?;
        if id == SubscriberId::NOBODY {
            return Err(LinkError::Invalid);
        }
        Ok(self.store.subscriber_or_successor(&id).await?)
    }

    /// Ends a subscription immediately: deliveries that are not being sent yet are skipped.
    ///
    /// Idempotent, as RFC 8058 §3.2 requires of one-click unsubscribe.
    ///
    /// # Errors
    /// Same as [`verify_unsubscribe_link`](Self::verify_unsubscribe_link).
    pub async fn unsubscribe(&self, token: &str) -> Result<Option<Subscriber>, LinkError> {
        let subscriber = self.verify_unsubscribe_link(token).await?;
        if let Some(subscriber) = &subscriber {
            self.unsubscribe_subscriber(subscriber).await?;
        }
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
        self.erase(&[request]).await?;
        tracing::info!(subscriber = %subscriber.id, "subscriber erased");
        Ok(())
    }

    /// Erases subscribers and the mail to them that was kept as files. Returns how many there
    /// were.
    pub(super) async fn erase(&self, requests: &[Erase]) -> Result<u64, StoreError> {
        let erased = self.store.erase(requests, self.now()).await?;
        let outbox = self.outbox.clone();
        let removed = tokio::task::spawn_blocking(move || outbox.remove(&erased.deliveries)).await;
        if let Err(error) = removed.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            tracing::warn!(%error, "cannot delete kept mail of erased subscribers");
        }
        Ok(erased.subscribers)
    }
}

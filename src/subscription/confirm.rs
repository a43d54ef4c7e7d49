//! Second step of the double opt-in: opening the confirmation link.

use crate::domain::subscriber::SubscriberState;
use crate::store::Subscriber;
use crate::subscription::{LinkError, SubscriptionService};

/// State of the subscriber that a valid confirmation link belongs to.
#[derive(Clone, Debug)]
pub enum Confirmation {
    /// Not confirmed yet: the page shows the button.
    Pending(Subscriber),
    /// Already confirmed, also if the link has expired since.
    AlreadyConfirmed(Subscriber),
}

impl SubscriptionService {
    /// Verifies a confirmation link without changing anything, because mail scanners open
    /// every link.
    ///
    /// # Errors
    /// Returns [`LinkError::Invalid`] if the link is forged, expired or replaced by a newer
    /// one, and [`LinkError::Store`] if the subscriber cannot be read.
    pub async fn verify_confirmation_link(&self, token: &str) -> Result<Confirmation, LinkError> {
        let claimed = self.keys.claimed_subscriber(token)?;
        let subscriber = self
            .store
            .subscriber(&claimed)
            .await?
            .ok_or(LinkError::Invalid)?;
        let expires_at = self.keys.verify_confirmation(token, &subscriber.nonce)?;
        if subscriber.state == SubscriberState::Confirmed {
            return Ok(Confirmation::AlreadyConfirmed(subscriber));
        }
        if expires_at <= self.now() {
            return Err(LinkError::Invalid);
        }
        Ok(Confirmation::Pending(subscriber))
    }

    /// Confirms the subscription that a link belongs to. Idempotent.
    ///
    /// # Errors
    /// Same as [`verify_confirmation_link`](Self::verify_confirmation_link).
    pub async fn confirm(&self, token: &str, ip: Option<&str>) -> Result<Confirmation, LinkError> {
        let confirmation = self.verify_confirmation_link(token).await?;
        if let Confirmation::Pending(subscriber) = &confirmation {
            let address_macs = self.address_macs(&subscriber.address);
            let is_confirmed = self
                .store
                .confirm(subscriber, ip, &address_macs, self.now())
                .await?;
            if is_confirmed {
                tracing::info!(subscriber = %subscriber.id, "subscription confirmed");
            }
        }
        Ok(confirmation)
    }
}

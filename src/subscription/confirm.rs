//! The second half of a double opt-in.

use crate::domain::subscriber::SubscriberState;
use crate::store::Subscriber;
use crate::subscription::{LinkError, SubscriptionService};

/// Where a confirmation link leads.
#[derive(Clone, Debug)]
pub enum Confirmation {
    /// To the button.
    Open(Subscriber),
    Already(Subscriber),
}

impl SubscriptionService {
    /// Looks a link up and changes nothing: mail scanners open every link.
    ///
    /// # Errors
    /// [`LinkError::Gone`] when it is forged, too old, or void.
    pub async fn look_up_confirmation(&self, token: &str) -> Result<Confirmation, LinkError> {
        let claimed = self.keys.claimed_subscriber(token)?;
        let subscriber = self
            .store
            .subscriber(&claimed)
            .await?
            .ok_or(LinkError::Gone)?;
        let expires = self.keys.verify_confirmation(token, &subscriber.nonce)?;
        if subscriber.state == SubscriberState::Confirmed {
            return Ok(Confirmation::Already(subscriber));
        }
        if expires <= self.now() {
            return Err(LinkError::Gone);
        }
        Ok(Confirmation::Open(subscriber))
    }

    /// Confirms by a link. Doing it twice is as good as once.
    ///
    /// # Errors
    /// As [`Self::look_up_confirmation`].
    pub async fn confirm(&self, token: &str, ip: Option<&str>) -> Result<Confirmation, LinkError> {
        let found = self.look_up_confirmation(token).await?;
        if let Confirmation::Open(subscriber) = &found {
            let macs = self.address_macs(&subscriber.address);
            if self
                .store
                .confirm(subscriber, ip, &macs, self.now())
                .await?
            {
                tracing::info!(subscriber = %subscriber.id, "confirmed");
            }
        }
        Ok(found)
    }
}

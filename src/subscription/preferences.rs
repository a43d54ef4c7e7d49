//! Preferences that a subscriber changes through the link in any email.

use std::time::Duration;

use crate::domain::signed_token::Purpose;
use crate::store::Subscriber;
use crate::subscription::{LinkError, SubscriptionService};

/// Length of a pause: four weeks, as the pages and emails say.
pub const PAUSE_DURATION: Duration = Duration::from_secs(4 * 7 * 24 * 60 * 60);

impl SubscriptionService {
    /// Returns the subscriber that a preferences link belongs to.
    ///
    /// # Errors
    /// Returns [`LinkError::Invalid`] if the link is forged or its subscriber was erased, and
    /// [`LinkError::Store`] if the subscriber cannot be read.
    pub async fn verify_preferences_link(&self, token: &str) -> Result<Subscriber, LinkError> {
        self.subscriber_from_token(Purpose::Preferences, token)
            .await
    }

    /// Pauses a subscription for [`PAUSE_DURATION`]. Also skips deliveries of an issue that is
    /// being sent, except those already being sent.
    ///
    /// # Errors
    /// Same as [`verify_preferences_link`](Self::verify_preferences_link).
    pub async fn pause(&self, token: &str) -> Result<(), LinkError> {
        let subscriber = self.verify_preferences_link(token).await?;
        let now = self.now();
        self.store
            .pause(&subscriber.id, Some(now.plus(PAUSE_DURATION)), now)
            .await?;
        Ok(())
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// Same as [`verify_preferences_link`](Self::verify_preferences_link).
    pub async fn resume(&self, token: &str) -> Result<(), LinkError> {
        let subscriber = self.verify_preferences_link(token).await?;
        self.store.pause(&subscriber.id, None, self.now()).await?;
        Ok(())
    }

    /// Unsubscribes the subscriber of a preferences link.
    ///
    /// # Errors
    /// Same as [`verify_preferences_link`](Self::verify_preferences_link).
    pub async fn unsubscribe_by_preferences(&self, token: &str) -> Result<(), LinkError> {
        let subscriber = self.verify_preferences_link(token).await?;
        self.unsubscribe_subscriber(&subscriber).await?;
        Ok(())
    }

    /// Reverts an unsubscribe of a subscriber who had confirmed.
    ///
    /// No confirmation is needed: the link proves control of the mailbox as a confirmation
    /// would. Returns `false` if there was nothing to revert.
    ///
    /// # Errors
    /// Same as [`verify_preferences_link`](Self::verify_preferences_link).
    pub async fn resubscribe(&self, token: &str) -> Result<bool, LinkError> {
        let subscriber = self.verify_preferences_link(token).await?;
        let is_resubscribed = self.store.resubscribe(&subscriber.id, self.now()).await?;
        if is_resubscribed {
            tracing::info!(subscriber = %subscriber.id, "subscriber resubscribed");
        }
        Ok(is_resubscribed)
    }
}

//! What a reader can change from any mail they got.

use std::time::Duration;

use crate::domain::signed_token::Purpose;
use crate::store::Subscriber;
use crate::subscription::{LinkError, SubscriptionService};

/// How long a pause lasts.
pub const PAUSE: Duration = Duration::from_secs(4 * 7 * 24 * 60 * 60);

impl SubscriptionService {
    /// Whose preferences link this is.
    ///
    /// # Errors
    /// [`LinkError::Gone`] when it is forged or its reader was erased.
    pub async fn look_up_preferences(&self, token: &str) -> Result<Subscriber, LinkError> {
        self.reader_of(Purpose::Preferences, token).await
    }

    /// Leaves a reader out for four weeks, an issue that is being sent included.
    ///
    /// # Errors
    /// As [`Self::look_up_preferences`].
    pub async fn pause(&self, token: &str) -> Result<(), LinkError> {
        let subscriber = self.look_up_preferences(token).await?;
        let now = self.now();
        self.store
            .pause(&subscriber.id, Some(now.plus(PAUSE)), now)
            .await?;
        Ok(())
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// As [`Self::look_up_preferences`].
    pub async fn resume(&self, token: &str) -> Result<(), LinkError> {
        let subscriber = self.look_up_preferences(token).await?;
        self.store.pause(&subscriber.id, None, self.now()).await?;
        Ok(())
    }

    /// Unsubscribes from the preferences page.
    ///
    /// # Errors
    /// As [`Self::look_up_preferences`].
    pub async fn leave_by_preferences(&self, token: &str) -> Result<(), LinkError> {
        let subscriber = self.look_up_preferences(token).await?;
        self.leave(&subscriber).await?;
        Ok(())
    }

    /// Takes an unsubscribing back, for who had been confirmed: the link proves the
    /// mailbox as a confirmation would. False when there was nothing to take back.
    ///
    /// # Errors
    /// As [`Self::look_up_preferences`].
    pub async fn resubscribe(&self, token: &str) -> Result<bool, LinkError> {
        let subscriber = self.look_up_preferences(token).await?;
        let back = self.store.resubscribe(&subscriber.id, self.now()).await?;
        if back {
            tracing::info!(subscriber = %subscriber.id, "came back");
        }
        Ok(back)
    }
}

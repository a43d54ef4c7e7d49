//! Forgetting what need not be known any more.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::clock::Clock;
use crate::store::{Store, StoreError};

const EVERY: Duration = Duration::from_secs(10 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Unconfirmed sign-ups are purged after this.
const UNCONFIRMED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long it is known who did what, and by which token.
const AUDIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Clone, Debug)]
pub struct Housekeeping {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
}

impl Housekeeping {
    /// Tidies at once and every ten minutes, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.run_once().await {
                tracing::warn!(%error, "housekeeping has to wait");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// # Errors
    /// When the database fails.
    pub async fn run_once(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let purged = self
            .store
            .purge_pending(now.minus(UNCONFIRMED), now)
            .await?;
        if purged > 0 {
            tracing::info!(purged, "sign-ups that nobody confirmed are forgotten");
        }
        self.store.compact_state_log().await?;
        self.store.purge_signup_mails(now.minus(DAY)).await?;
        self.store.purge_audit(now.minus(AUDIT)).await?;
        self.store.purge_api_tokens(now.minus(AUDIT)).await?;
        self.store.purge_sessions(now).await
    }
}

//! Deletes data whose retention period has expired.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::clock::Clock;
use crate::store::{Store, StoreError};

/// Time between two runs.
const RUN_INTERVAL: Duration = Duration::from_secs(10 * 60);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Retention of unconfirmed sign-ups.
const PENDING_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Retention of the rate-limit counters for sign-up mails.
///
/// One day, which is the longest period of a limit.
const RATE_LIMIT_RETENTION: Duration = DAY;

/// Retention of audit entries, and of the revoked API tokens that they name.
const AUDIT_RETENTION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Periodic deletion of expired data.
#[derive(Clone, Debug)]
pub struct Housekeeping {
    /// The database.
    pub store: Store,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
}

impl Housekeeping {
    /// Runs at once and then every ten minutes, until `stop` is cancelled.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.run_once().await {
                tracing::warn!(%error, "housekeeping failed; retrying");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RUN_INTERVAL) => {}
            }
        }
    }

    /// Deletes everything whose retention period has expired.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Database`] if a statement fails; the next run continues.
    pub async fn run_once(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let purged = self
            .store
            .purge_pending(now.minus(PENDING_RETENTION), now)
            .await?;
        if purged > 0 {
            tracing::info!(subscribers = purged, "unconfirmed sign-ups deleted");
        }
        let audit_start = now.minus(AUDIT_RETENTION);
        self.store.compact_state_log().await?;
        self.store
            .purge_signup_mails(now.minus(RATE_LIMIT_RETENTION))
            .await?;
        self.store.purge_audit(audit_start).await?;
        self.store.purge_api_tokens(audit_start).await?;
        self.store.purge_sessions(now).await
    }
}

//! Actions on a frozen issue: pause, resume, cancel and retry.

use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::issue::IssueId;
use crate::store::{Store, StoreError};

/// Action on a frozen issue, requested in the admin UI, through the API or by a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueAction {
    /// Stops sending until the issue is resumed.
    Pause,
    /// Continues sending a paused issue.
    Resume,
    /// Skips all deliveries that are not being sent yet. Irreversible.
    Cancel,
    /// Makes all deferred deliveries due now.
    RetryNow,
    /// Enqueues bounced and in-doubt deliveries of active subscribers again.
    RequeueFailed,
}

impl IssueAction {
    /// Returns the action with this form value, or `None` for an unknown value.
    pub fn parse(value: &str) -> Option<Self> {
        match value {
            "pause" => Some(Self::Pause),
            "resume" => Some(Self::Resume),
            "cancel" => Some(Self::Cancel),
            "try_now" => Some(Self::RetryNow),
            "send_again" => Some(Self::RequeueFailed),
            _ => None,
        }
    }

    /// Returns the entry of the audit log for this action.
    pub const fn audit_action(self) -> AuditAction {
        match self {
            Self::Pause => AuditAction::IssuePaused,
            Self::Resume => AuditAction::IssueResumed,
            Self::Cancel => AuditAction::IssueCancelled,
            Self::RetryNow => AuditAction::IssueTriedNow,
            Self::RequeueFailed => AuditAction::IssueSentAgain,
        }
    }

    /// Applies the action to an issue. `actor` is recorded as the account or client that paused
    /// it.
    ///
    /// Returns the number of deliveries changed by [`RetryNow`](Self::RetryNow) and
    /// [`RequeueFailed`](Self::RequeueFailed), otherwise 1; 0 if the state of the issue does
    /// not allow the action or there was nothing to change.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the transaction fails.
    pub async fn apply(
        self,
        store: &Store,
        issue: &IssueId,
        actor: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Pause => Ok(store.pause_issue(issue, actor).await?.into()),
            Self::Resume => Ok(store.resume_issue(issue, now).await?.into()),
            Self::Cancel => Ok(store.cancel_issue(issue, now).await?.into()),
            Self::RetryNow => store.retry_deferred_now(issue, now).await,
            Self::RequeueFailed => store.requeue_failed(issue, now).await,
        }
    }
}

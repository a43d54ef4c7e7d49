//! What people and programs may do to an issue once it is frozen.

use crate::domain::audit::AuditAction;
use crate::store::{IssueRow, StoreError};
use crate::web::state::AppState;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueAction {
    Pause,
    Resume,
    Cancel,
    /// What waits for a later try is tried at once.
    TryNow,
    /// To those who bounced or are in doubt.
    SendAgain,
}

impl IssueAction {
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "pause" => Some(Self::Pause),
            "resume" => Some(Self::Resume),
            "cancel" => Some(Self::Cancel),
            "try_now" => Some(Self::TryNow),
            "send_again" => Some(Self::SendAgain),
            _ => None,
        }
    }

    /// As the list of who did what names it.
    pub const fn action(self) -> AuditAction {
        match self {
            Self::Pause => AuditAction::IssuePaused,
            Self::Resume => AuditAction::IssueResumed,
            Self::Cancel => AuditAction::IssueCancelled,
            Self::TryNow => AuditAction::IssueTriedNow,
            Self::SendAgain => AuditAction::IssueSentAgain,
        }
    }

    /// Does it. Gives how many copies it touched, or 1 where it touched the issue as one;
    /// 0 when there was nothing to do. `by` is whom the desk names as who paused it.
    pub async fn apply(
        self,
        state: &AppState,
        issue: &IssueRow,
        by: &str,
    ) -> Result<u64, StoreError> {
        let (store, now) = (&state.web.store, state.now());
        let changed = match self {
            Self::Pause => store.pause_issue(&issue.id, by).await?.into(),
            Self::Resume => store.resume_issue(&issue.id, now).await?.into(),
            Self::Cancel => store.cancel_issue(&issue.id, now).await?.into(),
            Self::TryNow => store.retry_deferred_now(&issue.id, now).await?,
            Self::SendAgain => store.requeue_failed(&issue.id, now).await?,
        };
        if changed > 0 {
            state.live.changed(&issue.id);
        }
        Ok(changed)
    }
}

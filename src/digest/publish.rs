//! Freezing of an issue, at most once per slot.

use crate::digest::draft::DraftError;
use crate::digest::{DigestService, Draft};
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::store::{FreezeOutcome, IssueRow, NewIssue};

/// Maximum attempts to freeze an issue when another process changes the draft or takes the
/// issue number. Each conflict means that another issue was created, so more are implausible.
const MAX_ATTEMPTS: usize = 20;

/// Result of publishing.
#[derive(Clone, Debug)]
pub enum Published {
    /// The issue was created.
    Created {
        /// Id of the issue.
        id: IssueId,
        /// Number of the issue.
        number: IssueNumber,
    },
    /// The slot has an issue already.
    AlreadyExists(Box<IssueRow>),
    /// Too few posts or no active subscribers. The slot remains free.
    NothingNew(Box<Draft>),
    /// The editor has skipped the week.
    Skipped,
}

/// Error of publishing an issue.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The draft cannot be made, or the database failed.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// Other processes created issues concurrently in each of [`MAX_ATTEMPTS`] attempts.
    #[error("other issues were created at the same time; please try again")]
    Conflict,
}

impl From<crate::store::StoreError> for PublishError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Draft(error.into())
    }
}

impl DigestService {
    /// Returns whether the draft has enough content and at least one recipient.
    pub fn is_worth_sending(&self, draft: &Draft) -> bool {
        draft.recipients > 0 && self.has_enough_content(draft)
    }

    /// Returns whether the draft has a note or the minimum number of posts.
    pub fn has_enough_content(&self, draft: &Draft) -> bool {
        draft.edits.note.is_some() || draft.selection.chosen.len() >= self.rules.min_posts
    }

    /// Creates the issue of `slot`, or an extra issue if it is `None`, from the stored posts.
    ///
    /// Enqueues the first deliveries; workers enqueue the rest.
    ///
    /// # Errors
    /// Returns [`PublishError::Draft`] if the draft cannot be made or the database fails, and
    /// [`PublishError::Conflict`] after repeated concurrent changes.
    pub async fn publish(&self, slot: Option<Slot>) -> Result<Published, PublishError> {
        for _ in 0..MAX_ATTEMPTS {
            let draft = self.draft().await?;
            if let Some(published) = self.freeze_draft(draft, slot, false).await? {
                return Ok(published);
            }
        }
        Err(PublishError::Conflict)
    }

    /// Creates the issue of `slot` from a draft that the editor has reviewed, even if the week
    /// is skipped.
    ///
    /// Returns `None` if the draft has changed in the meantime.
    ///
    /// # Errors
    /// Returns [`PublishError::Draft`] if the database fails.
    pub async fn publish_reviewed(
        &self,
        draft: Draft,
        slot: Slot,
    ) -> Result<Option<Published>, PublishError> {
        self.freeze_draft(draft, Some(slot), true).await
    }

    async fn freeze_draft(
        &self,
        draft: Draft,
        slot: Option<Slot>,
        is_reviewed: bool,
    ) -> Result<Option<Published>, PublishError> {
        if let Some(slot) = &slot {
            if let Some(issue) = self.store.issue_of_slot(slot).await? {
                return Ok(Some(Published::AlreadyExists(Box::new(issue))));
            }
            if !is_reviewed && self.store.is_slot_skipped(slot).await? {
                return Ok(Some(Published::Skipped));
            }
        }
        if !self.is_worth_sending(&draft) {
            return Ok(Some(Published::NothingNew(Box::new(draft))));
        }
        let issue = self.new_issue(&draft, slot, is_reviewed);
        Ok(match self.store.freeze(&issue, self.now()).await? {
            FreezeOutcome::Frozen { recipients } => {
                tracing::info!(issue = %issue.number, recipients, "issue frozen");
                Some(Published::Created {
                    id: issue.id,
                    number: issue.number,
                })
            }
            FreezeOutcome::NoRecipients => Some(Published::NothingNew(Box::new(draft))),
            FreezeOutcome::SlotSkipped => Some(Published::Skipped),
            FreezeOutcome::SlotTaken | FreezeOutcome::Conflict => None,
        })
    }

    fn new_issue(&self, draft: &Draft, slot: Option<Slot>, is_reviewed: bool) -> NewIssue {
        let mail = self.freeze(draft);
        let chosen = draft.selection.chosen.iter();
        let excluded = draft.selection.excluded.iter();
        let left_over = excluded.filter(|(_, exclusion)| exclusion.was_offered());
        NewIssue {
            id: IssueId::new(self.now(), &self.random),
            number: draft.number,
            slot,
            subject: draft.subject.clone(),
            preheader: draft.preheader.clone(),
            content_hash: mail.content_hash(),
            message: mail.to_json(),
            posts: chosen.map(|(post, _)| post.clone()).collect(),
            estimated_recipients: draft.recipients,
            omitted_posts: left_over.map(|(post, _)| post.id).collect(),
            edits: draft.edits.clone(),
            is_manual: is_reviewed,
        }
    }
}

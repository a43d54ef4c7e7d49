//! Freezing an issue: once per slot, whoever asks.

use crate::digest::draft::DraftError;
use crate::digest::{DigestService, Draft};
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::store::{FreezeOutcome, IssueRow, NewIssue};

/// Drafting again after this many others were quicker would be strange.
const TRIES: usize = 20;

/// What came of publishing.
#[derive(Clone, Debug)]
pub enum Published {
    Made {
        id: IssueId,
        number: IssueNumber,
    },
    /// The week has its issue already.
    AlreadyThere(Box<IssueRow>),
    /// Too few posts, or nobody to read them. The slot stays unused.
    NothingNew(Box<Draft>),
    /// The editor wants no issue in this week.
    Skipped,
}

#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    Draft(#[from] DraftError),
    #[error("other issues were made at the same moment, again and again; try once more")]
    Crowded,
}

impl From<crate::store::StoreError> for PublishError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Draft(error.into())
    }
}

impl DigestService {
    /// Whether this draft is worth an issue. A note alone is.
    pub fn is_worth_sending(&self, draft: &Draft) -> bool {
        draft.readers > 0 && self.has_enough(draft)
    }

    /// Whether there is enough to read in it.
    pub fn has_enough(&self, draft: &Draft) -> bool {
        draft.edits.note.is_some() || draft.selection.chosen.len() >= self.rules.min_posts
    }

    /// Makes the issue of `slot` (`None`: one beside the week's) from the posts that are
    /// there, and begins to queue a copy for every reader; whoever delivers goes on.
    ///
    /// # Errors
    /// As drafting, or when others are quicker every time.
    pub async fn publish(&self, slot: Option<Slot>) -> Result<Published, PublishError> {
        for _ in 0..TRIES {
            let draft = self.draft().await?;
            if let Some(published) = self.freeze_draft(draft, slot, false).await? {
                return Ok(published);
            }
        }
        Err(PublishError::Crowded)
    }

    /// Makes the issue of `slot` from exactly this draft, which a person looked at, also
    /// in a week that was to be skipped. `None` when something has changed meanwhile.
    ///
    /// # Errors
    /// When the database fails.
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
        by_hand: bool,
    ) -> Result<Option<Published>, PublishError> {
        if let Some(slot) = &slot {
            if let Some(issue) = self.store.issue_of_slot(slot).await? {
                return Ok(Some(Published::AlreadyThere(Box::new(issue))));
            }
            if !by_hand && self.store.is_slot_skipped(slot).await? {
                return Ok(Some(Published::Skipped));
            }
        }
        if !self.is_worth_sending(&draft) {
            return Ok(Some(Published::NothingNew(Box::new(draft))));
        }
        let issue = self.new_issue(&draft, slot, by_hand);
        Ok(match self.store.freeze(&issue, self.now()).await? {
            FreezeOutcome::Frozen { recipients } => {
                tracing::info!(issue = %issue.number, recipients, "issue frozen");
                Some(Published::Made {
                    id: issue.id,
                    number: issue.number,
                })
            }
            FreezeOutcome::NoRecipients => Some(Published::NothingNew(Box::new(draft))),
            FreezeOutcome::SlotSkipped => Some(Published::Skipped),
            FreezeOutcome::SlotTaken | FreezeOutcome::Conflict => None,
        })
    }

    fn new_issue(&self, draft: &Draft, slot: Option<Slot>, by_hand: bool) -> NewIssue {
        let mail = self.freeze(draft);
        let chosen = draft.selection.chosen.iter();
        let left_out = draft.selection.left_out.iter();
        let left_over = left_out.filter(|(_, why)| why.was_offered());
        NewIssue {
            id: IssueId::new(self.now(), &self.random),
            number: draft.number,
            slot,
            subject: draft.subject.clone(),
            preheader: draft.preheader.clone(),
            content_hash: mail.content_hash(),
            message: mail.to_json(),
            posts: chosen.map(|(post, _)| post.clone()).collect(),
            estimated_recipients: draft.readers,
            omitted_posts: left_over.map(|(post, _)| post.id).collect(),
            edits: draft.edits.clone(),
            is_manual: by_hand,
        }
    }
}

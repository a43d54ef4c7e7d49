//! Freezing an issue: once per slot, whoever asks.

use super::draft::DraftError;
use super::{Digests, Draft};
use crate::domain::issue::{IssueId, IssueNumber};
use crate::domain::post::PostId;
use crate::domain::slot::Slot;
use crate::store::{Claimed, IssueRow, NewIssue};

/// Drafting again after this many others were quicker would be strange.
const TRIES: usize = 20;

/// What came of publishing.
#[derive(Clone, Debug)]
pub enum Published {
    Made {
        id: IssueId,
        number: IssueNumber,
        recipients: i64,
    },
    /// The week has its issue already.
    AlreadyThere(Box<IssueRow>),
    /// Too few posts, or nobody to read them. The slot stays unused.
    NothingNew(Box<Draft>),
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

impl Digests {
    /// Whether this draft is worth an issue.
    pub fn is_worth_sending(&self, draft: &Draft) -> bool {
        draft.readers > 0 && draft.selection.chosen.len() >= self.rules.min_posts
    }

    /// Makes the issue of `slot` (`None`: one beside the week's) from the posts that are
    /// there, and queues a copy for every reader.
    ///
    /// # Errors
    /// As drafting, or when others are quicker every time.
    pub async fn publish(&self, slot: Option<Slot>) -> Result<Published, PublishError> {
        for _ in 0..TRIES {
            if let Some(slot) = &slot
                && let Some(issue) = self.store.issue_of_slot(slot).await?
            {
                return Ok(Published::AlreadyThere(Box::new(issue)));
            }
            let draft = self.draft().await?;
            if !self.is_worth_sending(&draft) {
                return Ok(Published::NothingNew(Box::new(draft)));
            }
            let issue = self.new_issue(&draft, slot);
            match self.store.freeze(&issue, self.now()).await? {
                Claimed::Made { recipients } => {
                    tracing::info!(issue = %issue.number, recipients, "issue frozen");
                    return Ok(Published::Made {
                        id: issue.id,
                        number: issue.number,
                        recipients,
                    });
                }
                Claimed::NobodyReads => return Ok(Published::NothingNew(Box::new(draft))),
                Claimed::SlotTaken | Claimed::Outrun => {}
            }
        }
        Err(PublishError::Crowded)
    }

    fn new_issue(&self, draft: &Draft, slot: Option<Slot>) -> NewIssue {
        let mail = self.freeze(draft);
        let ids = |posts: &mut dyn Iterator<Item = &PostId>| posts.copied().collect::<Vec<_>>();
        let left_over = draft
            .selection
            .left_out
            .iter()
            .filter(|(_, why)| why.was_offered());
        NewIssue {
            id: IssueId::new(self.now(), &self.random),
            number: draft.number,
            slot,
            subject: draft.subject.clone(),
            preheader: draft.preheader.clone(),
            content_hash: mail.content_hash(),
            mail: mail.to_json(),
            posts: ids(&mut draft.selection.chosen.iter().map(|(post, _)| &post.id)),
            left_over: ids(&mut left_over.map(|(post, _)| &post.id)),
        }
    }
}

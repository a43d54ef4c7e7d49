//! Freezes an issue: assigns its number, slot and posts, and starts the fan-out, atomically.

use fail::fail_point;

use crate::domain::clock::Timestamp;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::post::{Post, PostId};
use crate::domain::issue::slot::Slot;
use crate::domain::issue::text::Note;
use crate::domain::issue::{DeliveryCounts, IssueId, IssueNumber};
use crate::store::db::connect::Store;
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::sql::give_up_sql;
use crate::store::error::StoreError;
use crate::store::issues::{counts, drafts, fanout, skipped};

/// A rendered issue that is ready to be frozen.
#[derive(Clone, Debug)]
pub struct NewIssue {
    /// Key of the issue.
    pub id: IssueId,
    /// The number that the message was rendered with.
    pub number: IssueNumber,
    /// Slot of a weekly issue, or `None` for an additional issue.
    pub slot: Option<Slot>,
    /// Subject of the message.
    pub subject: String,
    /// Preheader of the message.
    pub preheader: String,
    /// The message as JSON.
    pub message: String,
    /// Hash of the content, which identifies the reviewed draft.
    pub content_hash: String,
    /// Posts in the order of the issue, with the texts that it shows.
    pub posts: Vec<Post>,
    /// Number of recipients when the issue was drafted.
    pub estimated_recipients: i64,
    /// New posts that exceeded the limit of the issue.
    pub omitted_posts: Vec<PostId>,
    /// The edits that the draft was made with. They are consumed by the issue.
    pub edits: DraftEdits,
    /// Whether a user requested the issue. Then a skipped slot does not prevent it.
    pub is_manual: bool,
}

/// Result of freezing an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreezeOutcome {
    /// The issue is frozen and sending.
    Frozen {
        /// Number of recipients; an estimate while the [fan-out](Store::run_fan_outs) is pending.
        recipients: i64,
    },
    /// The slot already has an issue.
    SlotTaken,
    /// The editor skips the slot.
    SlotSkipped,
    /// The issue number or a post was taken concurrently, or the draft changed. The caller
    /// rebuilds the draft and retries.
    Conflict,
    /// There are no recipients. The slot remains free.
    NoRecipients,
}

const SLOT_ISSUE: &str = "SELECT id FROM issues WHERE slot = $1";
const NEXT_NUMBER: &str =
    "SELECT CAST(COALESCE(MAX(number), 0) + 1 AS BIGINT) AS number FROM issues";
const INSERT: &str = "INSERT INTO issues
    (id, number, slot, state, subject, preheader, note, message, content_hash, recipients, frozen_at)
    VALUES ($1, $2, $3, 'sending', $4, $5, $6, $7, $8, 0, $9)";
// Stores the texts that were sent, because the archive shows them even if the feed changes.
const ASSIGN_POST: &str =
    "UPDATE posts SET issue_id = $2, position = $3, title = $4, url = $5, excerpt = $6
    WHERE id = $1 AND issue_id IS NULL";
const INCREMENT_OFFERED: &str = "UPDATE posts SET times_offered = times_offered + 1 WHERE id = $1";

// A weekly issue supersedes older ones: their deferred deliveries are not retried.
const EXPIRE_OLDER: &str = give_up_sql!(
    "bounced",
    "settled_state = 'deferred'",
    "issue_id IN (SELECT id FROM issues WHERE number < $1 AND state IN ('sending', 'paused'))"
);

impl Store {
    /// Returns the number of the next issue.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if a
    /// stored number is not valid.
    pub async fn next_number(&self) -> Result<IssueNumber, StoreError> {
        let query = sqlx::query_scalar(NEXT_NUMBER);
        Ok(query.fetch_one(&self.pool).await?)
    }

    /// Freezes an issue and inserts its first deliveries, all or nothing.
    ///
    /// Concurrent calls for one slot create one issue.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn freeze(
        &self,
        issue: &NewIssue,
        now: Timestamp,
    ) -> Result<FreezeOutcome, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            if let Some(slot) = &issue.slot
                && let Some(rejected) = claim_slot(&mut tx, slot, issue.is_manual).await?
            {
                return Ok(rejected);
            }
            let next: i64 = sqlx::query_scalar(NEXT_NUMBER).fetch_one(&mut *tx).await?;
            let remaining_edits = issue.edits.carry_over(&issue.posts);
            if next != issue.number.get()
                || !drafts::consume(&mut tx, issue.edits.version, &remaining_edits).await?
            {
                return Ok(FreezeOutcome::Conflict);
            }
            insert(&mut tx, issue, now).await?;
            if !assign_posts(&mut tx, issue).await? {
                return Ok(FreezeOutcome::Conflict);
            }
            if issue.slot.is_some() {
                let expire = sqlx::query(EXPIRE_OLDER).bind(issue.number).bind(now);
                expire.execute(&mut *tx).await?;
            }
            let recipients =
                fanout::start(&mut tx, &issue.id, issue.estimated_recipients, now).await?;
            if recipients == 0 {
                return Ok(FreezeOutcome::NoRecipients);
            }
            fail_point!("freezing");
            tx.commit().await?;
            fail_point!("frozen");
            Ok(FreezeOutcome::Frozen { recipients })
        })
        .await
    }
}

/// Checks that a slot may have an issue now, and returns the outcome if not. A manual issue
/// reverts the skip of its slot.
async fn claim_slot(
    tx: &mut WriteTx,
    slot: &Slot,
    is_manual: bool,
) -> Result<Option<FreezeOutcome>, StoreError> {
    let query = sqlx::query(SLOT_ISSUE).bind(slot);
    if query.fetch_optional(&mut **tx).await?.is_some() {
        return Ok(Some(FreezeOutcome::SlotTaken));
    }
    if is_manual {
        let unskip = sqlx::query(skipped::UNSKIP).bind(slot);
        unskip.execute(&mut **tx).await?;
        return Ok(None);
    }
    let query = sqlx::query(skipped::IS_SKIPPED).bind(slot);
    let skipped = query.fetch_optional(&mut **tx).await?;
    Ok(skipped.map(|_| FreezeOutcome::SlotSkipped))
}

async fn insert(tx: &mut WriteTx, issue: &NewIssue, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(issue.id)
        .bind(issue.number)
        .bind(issue.slot)
        .bind(&issue.subject)
        .bind(&issue.preheader)
        .bind(issue.edits.note.as_ref().map(Note::as_str))
        .bind(&issue.message)
        .bind(&issue.content_hash)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    counts::insert(tx, &issue.id, &DeliveryCounts::default()).await
}

/// Assigns the posts to the issue. Returns false if another issue already has one of them.
async fn assign_posts(tx: &mut WriteTx, issue: &NewIssue) -> Result<bool, StoreError> {
    for (position, post) in (1i64..).zip(&issue.posts) {
        let update = sqlx::query(ASSIGN_POST)
            .bind(post.id)
            .bind(issue.id)
            .bind(position)
            .bind(&post.title)
            .bind(post.url.as_str())
            .bind(&post.excerpt);
        if update.execute(&mut **tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
    }
    for post in &issue.omitted_posts {
        let update = sqlx::query(INCREMENT_OFFERED).bind(post);
        update.execute(&mut **tx).await?;
    }
    Ok(true)
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    SLOT_ISSUE,
    NEXT_NUMBER,
    INSERT,
    ASSIGN_POST,
    INCREMENT_OFFERED,
    EXPIRE_OLDER,
];

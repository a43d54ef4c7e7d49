//! Freezing an issue: its number, its posts and the first of its copies, all or nothing.

use fail::fail_point;

use crate::domain::clock::Timestamp;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::post::{Post, PostId};
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{DeliveryCounts, IssueId, IssueNumber};
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::issues::counts;
use crate::store::issues::drafts;
use crate::store::issues::fanout;
use crate::store::issues::skipped;
use crate::store::queue::commit::given_up;
use crate::store::{Store, StoreError};

/// An issue rendered and ready to be frozen.
#[derive(Clone, Debug)]
pub struct NewIssue {
    pub id: IssueId,
    /// The number it was rendered with.
    pub number: IssueNumber,
    /// The week it belongs to; `None` for one beside the week's.
    pub slot: Option<Slot>,
    pub subject: String,
    pub preheader: String,
    pub message: String,
    pub content_hash: String,
    /// In the order and the words in which they stand.
    pub posts: Vec<Post>,
    /// How many would get it when it was drafted.
    pub estimated_recipients: i64,
    /// Posts that were news and did not fit.
    pub omitted_posts: Vec<PostId>,
    /// What it was drafted with; it is used up by the issue.
    pub edits: DraftEdits,
    /// A person asks for it: that its week is to be skipped does not hold any more.
    pub is_manual: bool,
}

/// What came of freezing an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreezeOutcome {
    Frozen {
        /// As reckoned when it was drafted, while there are copies [to be
        /// made](Store::make_queues).
        recipients: i64,
    },
    /// This week has its issue already, whoever made it.
    SlotTaken,
    /// The editor wants no issue in this week.
    SlotSkipped,
    /// Another issue took the number or a post meanwhile, or the editor changed something:
    /// draft and render again.
    Conflict,
    /// Nobody would get it. The slot stays unused.
    NoRecipients,
}

// Whoever freezes an issue or sends it again goes through this one row, one after the other;
// and whoever leaves the list or moves: what is queued meanwhile would not be seen, and be
// sent to them, or to where they were.
pub(crate) const RECIPIENTS_LOCK: &str = "INSERT INTO metadata (name, value) VALUES ('freezing', '') ON CONFLICT (name) DO UPDATE SET value = ''";
const SLOT_ISSUE: &str = "SELECT id FROM issues WHERE slot = $1";
const NEXT_NUMBER: &str =
    "SELECT CAST(COALESCE(MAX(number), 0) + 1 AS BIGINT) AS number FROM issues";
const INSERT: &str = "INSERT INTO issues
    (id, number, slot, state, subject, preheader, note, message, content_hash, recipients, frozen_at)
    VALUES ($1, $2, $3, 'sending', $4, $5, $6, $7, $8, 0, $9)";
// The archive shows what was sent, whatever the feed said in between.
const TAKE_POST: &str =
    "UPDATE posts SET issue_id = $2, position = $3, title = $4, url = $5, excerpt = $6
    WHERE id = $1 AND issue_id IS NULL";
const INCREMENT_OFFERED: &str = "UPDATE posts SET times_offered = times_offered + 1 WHERE id = $1";

// A week's issue makes the older ones stale: who is still waiting for one gets this instead.
const GIVE_UP_OLDER: &str = given_up!(
    "bounced",
    "settled_state = 'deferred'",
    "issue_id IN (SELECT id FROM issues WHERE number < $1 AND state IN ('sending', 'paused'))"
);

impl Store {
    /// The number the next issue would have.
    pub async fn next_number(&self) -> Result<IssueNumber, StoreError> {
        let number: i64 = sqlx::query_scalar(NEXT_NUMBER)
            .fetch_one(&self.pool)
            .await?;
        IssueNumber::new(number).map_err(|_| StoreError::Corrupt {
            what: "issue number",
            value: number.to_string(),
        })
    }

    /// Freezes an issue and begins to queue a copy for every reader, all or nothing. Whoever
    /// asks at the same moment, one slot gets one issue.
    pub async fn freeze(
        &self,
        issue: &NewIssue,
        now: Timestamp,
    ) -> Result<FreezeOutcome, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            if let Some(slot) = &issue.slot
                && let Some(refused) = claim_slot(&mut tx, slot, issue.is_manual).await?
            {
                return Ok(refused);
            }
            let next: i64 = sqlx::query_scalar(NEXT_NUMBER).fetch_one(&mut *tx).await?;
            let left = issue.edits.carry_over(&issue.posts);
            if next != issue.number.get()
                || !drafts::consume(&mut tx, issue.edits.version, &left).await?
            {
                return Ok(FreezeOutcome::Conflict);
            }
            insert(&mut tx, issue, now).await?;
            if !assign_posts(&mut tx, issue).await? {
                return Ok(FreezeOutcome::Conflict);
            }
            if issue.slot.is_some() {
                sqlx::query(GIVE_UP_OLDER)
                    .bind(issue.number.get())
                    .bind(now.as_millis())
                    .execute(&mut *tx)
                    .await?;
            }
            let recipients =
                fanout::begin(&mut tx, &issue.id, issue.estimated_recipients, now).await?;
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

/// Why the week may have no issue now, if so.
async fn claim_slot(
    tx: &mut WriteTx,
    slot: &Slot,
    by_hand: bool,
) -> Result<Option<FreezeOutcome>, StoreError> {
    let slot = slot.to_string();
    let query = sqlx::query(SLOT_ISSUE).bind(slot.clone());
    if query.fetch_optional(&mut **tx).await?.is_some() {
        return Ok(Some(FreezeOutcome::SlotTaken));
    }
    if by_hand {
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
        .bind(issue.id.to_string())
        .bind(issue.number.get())
        .bind(issue.slot.map(|slot| slot.to_string()))
        .bind(issue.subject.clone())
        .bind(issue.preheader.clone())
        .bind(issue.edits.note.as_ref().map(|it| it.as_str().to_owned()))
        .bind(issue.message.clone())
        .bind(issue.content_hash.clone())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
    counts::begin(tx, &issue.id.to_string(), &DeliveryCounts::default()).await
}

/// False when a post stands in another issue already.
async fn assign_posts(tx: &mut WriteTx, issue: &NewIssue) -> Result<bool, StoreError> {
    for (position, post) in (1i64..).zip(&issue.posts) {
        let update = sqlx::query(TAKE_POST)
            .bind(post.id.to_string())
            .bind(issue.id.to_string())
            .bind(position)
            .bind(post.title.clone())
            .bind(post.url.to_string())
            .bind(post.excerpt.clone());
        if update.execute(&mut **tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
    }
    for post in &issue.omitted_posts {
        sqlx::query(INCREMENT_OFFERED)
            .bind(post.to_string())
            .execute(&mut **tx)
            .await?;
    }
    Ok(true)
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    RECIPIENTS_LOCK,
    SLOT_ISSUE,
    NEXT_NUMBER,
    INSERT,
    TAKE_POST,
    INCREMENT_OFFERED,
    GIVE_UP_OLDER,
];

//! Issues as they stand, and what is sent of them.

pub(crate) mod counts;
pub(crate) mod drafts;
pub(crate) mod fanout;
pub(crate) mod freeze;
pub(crate) mod policy_rejections;
pub(crate) mod skipped;
pub(crate) mod state;

use fail::fail_point;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::clock::Timestamp;
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{DeliveryCounts, IssueId, IssueNumber, IssueState, IssueStatus};
use crate::store::{Store, StoreError, decode};

#[derive(Clone, Debug)]
pub struct IssueRow {
    pub id: IssueId,
    pub number: IssueNumber,
    pub slot: Option<Slot>,
    pub state: IssueState,
    /// The mail server's words, when they were the reason.
    pub pause_reason: Option<String>,
    /// How often such words paused it.
    pub pause_count: i64,
    /// Who paused it: the address of an account, or a token, by name, as `the token shop`.
    pub paused_by: Option<String>,
    /// When the mail server last answered about a copy, or sending was taken up again.
    pub last_reply_at: Option<Timestamp>,
    /// What was last heard of the mail server.
    pub last_reply: Option<String>,
    pub subject: String,
    pub preheader: String,
    pub content_hash: String,
    pub recipients: i64,
    pub frozen_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub counts: DeliveryCounts,
}

impl IssueRow {
    pub const fn status(&self) -> IssueStatus {
        IssueStatus::of(self.state, &self.counts)
    }
}

macro_rules! issue_rows {
    ($which:literal) => {
        issue_rows!($which, "")
    };
    ($which:literal, $order:literal) => {
        concat!(
            "SELECT i.id, i.number, i.slot, i.state, i.pause_reason, i.pause_count, i.paused_by, i.last_reply_at, i.last_reply,
                i.subject, i.preheader, i.content_hash, i.recipients, i.frozen_at, i.finished_at,
                CAST(SUM(t.delivered) AS BIGINT) AS delivered, CAST(SUM(t.bounced) AS BIGINT) AS bounced,
                CAST(SUM(t.skipped) AS BIGINT) AS skipped, CAST(SUM(t.in_doubt) AS BIGINT) AS in_doubt,
                CAST(SUM(t.deferred) AS BIGINT) AS deferred
             FROM issues i JOIN issue_counts t ON t.issue_id = i.id WHERE ",
            $which,
            " GROUP BY i.id ",
            $order
        )
    };
}
const BY_NUMBER: &str = issue_rows!("i.number = $1");
const BY_SLOT: &str = issue_rows!("i.slot = $1");
const BY_ID: &str = issue_rows!("i.id = $1");
const PAGE: &str = issue_rows!(
    "i.id IN (SELECT id FROM issues WHERE number < $1 ORDER BY number DESC LIMIT $2)",
    "ORDER BY i.number DESC"
);
const UNFINISHED: &str = issue_rows!("i.state IN ('sending', 'paused')", "ORDER BY i.number");
pub(crate) const ENDED: &str = issue_rows!("i.finished_at >= $1", "ORDER BY i.finished_at");
const SENDING: &str = "SELECT id FROM issues WHERE state = 'sending' ORDER BY number";
const MESSAGE: &str = "SELECT message FROM issues WHERE id = $1";
const NOTE: &str = "SELECT note FROM issues WHERE id = $1";
impl Store {
    pub async fn issue(&self, number: IssueNumber) -> Result<Option<IssueRow>, StoreError> {
        let row = sqlx::query(BY_NUMBER)
            .bind(number.get())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(issue_row).transpose()
    }

    pub async fn issue_by_id(&self, id: &IssueId) -> Result<Option<IssueRow>, StoreError> {
        let row = sqlx::query(BY_ID)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(issue_row).transpose()
    }

    pub async fn issue_of_slot(&self, slot: &Slot) -> Result<Option<IssueRow>, StoreError> {
        let row = sqlx::query(BY_SLOT)
            .bind(slot.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(issue_row).transpose()
    }

    /// The newest issues first, from below number `before` on.
    pub async fn issues(
        &self,
        before: Option<IssueNumber>,
        limit: i64,
    ) -> Result<Vec<IssueRow>, StoreError> {
        let before = before.map_or(i64::MAX, IssueNumber::get);
        let rows = sqlx::query(PAGE)
            .bind(before)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(issue_row).collect()
    }

    /// Issues that are sending or paused, the oldest first.
    pub async fn unfinished_issues(&self) -> Result<Vec<IssueRow>, StoreError> {
        sqlx::query(UNFINISHED)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(issue_row)
            .collect()
    }

    pub async fn sending_issues(&self) -> Result<Vec<IssueId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(SENDING).fetch_all(&self.pool).await?;
        ids.into_iter()
            .map(|id| decode("issue id", id, IssueId::parse))
            .collect()
    }

    /// The frozen mail of an issue.
    pub async fn issue_message(&self, id: &IssueId) -> Result<Option<String>, StoreError> {
        fail_point!("mail-unread", |_| Err(StoreError::ack_lost()));
        Ok(sqlx::query_scalar(MESSAGE)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?)
    }

    /// The editor's note that was sent with an issue, in Markdown.
    pub async fn issue_note(&self, id: &IssueId) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(NOTE)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?
            .flatten())
    }
}

pub(crate) fn issue_row(row: &AnyRow) -> Result<IssueRow, StoreError> {
    let number: i64 = row.try_get("number")?;
    let slot: Option<String> = row.try_get("slot")?;
    let at = |name: &str| {
        row.try_get::<Option<i64>, _>(name)
            .map(|at| at.map(Timestamp::from_millis))
    };
    let recipients = row.try_get("recipients")?;
    Ok(IssueRow {
        id: decode("issue id", row.try_get("id")?, IssueId::parse)?,
        number: IssueNumber::new(number).map_err(|_| StoreError::Corrupt {
            what: "issue number",
            value: number.to_string(),
        })?,
        slot: slot
            .map(|slot| decode("slot", slot, Slot::parse))
            .transpose()?,
        state: decode("issue state", row.try_get("state")?, IssueState::parse)?,
        pause_reason: row.try_get("pause_reason")?,
        pause_count: row.try_get("pause_count")?,
        paused_by: row.try_get("paused_by")?,
        last_reply_at: at("last_reply_at")?,
        last_reply: row.try_get("last_reply")?,
        subject: row.try_get("subject")?,
        preheader: row.try_get("preheader")?,
        content_hash: row.try_get("content_hash")?,
        recipients,
        frozen_at: Timestamp::from_millis(row.try_get("frozen_at")?),
        finished_at: at("finished_at")?,
        counts: counts::tally(row, recipients)?,
    })
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    BY_NUMBER, BY_SLOT, BY_ID, PAGE, UNFINISHED, SENDING, MESSAGE, NOTE,
];

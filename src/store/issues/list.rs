//! Reads issues.

use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::domain::clock::Timestamp;
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{DeliveryCounts, IssueId, IssueNumber, IssueState, IssueStatus};
use crate::store::db::connect::Store;
use crate::store::error::StoreError;
use crate::store::issues::counts;

/// An issue with its delivery counts.
#[derive(Clone, Debug)]
pub struct IssueRow {
    /// Key of the issue.
    pub id: IssueId,
    /// Number of the issue.
    pub number: IssueNumber,
    /// Slot of a weekly issue, or `None` for an additional issue.
    pub slot: Option<Slot>,
    /// Stored state.
    pub state: IssueState,
    /// The SMTP server's reply, if an error paused the issue.
    pub pause_reason: Option<String>,
    /// How often an error has paused the issue.
    pub pause_count: i64,
    /// Address of the account, or `the token NAME`, that paused the issue.
    pub paused_by: Option<String>,
    /// When the SMTP server last replied to a delivery, or when the issue was last resumed.
    pub last_reply_at: Option<Timestamp>,
    /// Last reply of the SMTP server, or the last connection error.
    pub last_reply: Option<String>,
    /// Subject of the message.
    pub subject: String,
    /// Preheader of the message.
    pub preheader: String,
    /// Hash of the content, which identifies the reviewed draft.
    pub content_hash: String,
    /// Number of recipients; an estimate until the fan-out is complete.
    pub recipients: i64,
    /// When the issue was frozen.
    pub frozen_at: Timestamp,
    /// When the issue was sent or cancelled.
    pub finished_at: Option<Timestamp>,
    /// Number of deliveries by state.
    pub counts: DeliveryCounts,
}

impl IssueRow {
    /// Returns the status that users see.
    pub const fn status(&self) -> IssueStatus {
        IssueStatus::new(self.state, &self.counts)
    }
}

impl FromRow<'_, AnyRow> for IssueRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let recipients = row.try_get("recipients")?;
        Ok(Self {
            id: row.try_get("id")?,
            number: row.try_get("number")?,
            slot: row.try_get("slot")?,
            state: row.try_get("state")?,
            pause_reason: row.try_get("pause_reason")?,
            pause_count: row.try_get("pause_count")?,
            paused_by: row.try_get("paused_by")?,
            last_reply_at: row.try_get("last_reply_at")?,
            last_reply: row.try_get("last_reply")?,
            subject: row.try_get("subject")?,
            preheader: row.try_get("preheader")?,
            content_hash: row.try_get("content_hash")?,
            recipients,
            frozen_at: row.try_get("frozen_at")?,
            finished_at: row.try_get("finished_at")?,
            counts: counts::from_row(row, recipients)?,
        })
    }
}

/// Progress of an issue that is being sent.
#[derive(Clone, Debug)]
pub struct IssueProgress {
    /// The issue.
    pub issue: IssueRow,
    /// Earliest due time of the remaining deliveries; may be in the past.
    pub first_due: Option<Timestamp>,
}

macro_rules! select_issues {
    ($filter:literal) => {
        select_issues!($filter, "")
    };
    ($filter:literal, $order:literal) => {
        concat!(
            "SELECT i.id, i.number, i.slot, i.state, i.pause_reason, i.pause_count, i.paused_by, i.last_reply_at, i.last_reply,
                i.subject, i.preheader, i.content_hash, i.recipients, i.frozen_at, i.finished_at,
                CAST(SUM(t.delivered) AS BIGINT) AS delivered, CAST(SUM(t.bounced) AS BIGINT) AS bounced,
                CAST(SUM(t.skipped) AS BIGINT) AS skipped, CAST(SUM(t.in_doubt) AS BIGINT) AS in_doubt,
                CAST(SUM(t.deferred) AS BIGINT) AS deferred
             FROM issues i JOIN issue_counts t ON t.issue_id = i.id WHERE ",
            $filter,
            " GROUP BY i.id ",
            $order
        )
    };
}

const BY_NUMBER: &str = select_issues!("i.number = $1");
const BY_SLOT: &str = select_issues!("i.slot = $1");
const BY_ID: &str = select_issues!("i.id = $1");
const PAGE: &str = select_issues!(
    "i.id IN (SELECT id FROM issues WHERE number < $1 ORDER BY number DESC LIMIT $2)",
    "ORDER BY i.number DESC"
);
const UNFINISHED: &str = select_issues!("i.state IN ('sending', 'paused')", "ORDER BY i.number");
const FINISHED_SINCE: &str = select_issues!("i.finished_at >= $1", "ORDER BY i.finished_at");
const SENDING: &str = "SELECT id FROM issues WHERE state = 'sending' ORDER BY number";
const MESSAGE: &str = "SELECT message FROM issues WHERE id = $1";
const NOTE: &str = "SELECT note FROM issues WHERE id = $1";
pub(crate) const FIRST_DUE: &str = "SELECT CAST(MIN(due_at) AS BIGINT) AS due_at FROM deliveries
    WHERE issue_id = $1 AND due_at IS NOT NULL";

impl Store {
    /// Returns the issue with a number.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn issue(&self, number: IssueNumber) -> Result<Option<IssueRow>, StoreError> {
        let query = sqlx::query_as(BY_NUMBER).bind(number);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Returns the issue with an id.
    ///
    /// # Errors
    /// As for [`issue`](Self::issue).
    pub async fn issue_by_id(&self, id: &IssueId) -> Result<Option<IssueRow>, StoreError> {
        let query = sqlx::query_as(BY_ID).bind(id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Returns the issue of a slot.
    ///
    /// # Errors
    /// As for [`issue`](Self::issue).
    pub async fn issue_of_slot(&self, slot: &Slot) -> Result<Option<IssueRow>, StoreError> {
        let query = sqlx::query_as(BY_SLOT).bind(slot);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Returns a page of issues, newest first, with numbers less than `before`.
    ///
    /// # Errors
    /// As for [`issue`](Self::issue).
    pub async fn issues(
        &self,
        before: Option<IssueNumber>,
        limit: i64,
    ) -> Result<Vec<IssueRow>, StoreError> {
        let before = before.map_or(i64::MAX, IssueNumber::get);
        let query = sqlx::query_as(PAGE).bind(before).bind(limit);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Returns the issues that are sending or paused, oldest first.
    ///
    /// # Errors
    /// As for [`issue`](Self::issue).
    pub async fn unfinished_issues(&self) -> Result<Vec<IssueRow>, StoreError> {
        let query = sqlx::query_as(UNFINISHED);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Returns the issues that were sent or cancelled at `since` or later, earliest first.
    ///
    /// # Errors
    /// As for [`issue`](Self::issue).
    pub async fn issues_ended_since(&self, since: Timestamp) -> Result<Vec<IssueRow>, StoreError> {
        let query = sqlx::query_as(FINISHED_SINCE).bind(since);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Returns the ids of the issues that are sending, oldest first.
    ///
    /// # Errors
    /// As for [`issue`](Self::issue).
    pub async fn sending_issues(&self) -> Result<Vec<IssueId>, StoreError> {
        let query = sqlx::query_scalar(SENDING);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Returns an issue and the earliest due time of its remaining deliveries.
    ///
    /// # Errors
    /// As for [`issue`](Self::issue).
    pub async fn issue_progress(
        &self,
        issue: &IssueId,
    ) -> Result<Option<IssueProgress>, StoreError> {
        let query = sqlx::query_scalar(FIRST_DUE).bind(issue);
        let first_due: Option<Timestamp> = query.fetch_one(&self.pool).await?;
        let issue = self.issue_by_id(issue).await?;
        Ok(issue.map(|issue| IssueProgress { issue, first_due }))
    }

    /// Returns the frozen message of an issue, as JSON.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn issue_message(&self, id: &IssueId) -> Result<Option<String>, StoreError> {
        fail_point!("message-unreadable", |_| Err(StoreError::ack_lost()));
        let query = sqlx::query_scalar(MESSAGE).bind(id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Returns the editor's note of an issue, in Markdown.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn issue_note(&self, id: &IssueId) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar::<_, Option<String>>(NOTE).bind(id);
        Ok(query.fetch_optional(&self.pool).await?.flatten())
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    BY_NUMBER,
    BY_SLOT,
    BY_ID,
    PAGE,
    UNFINISHED,
    FINISHED_SINCE,
    SENDING,
    MESSAGE,
    NOTE,
];

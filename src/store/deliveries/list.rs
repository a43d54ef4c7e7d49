//! Reads deliveries: filtered pages, the deliveries of one issue, and their replies.

use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind, DeliveryState};
use crate::domain::issue::{IssueId, IssueNumber};
use crate::domain::subscriber::SubscriberId;
use crate::store::db::connect::Store;
use crate::store::error::StoreError;

/// A delivery as it is listed.
#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// Key of the delivery, which pages are ordered by.
    pub id: String,
    /// Number of the issue, or `None` for transactional mail.
    pub issue: Option<i64>,
    /// Kind of message.
    pub kind: DeliveryKind,
    /// Address of the recipient, or `None` after erasure.
    pub address: Option<String>,
    /// State of the delivery.
    pub state: DeliveryState,
    /// Number of attempts.
    pub attempts: i64,
    /// Last reply of the SMTP server.
    pub reply: Option<String>,
    /// When the delivery entered its state.
    pub at: Timestamp,
    /// When the next attempt is due; also set for queued deliveries.
    pub due_at: Option<Timestamp>,
    /// Whether the bounce was reported after the server had accepted the message.
    pub is_reported: bool,
}

impl FromRow<'_, AnyRow> for DeliveryRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            issue: row.try_get("issue")?,
            kind: row.try_get("kind")?,
            address: row.try_get("address")?,
            state: row.try_get("state")?,
            attempts: row.try_get("attempts")?,
            reply: row.try_get("reply")?,
            at: row.try_get("at")?,
            due_at: row.try_get("due_at")?,
            is_reported: row.try_get::<i64, _>("reported")? != 0,
        })
    }
}

impl DeliveryRow {
    /// Returns the JSON object that commands and the API output. `due_at` is set for deferred
    /// deliveries only.
    pub fn to_json(&self) -> Value {
        let due_at = self
            .due_at
            .filter(|_| self.state == DeliveryState::Deferred);
        json!({
            "id": self.id, "issue": self.issue, "kind": self.kind.as_str(), "address": self.address,
            "state": self.state.as_str(), "attempts": self.attempts, "reply": self.reply,
            "at": self.at.as_millis(), "due_at": due_at.map(Timestamp::as_millis),
            "reported": self.is_reported,
        })
    }
}

/// Criteria for a list of deliveries. `None` matches every delivery.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryFilter {
    /// Number of the issue.
    pub issue: Option<IssueNumber>,
    /// State of the delivery.
    pub state: Option<DeliveryState>,
}

/// Number of deliveries whose replies have the same beginning.
#[derive(Clone, Debug)]
pub struct ReplyCount {
    /// Number of deliveries.
    pub count: i64,
    /// One of the replies.
    pub example: String,
}

/// Selects the columns of a [`DeliveryRow`] from `deliveries d`, joined with `issues i`.
macro_rules! select_deliveries {
    ($join:literal, $rest:literal) => {
        concat!(
            "SELECT d.id, i.number AS issue, d.kind, d.address, d.state, d.attempts, d.reply, d.at, d.due_at,
             CAST(CASE WHEN d.state = 'bounced' AND EXISTS (SELECT 1 FROM delivery_reports r
                WHERE r.delivery_id = d.id AND r.kind IN ('dead', 'full', 'soft')) THEN 1 ELSE 0 END AS BIGINT) AS reported
             FROM deliveries d ",
            $join,
            " issues i ON i.id = d.issue_id ",
            $rest
        )
    };
}
pub(crate) use select_deliveries;

const FILTERED: &str = select_deliveries!(
    "LEFT JOIN",
    "WHERE (CAST($1 AS BIGINT) IS NULL OR i.number = $1)
      AND (CAST($2 AS TEXT) IS NULL OR d.state = $2)
      AND (CAST($3 AS TEXT) IS NULL OR d.id > $3)
    ORDER BY d.id LIMIT $4"
);

// A range of the primary key, which begins with the issue id, so that a page costs the same for
// any number of deliveries. ':g' is greater than ':' with any UUID in every collation.
const OF_ISSUE: &str = select_deliveries!(
    "JOIN",
    "WHERE d.id > $1 AND d.id < CAST($2 AS TEXT) || ':g' ORDER BY d.id LIMIT $3"
);
// `settled_state` is NULL while a delivery is leased or being sent.
const OF_ISSUE_SETTLED: &str = select_deliveries!(
    "JOIN",
    "WHERE d.issue_id = $2 AND d.settled_state = $4 AND d.id > $1
     ORDER BY d.id LIMIT $3"
);
const OF_ISSUE_LEASED: &str = select_deliveries!(
    "JOIN",
    "WHERE d.id IN (SELECT id FROM deliveries WHERE lease IS NOT NULL AND issue_id = $2 AND state = $4)
       AND d.id > $1 ORDER BY d.id LIMIT $3"
);
const BY_ID: &str = select_deliveries!("JOIN", "WHERE d.id = $1");

// The first ten characters of a reply contain its code and its enhanced status code.
const COUNT_REPLIES: &str =
    "SELECT CAST(COUNT(*) AS BIGINT) AS n, MIN(reply) AS example FROM deliveries
    WHERE issue_id = $1 AND settled_state = $2 GROUP BY SUBSTR(reply, 1, 10)";
const COUNT_UNSUBSCRIBES: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM deliveries WHERE issue_id = $1 AND unsubscribed_at IS NOT NULL";

impl Store {
    /// Returns a page of deliveries ordered by id, starting after the id `after`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let query = sqlx::query_as(FILTERED)
            .bind(filter.issue)
            .bind(filter.state)
            .bind(after)
            .bind(limit);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Returns a page of an issue's deliveries in the given states, or in any state if `states`
    /// is empty, ordered by id and starting after the id `after`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn issue_deliveries(
        &self,
        issue: &IssueId,
        states: &[DeliveryState],
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let after = after.map_or_else(|| format!("{issue}:"), str::to_owned);
        let page = |statement| {
            sqlx::query_as(statement)
                .bind(after.as_str())
                .bind(issue)
                .bind(limit)
        };
        if states.is_empty() {
            return Ok(page(OF_ISSUE).fetch_all(&self.pool).await?);
        }
        // One query per state, so that each follows the order of its index without a sort.
        let mut rows: Vec<DeliveryRow> = Vec::new();
        for state in states {
            let statement = match state {
                DeliveryState::Leased | DeliveryState::Sending => OF_ISSUE_LEASED,
                _ => OF_ISSUE_SETTLED,
            };
            rows.extend(page(statement).bind(state).fetch_all(&self.pool).await?);
        }
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        rows.truncate(usize::try_from(limit).unwrap_or_default());
        Ok(rows)
    }

    /// Returns the delivery of an issue to a subscriber.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn issue_delivery(
        &self,
        issue: &IssueId,
        subscriber: &SubscriberId,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        let query = sqlx::query_as(BY_ID).bind(DeliveryId::for_issue(issue, subscriber));
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Counts the replies of an issue's deliveries in `state` by code and enhanced status code.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn count_replies(
        &self,
        issue: &IssueId,
        state: DeliveryState,
    ) -> Result<Vec<ReplyCount>, StoreError> {
        let query = sqlx::query(COUNT_REPLIES).bind(issue).bind(state);
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let example: Option<String> = row.try_get("example")?;
                Ok(ReplyCount {
                    count: row.try_get("n")?,
                    example: example.unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Counts the subscribers who unsubscribed while this was the newest issue they had received.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn count_unsubscribes(&self, issue: &IssueId) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar(COUNT_UNSUBSCRIBES).bind(issue);
        Ok(query.fetch_one(&self.pool).await?)
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    OF_ISSUE,
    OF_ISSUE_SETTLED,
    OF_ISSUE_LEASED,
    BY_ID,
    COUNT_REPLIES,
    COUNT_UNSUBSCRIBES,
];

#[cfg(test)]
pub(crate) const FILTERED_STATEMENTS: &[&str] = &[FILTERED];

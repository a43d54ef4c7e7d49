//! The copies of one issue: who has it, who has not, and why.

use sqlx::Row;

use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::issue::IssueId;
use crate::domain::subscriber::SubscriberId;
use crate::store::deliveries::filter::delivery_row;
use crate::store::{DeliveryRow, Store, StoreError};

/// How often one beginning of a reply ended a delivery.
#[derive(Clone, Debug)]
pub struct ReplyCount {
    pub count: i64,
    /// One whole reply of them.
    pub example: String,
}

macro_rules! copies {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, i.number AS issue, d.kind, d.address, d.state, d.attempts, d.reply, d.at, d.due_at
             FROM deliveries d JOIN issues i ON i.id = d.issue_id ",
            $rest
        )
    };
}
// By the key alone, which begins with the issue: a page of a million copies costs no
// more than a page of ten. No digit of a UUID comes behind 'g' in any collation.
const ALL: &str =
    copies!("WHERE d.id > $1 AND d.id < CAST($2 AS TEXT) || ':g' ORDER BY d.id LIMIT $3");
// What is on its way rests nowhere, and has a lease.
const AT_REST: &str = copies!(
    "WHERE d.issue_id = $2 AND d.settled_state = $4 AND d.id > $1
     ORDER BY d.id LIMIT $3"
);
const ON_ITS_WAY: &str = copies!(
    "WHERE d.id IN (SELECT id FROM deliveries WHERE lease IS NOT NULL AND issue_id = $2 AND state = $4)
       AND d.id > $1 ORDER BY d.id LIMIT $3"
);
const ONE: &str = copies!("WHERE d.id = $1");
// Code and enhanced code are the first ten characters of a reply, or a little less.
const REPLIES: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n, MIN(reply) AS example FROM deliveries
    WHERE issue_id = $1 AND settled_state = $2 GROUP BY SUBSTR(reply, 1, 10)";
const LEFT: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM deliveries WHERE issue_id = $1 AND unsubscribed_at IS NOT NULL";

impl Store {
    /// A page of an issue's copies in these states (none: in any), in the order of ids,
    /// from behind the row `after`.
    pub async fn issue_deliveries(
        &self,
        issue: &IssueId,
        states: &[DeliveryState],
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let after = after.map_or_else(|| format!("{issue}:"), str::to_owned);
        let page = |statement| {
            sqlx::query(statement)
                .bind(after.clone())
                .bind(issue.to_string())
                .bind(limit)
        };
        let mut rows = Vec::new();
        if states.is_empty() {
            rows = page(ALL).fetch_all(&self.pool).await?;
        }
        // One state after the other, each in the order of its index.
        for state in states {
            let statement = match state {
                DeliveryState::Leased | DeliveryState::Sending => ON_ITS_WAY,
                _ => AT_REST,
            };
            let query = page(statement).bind(state.as_str().to_owned());
            rows.extend(query.fetch_all(&self.pool).await?);
        }
        let rows: Result<Vec<_>, _> = rows.iter().map(delivery_row).collect();
        let mut rows = rows?;
        rows.sort_by(|one, other| one.id.cmp(&other.id));
        rows.truncate(usize::try_from(limit).unwrap_or_default());
        Ok(rows)
    }

    /// The copy that a reader got or is to get.
    pub async fn issue_delivery(
        &self,
        issue: &IssueId,
        subscriber: &SubscriberId,
    ) -> Result<Option<DeliveryRow>, StoreError> {
        let id = DeliveryId::of_issue(issue, subscriber);
        let row = sqlx::query(ONE)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(delivery_row).transpose()
    }

    /// The replies with which copies came into `state`, counted by how they begin.
    pub async fn count_replies(
        &self,
        issue: &IssueId,
        state: DeliveryState,
    ) -> Result<Vec<ReplyCount>, StoreError> {
        let query = sqlx::query(REPLIES)
            .bind(issue.to_string())
            .bind(state.as_str().to_owned());
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(ReplyCount {
                    count: row.try_get("n")?,
                    example: row
                        .try_get::<Option<String>, _>("example")?
                        .unwrap_or_default(),
                })
            })
            .collect()
    }

    /// How many unsubscribed while this was the last issue they had.
    pub async fn count_unsubscribes(&self, issue: &IssueId) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar(LEFT).bind(issue.to_string());
        Ok(query.fetch_one(&self.pool).await?)
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[ALL, AT_REST, ON_ITS_WAY, ONE, REPLIES, LEFT];

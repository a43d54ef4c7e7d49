//! Who got what, and when: the rows of `deliveries list` and of the desk.

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::issue::IssueNumber;
use crate::store::{Store, StoreError, decode};

#[derive(Clone, Debug)]
pub struct DeliveryRow {
    pub id: String,
    pub issue: Option<i64>,
    pub kind: DeliveryKind,
    /// Empty once the reader was erased.
    pub address: Option<String>,
    pub state: DeliveryState,
    pub attempts: i64,
    pub reply: Option<String>,
    /// When it came into this state.
    pub at: Timestamp,
    pub due_at: Option<Timestamp>,
}

impl DeliveryRow {
    /// As commands and programs are told of it.
    pub fn to_json(&self) -> Value {
        let due_at = self
            .due_at
            .filter(|_| self.state == DeliveryState::Deferred);
        json!({
            "id": self.id, "issue": self.issue, "kind": self.kind.as_str(), "address": self.address,
            "state": self.state.as_str(), "attempts": self.attempts, "reply": self.reply,
            "at": self.at.as_millis(), "due_at": due_at.map(Timestamp::as_millis),
        })
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryFilter {
    pub issue: Option<IssueNumber>,
    pub state: Option<DeliveryState>,
}

const LIST: &str = "SELECT d.id, i.number AS issue, d.kind, d.address, d.state, d.attempts, d.reply, d.at, d.due_at
    FROM deliveries d LEFT JOIN issues i ON i.id = d.issue_id
    WHERE (CAST($1 AS BIGINT) IS NULL OR i.number = $1)
      AND (CAST($2 AS TEXT) IS NULL OR d.state = $2)
      AND (CAST($3 AS TEXT) IS NULL OR d.id > $3)
    ORDER BY d.id LIMIT $4";

impl Store {
    /// A page in the order of ids, from behind the row `after`.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let rows = sqlx::query(LIST)
            .bind(filter.issue.map(IssueNumber::get))
            .bind(filter.state.map(|state| state.as_str().to_owned()))
            .bind(after.map(str::to_owned))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(delivery_row).collect()
    }
}

pub(crate) fn delivery_row(row: &AnyRow) -> Result<DeliveryRow, StoreError> {
    Ok(DeliveryRow {
        id: row.try_get("id")?,
        issue: row.try_get("issue")?,
        kind: decode(
            "kind of delivery",
            row.try_get("kind")?,
            DeliveryKind::parse,
        )?,
        address: row.try_get("address")?,
        state: decode(
            "delivery state",
            row.try_get("state")?,
            DeliveryState::parse,
        )?,
        attempts: row.try_get("attempts")?,
        reply: row.try_get("reply")?,
        at: Timestamp::from_millis(row.try_get("at")?),
        due_at: row
            .try_get::<Option<i64>, _>("due_at")?
            .map(Timestamp::from_millis),
    })
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LIST];

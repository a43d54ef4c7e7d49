//! All that is known of one reader: the consent record, and every mail to them.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Row};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::issue::IssueId;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::db::batch;
use crate::store::deliveries::filter::delivery_row;
use crate::store::{DeliveryRow, Store, StoreError, decode};

/// The address is text: what is stored is shown.
#[derive(Clone, Debug)]
pub struct SubscriberRecord {
    pub id: SubscriberId,
    pub address: String,
    pub name: Option<String>,
    pub state: SubscriberState,
    pub since: Timestamp,
    pub source: String,
    pub created_at: Timestamp,
    pub paused_until: Option<Timestamp>,
    /// The server's words that ended it.
    pub suppression_reason: Option<String>,
    pub asked_at: Option<Timestamp>,
    pub asked_ip: Option<String>,
    pub form_version: Option<String>,
    pub confirmed_at: Option<Timestamp>,
    pub confirmed_ip: Option<String>,
}

/// How a reader's copy of a recent issue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastDelivery {
    pub issue: i64,
    pub state: DeliveryState,
}

const RECORD: &str = "SELECT id, address, name, state, state_at, source, created_at, paused_until,
    suppression_reason, asked_at, asked_ip, form_version, confirmed_at, confirmed_ip
    FROM subscribers WHERE id = $1";
// Ids begin with the time: of an issue's making, or of the mail's own.
const DELIVERIES: &str = "SELECT d.id, i.number AS issue, d.kind, d.address, d.state, d.attempts, d.reply, d.at, d.due_at
    FROM deliveries d LEFT JOIN issues i ON i.id = d.issue_id
    WHERE d.subscriber_id = $1 AND (CAST($2 AS TEXT) IS NULL OR d.id < $2)
    ORDER BY d.id DESC LIMIT $3";
const NEWEST_ISSUES: &str = "SELECT id, number FROM issues ORDER BY number DESC LIMIT $1";

fn copies_sql(count: usize) -> String {
    format!(
        "SELECT d.subscriber_id, i.number, d.state FROM deliveries d JOIN issues i ON i.id = d.issue_id
        WHERE d.id IN ({})",
        batch::placeholders(1, count)
    )
}

impl Store {
    pub async fn subscriber_record(
        &self,
        id: &SubscriberId,
    ) -> Result<Option<SubscriberRecord>, StoreError> {
        let row = sqlx::query(RECORD)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let at = |name: &str| {
            row.try_get::<Option<i64>, _>(name)
                .map(|at| at.map(Timestamp::from_millis))
        };
        Ok(Some(SubscriberRecord {
            id: *id,
            address: row.try_get("address")?,
            name: row.try_get("name")?,
            state: decode(
                "subscriber state",
                row.try_get("state")?,
                SubscriberState::parse,
            )?,
            since: Timestamp::from_millis(row.try_get("state_at")?),
            source: row.try_get("source")?,
            created_at: Timestamp::from_millis(row.try_get("created_at")?),
            paused_until: at("paused_until")?,
            suppression_reason: row.try_get("suppression_reason")?,
            asked_at: at("asked_at")?,
            asked_ip: row.try_get("asked_ip")?,
            form_version: row.try_get("form_version")?,
            confirmed_at: at("confirmed_at")?,
            confirmed_ip: row.try_get("confirmed_ip")?,
        }))
    }

    /// The mails to one reader, the newest first, from behind the row `after`.
    pub async fn subscriber_deliveries(
        &self,
        subscriber: &SubscriberId,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let rows = sqlx::query(DELIVERIES)
            .bind(subscriber.to_string())
            .bind(after.map(str::to_owned))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(delivery_row).collect()
    }

    /// The newest of the last `issues` issues that each of these readers had a copy of.
    pub async fn last_deliveries(
        &self,
        subscribers: &[SubscriberId],
        issues: i64,
    ) -> Result<HashMap<SubscriberId, LastDelivery>, StoreError> {
        let newest = sqlx::query(NEWEST_ISSUES)
            .bind(issues)
            .fetch_all(&self.pool)
            .await?;
        let mut ids = Vec::new();
        for row in &newest {
            let issue = decode("issue id", row.try_get("id")?, IssueId::parse)?;
            ids.extend(
                subscribers
                    .iter()
                    .map(|id| DeliveryId::of_issue(&issue, id)),
            );
        }
        let mut last: HashMap<SubscriberId, LastDelivery> = HashMap::new();
        for run in batch::chunks(&ids) {
            let query = sqlx::query(AssertSqlSafe(copies_sql(run.len())));
            let query = run
                .iter()
                .fold(query, |query, id| query.bind(id.to_string()));
            for row in query.fetch_all(&self.pool).await? {
                let id: String = row.try_get("subscriber_id")?;
                let id = decode("subscriber id", id, SubscriberId::parse)?;
                let copy = LastDelivery {
                    issue: row.try_get("number")?,
                    state: decode(
                        "delivery state",
                        row.try_get("state")?,
                        DeliveryState::parse,
                    )?,
                };
                let newest = last.entry(id).or_insert(copy);
                if copy.issue > newest.issue {
                    *newest = copy;
                }
            }
        }
        Ok(last)
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[RECORD, DELIVERIES, NEWEST_ISSUES];

#[cfg(test)]
pub(crate) fn statements() -> Vec<String> {
    vec![copies_sql(100)]
}

//! Read access to one subscriber: the consent record and the deliveries.

use std::collections::HashMap;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::IssueId;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::db::batch;
use crate::store::db::connect::Store;
use crate::store::deliveries::list::{DeliveryRow, select_deliveries};
use crate::store::error::StoreError;
use crate::store::subscribers::types::Subscriber;
use crate::store::subscribers::types::{SUBSCRIBER_BY_ID, SUBSCRIBER_BY_KEY};

/// A subscriber with the consent record and the reason of a suppression.
///
/// The address is text, so that a stored address that is no longer valid can be shown.
#[derive(Clone, Debug)]
pub struct SubscriberRecord {
    /// Stays the same when the address changes.
    pub id: SubscriberId,
    /// The address as it was entered.
    pub address: String,
    /// The name, if the subscriber gave one.
    pub name: Option<String>,
    /// The current state.
    pub state: SubscriberState,
    /// When the current state began.
    pub since: Timestamp,
    /// Where the subscriber came from: the form, or the text given to an import.
    pub source: String,
    /// When the row was inserted.
    pub created_at: Timestamp,
    /// When a pause ends; `None` if the subscription is not paused.
    pub paused_until: Option<Timestamp>,
    /// The last SMTP reply before the suppression.
    pub suppression_reason: Option<String>,
    /// When the subscriber last signed up.
    pub asked_at: Option<Timestamp>,
    /// The IP address that sent the sign-up form.
    pub asked_ip: Option<String>,
    /// Identifies the text of the submitted form.
    pub form_version: Option<String>,
    /// When the subscriber last confirmed; `None` before the first confirmation.
    pub confirmed_at: Option<Timestamp>,
    /// The IP address that confirmed.
    pub confirmed_ip: Option<String>,
}

impl FromRow<'_, AnyRow> for SubscriberRecord {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            address: row.try_get("address")?,
            name: row.try_get("name")?,
            state: row.try_get("state")?,
            since: row.try_get("state_at")?,
            source: row.try_get("source")?,
            created_at: row.try_get("created_at")?,
            paused_until: row.try_get("paused_until")?,
            suppression_reason: row.try_get("suppression_reason")?,
            asked_at: row.try_get("asked_at")?,
            asked_ip: row.try_get("asked_ip")?,
            form_version: row.try_get("form_version")?,
            confirmed_at: row.try_get("confirmed_at")?,
            confirmed_ip: row.try_get("confirmed_ip")?,
        })
    }
}

/// A subscriber's delivery of a recent issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastDelivery {
    /// The number of the issue.
    pub issue: i64,
    /// The state of the delivery.
    pub state: DeliveryState,
}

const RECORD: &str = "SELECT id, address, name, state, state_at, source, created_at, paused_until,
    suppression_reason, asked_at, asked_ip, form_version, confirmed_at, confirmed_ip
    FROM subscribers WHERE id = $1";
/// Ordered by id, which starts with the time of the freeze or, for other mail, of its own.
const DELIVERIES: &str = select_deliveries!(
    "LEFT JOIN",
    "WHERE d.subscriber_id = $1 AND (CAST($2 AS TEXT) IS NULL OR d.id < $2)
    ORDER BY d.id DESC LIMIT $3"
);
const NEWEST_ISSUES: &str = "SELECT id FROM issues ORDER BY number DESC LIMIT $1";

fn issue_deliveries_sql(count: usize) -> String {
    format!(
        "SELECT d.subscriber_id, i.number, d.state FROM deliveries d JOIN issues i ON i.id = d.issue_id
        WHERE d.id IN ({})",
        batch::placeholders(1, count)
    )
}

impl Store {
    /// Returns the subscriber with this id.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn subscriber(&self, id: &SubscriberId) -> Result<Option<Subscriber>, StoreError> {
        let query = sqlx::query_as(SUBSCRIBER_BY_ID).bind(id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Returns the subscriber with this address.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn subscriber_by_address(
        &self,
        address: &EmailAddress,
    ) -> Result<Option<Subscriber>, StoreError> {
        let query = sqlx::query_as(SUBSCRIBER_BY_KEY).bind(address.key());
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Returns all columns of the subscriber with this id.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn subscriber_record(
        &self,
        id: &SubscriberId,
    ) -> Result<Option<SubscriberRecord>, StoreError> {
        let query = sqlx::query_as(RECORD).bind(id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Returns a page of the deliveries to one subscriber, newest first.
    ///
    /// `after` is the id of the last delivery of the page before.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn subscriber_deliveries(
        &self,
        subscriber: &SubscriberId,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let query = sqlx::query_as(DELIVERIES)
            .bind(subscriber)
            .bind(after)
            .bind(limit);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Returns each subscriber's newest delivery of the last `issues` issues.
    ///
    /// Subscribers without a delivery of these issues are left out.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn last_deliveries(
        &self,
        subscribers: &[SubscriberId],
        issues: i64,
    ) -> Result<HashMap<SubscriberId, LastDelivery>, StoreError> {
        let newest: Vec<IssueId> = sqlx::query_scalar(NEWEST_ISSUES)
            .bind(issues)
            .fetch_all(&self.pool)
            .await?;
        // The ids of issue deliveries are computed, so that only the primary key is read.
        let ids: Vec<DeliveryId> = newest
            .iter()
            .flat_map(|issue| {
                subscribers
                    .iter()
                    .map(|id| DeliveryId::for_issue(issue, id))
            })
            .collect();
        let mut last: HashMap<SubscriberId, LastDelivery> = HashMap::new();
        for chunk in batch::chunks(&ids) {
            let query = sqlx::query_as(AssertSqlSafe(issue_deliveries_sql(chunk.len())));
            let rows: Vec<(SubscriberId, i64, DeliveryState)> = chunk
                .iter()
                .fold(query, |query, id| query.bind(id))
                .fetch_all(&self.pool)
                .await?;
            for (subscriber, issue, state) in rows {
                let delivery = LastDelivery { issue, state };
                let newest = last.entry(subscriber).or_insert(delivery);
                if delivery.issue > newest.issue {
                    *newest = delivery;
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
    vec![issue_deliveries_sql(100)]
}

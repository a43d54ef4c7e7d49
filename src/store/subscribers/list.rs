//! Pages of the subscriber list. Each page reads only its own rows, through an index.

use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::db::batch;
use crate::store::db::connect::Store;
use crate::store::error::StoreError;
use crate::store::subscribers::filter::{
    COLUMNS, Cursor, FilterQuery, PageDirection, SortKey, SubscriberFilter,
};

/// A row of the subscriber list.
///
/// The address is text, so that a stored address that is no longer valid can be shown.
#[derive(Clone, Debug)]
pub struct SubscriberRow {
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
    /// When the subscriber last confirmed; `None` before the first confirmation.
    pub confirmed_at: Option<Timestamp>,
    /// When a pause ends; `None` if the subscription is not paused.
    pub paused_until: Option<Timestamp>,
    /// Why the subscriber is suppressed: `bounced` or `complained`; `None` if unknown.
    pub suppression_cause: Option<String>,
    /// The position in the order of the list.
    pub cursor: Cursor,
}

impl SubscriberRow {
    /// Returns the JSON form that the API and the commands print.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id.to_string(), "address": self.address, "name": self.name,
            "state": self.state.as_str(), "why": self.suppression_cause,
            "since": self.since.as_millis(), "source": self.source,
        })
    }
}

impl FromRow<'_, AnyRow> for SubscriberRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            address: row.try_get("address")?,
            name: row.try_get("name")?,
            state: row.try_get("state")?,
            since: row.try_get("state_at")?,
            source: row.try_get("source")?,
            created_at: row.try_get("created_at")?,
            confirmed_at: row.try_get("confirmed_at")?,
            paused_until: row.try_get("paused_until")?,
            suppression_cause: row.try_get("suppression_cause")?,
            cursor: Cursor(row.try_get("sort_key")?),
        })
    }
}

/// Counts all paused subscribers, which are few, by an index of their own.
const PAUSED_COUNT: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM subscribers
    WHERE paused_until > $1 AND state = 'confirmed'";
const ADDRESS_KEY: &str = "SELECT address_key FROM subscribers WHERE id = $1";

pub(crate) fn by_id_sql(count: usize) -> String {
    format!(
        "SELECT {COLUMNS}, id AS sort_key FROM subscribers WHERE id IN ({})",
        batch::placeholders(1, count)
    )
}

impl Store {
    /// Returns a page of at most `limit` subscribers, in the order of the filter.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn subscribers(
        &self,
        filter: &SubscriberFilter,
        page: PageDirection<'_>,
        limit: usize,
    ) -> Result<Vec<SubscriberRow>, StoreError> {
        let FilterQuery { sql, parameters } = filter.page_query(page, limit);
        let query = sqlx::query_as(AssertSqlSafe(sql));
        let mut rows: Vec<SubscriberRow> = parameters
            .iter()
            .fold(query, |query, parameter| query.bind(parameter))
            .fetch_all(&self.pool)
            .await?;
        // The statement reads backward from the cursor.
        if matches!(page, PageDirection::Before(_)) {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Returns those of the given subscribers that exist, ordered by id, without duplicates.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn subscribers_by_id(
        &self,
        ids: &[SubscriberId],
    ) -> Result<Vec<SubscriberRow>, StoreError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut rows: Vec<SubscriberRow> = Vec::with_capacity(ids.len());
        for chunk in batch::chunks(&ids) {
            let query = sqlx::query_as(AssertSqlSafe(by_id_sql(chunk.len())));
            let query = chunk.iter().fold(query, |query, id| query.bind(id));
            rows.extend(query.fetch_all(&self.pool).await?);
        }
        rows.sort_unstable_by_key(|row| row.id);
        Ok(rows)
    }

    /// Returns the position of a subscriber in the list.
    ///
    /// In a list ordered by id the position of a deleted subscriber is known, too; in others
    /// it is `None`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn cursor_for(
        &self,
        id: &SubscriberId,
        filter: &SubscriberFilter,
    ) -> Result<Option<Cursor>, StoreError> {
        let key = filter.sort_key();
        if key == SortKey::Id {
            return Ok(Some(Cursor(id.to_string())));
        }
        let address: Option<String> = sqlx::query_scalar(ADDRESS_KEY)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        Ok(address.map(|address| {
            if key == SortKey::Address {
                return Cursor(address);
            }
            let domain = address.rfind('@').map_or("", |at| &address[at..]);
            Cursor(format!("{domain} {address}"))
        }))
    }

    /// Counts the subscribers that match the filter, up to `limit`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn count_subscribers(
        &self,
        filter: &SubscriberFilter,
        limit: i64,
    ) -> Result<i64, StoreError> {
        let FilterQuery { sql, parameters } = filter.count_query(limit);
        let query = sqlx::query_scalar(AssertSqlSafe(sql));
        let query = parameters
            .iter()
            .fold(query, |query, parameter| query.bind(parameter));
        Ok(query.fetch_one(&self.pool).await?)
    }

    /// Returns how many subscribers an issue would go to now: confirmed and not paused.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored state cannot be parsed.
    pub async fn active_count(&self, now: Timestamp) -> Result<i64, StoreError> {
        let counts = self.subscriber_counts().await?;
        let confirmed = counts
            .into_iter()
            .find(|(state, _)| *state == SubscriberState::Confirmed);
        let paused: i64 = sqlx::query_scalar(PAUSED_COUNT)
            .bind(now)
            .fetch_one(&self.pool)
            .await?;
        Ok((confirmed.map_or(0, |(_, count)| count) - paused).max(0))
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[PAUSED_COUNT, ADDRESS_KEY];

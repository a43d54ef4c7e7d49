//! The list of readers, a page at a time. No page costs more than its rows.

use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::db::batch;
use crate::store::subscribers::filter::{
    COLUMNS, Cursor, FilterQuery, PageDirection, SortKey, SubscriberFilter,
};
use crate::store::{Store, StoreError, decode};

/// One line of a list. The address is text: a list shows what is stored.
#[derive(Clone, Debug)]
pub struct SubscriberRow {
    pub id: SubscriberId,
    pub address: String,
    pub name: Option<String>,
    pub state: SubscriberState,
    /// When that state began.
    pub since: Timestamp,
    pub source: String,
    pub created_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    pub paused_until: Option<Timestamp>,
    /// Where it stands in the list's order.
    pub cursor: Cursor,
}

impl SubscriberRow {
    /// As commands and programs are told of it.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id.to_string(), "address": self.address, "name": self.name,
            "state": self.state.as_str(), "since": self.since.as_millis(), "source": self.source,
        })
    }
}

// All of the paused, of whom there are few, by an index of their own.
const PAUSED: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM subscribers
    WHERE paused_until > $1 AND state = 'confirmed'";
pub(crate) fn by_id_sql(count: usize) -> String {
    format!(
        "SELECT {COLUMNS}, id AS place FROM subscribers WHERE id IN ({})",
        batch::placeholders(1, count)
    )
}

const PLACE: &str = "SELECT id, address_key FROM subscribers WHERE id = $1";

impl Store {
    /// A page of the list, in its order whichever way it is turned.
    pub async fn subscribers(
        &self,
        filter: &SubscriberFilter,
        turn: PageDirection<'_>,
        limit: usize,
    ) -> Result<Vec<SubscriberRow>, StoreError> {
        let FilterQuery { sql, bound } = filter.page(turn, limit);
        let query = bound
            .into_iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, text| {
                query.bind(text)
            });
        let rows = query.fetch_all(&self.pool).await?;
        let mut rows: Vec<SubscriberRow> = rows
            .iter()
            .map(subscriber_row)
            .collect::<Result<_, StoreError>>()?;
        if matches!(turn, PageDirection::Before(_)) {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Those of them who are still there, in the order of their ids.
    pub async fn subscribers_by_id(
        &self,
        ids: &[SubscriberId],
    ) -> Result<Vec<SubscriberRow>, StoreError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut readers = Vec::with_capacity(ids.len());
        for run in batch::chunks(&ids) {
            let query = sqlx::query(AssertSqlSafe(by_id_sql(run.len())));
            let query = run
                .iter()
                .fold(query, |query, id| query.bind(id.to_string()));
            for row in query.fetch_all(&self.pool).await? {
                readers.push(subscriber_row(&row)?);
            }
        }
        readers.sort_unstable_by_key(|reader| reader.id);
        Ok(readers)
    }

    /// Where a reader stands in a list, or stood, if it goes by ids; `None` when they are gone.
    pub async fn cursor_for(
        &self,
        id: &SubscriberId,
        filter: &SubscriberFilter,
    ) -> Result<Option<Cursor>, StoreError> {
        if filter.key() == SortKey::Id {
            return Ok(Some(Cursor(id.to_string())));
        }
        let row = sqlx::query(PLACE)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let address: String = row.try_get("address_key")?;
        Ok(Some(Cursor(match filter.key() {
            SortKey::Id => id.to_string(),
            SortKey::Address => address,
            SortKey::Domain => {
                let domain = address.rfind('@').map_or("", |at| &address[at..]);
                format!("{domain} {address}")
            }
        })))
    }

    /// How many the filter finds, counted to `most` and no further.
    pub async fn count_subscribers(
        &self,
        filter: &SubscriberFilter,
        most: i64,
    ) -> Result<i64, StoreError> {
        let FilterQuery { sql, bound } = filter.count(most);
        let query = bound
            .into_iter()
            .fold(sqlx::query_scalar(AssertSqlSafe(sql)), |query, text| {
                query.bind(text)
            });
        Ok(query.fetch_one(&self.pool).await?)
    }

    /// How many would get an issue now: confirmed and not paused.
    pub async fn active_count(&self, now: Timestamp) -> Result<i64, StoreError> {
        let counts = self.subscriber_counts().await?;
        let confirmed = counts
            .into_iter()
            .find(|(state, _)| *state == SubscriberState::Confirmed);
        let paused: i64 = sqlx::query_scalar(PAUSED)
            .bind(now.as_millis())
            .fetch_one(&self.pool)
            .await?;
        Ok((confirmed.map_or(0, |(_, n)| n) - paused).max(0))
    }
}

fn subscriber_row(row: &AnyRow) -> Result<SubscriberRow, StoreError> {
    let at = |value: Option<i64>| value.map(Timestamp::from_millis);
    Ok(SubscriberRow {
        id: decode("subscriber id", row.try_get("id")?, SubscriberId::parse)?,
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
        confirmed_at: at(row.try_get("confirmed_at")?),
        paused_until: at(row.try_get("paused_until")?),
        cursor: Cursor(row.try_get("place")?),
    })
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[PAUSED, PLACE];

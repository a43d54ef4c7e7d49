//! Readers, many at a time: lists, counts, export.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Store, StoreError, decode};
use crate::domain::clock::Timestamp;
use crate::domain::subscriber::{SubscriberId, SubscriberState};

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
}

#[derive(Clone, Debug, Default)]
pub struct SubscriberFilter {
    pub state: Option<SubscriberState>,
    /// Part of an address or a name.
    pub search: Option<String>,
}

const LIST: &str =
    "SELECT id, address, name, state, state_at, source, created_at, confirmed_at, paused_until
    FROM subscribers
    WHERE (CAST($1 AS TEXT) IS NULL OR state = $1)
      AND (CAST($2 AS TEXT) IS NULL OR address_key LIKE $2 ESCAPE '!' OR LOWER(name) LIKE $2 ESCAPE '!')
      AND (CAST($3 AS TEXT) IS NULL OR id < $3)
    ORDER BY id DESC LIMIT $4";
const COUNTS: &str = "SELECT state, CAST(COUNT(*) AS BIGINT) AS n FROM subscribers GROUP BY state";
const READERS: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM subscribers
    WHERE state = 'confirmed' AND (paused_until IS NULL OR paused_until <= $1)";
const SINCE: &str =
    "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM subscribers WHERE state = $1 AND state_at > $2";

impl Store {
    /// A page of the list, the newest first, from behind the row `after`.
    pub async fn subscribers(
        &self,
        filter: &SubscriberFilter,
        after: Option<&SubscriberId>,
        limit: i64,
    ) -> Result<Vec<SubscriberRow>, StoreError> {
        let rows = sqlx::query(LIST)
            .bind(filter.state.map(|state| state.as_str().to_owned()))
            .bind(filter.search.as_deref().map(contains))
            .bind(after.map(ToString::to_string))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(subscriber_row).collect()
    }

    /// How many are in each state; states without anyone are left out.
    pub async fn subscriber_counts(&self) -> Result<Vec<(SubscriberState, i64)>, StoreError> {
        let rows = sqlx::query(COUNTS).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let state = decode(
                    "subscriber state",
                    row.try_get("state")?,
                    SubscriberState::parse,
                )?;
                Ok((state, row.try_get("n")?))
            })
            .collect()
    }

    /// How many would get an issue now: confirmed and not paused.
    pub async fn readers(&self, now: Timestamp) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(READERS)
            .bind(now.as_millis())
            .fetch_one(&self.pool)
            .await?)
    }

    /// How many came into `state` after `since`.
    pub async fn arrived_in(
        &self,
        state: SubscriberState,
        since: Timestamp,
    ) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar(SINCE)
            .bind(state.as_str().to_owned())
            .bind(since.as_millis());
        Ok(count.fetch_one(&self.pool).await?)
    }
}

/// The LIKE pattern for "has this in it", its own wildcards taken literally.
fn contains(text: &str) -> String {
    let text = text
        .to_lowercase()
        .replace('!', "!!")
        .replace('%', "!%")
        .replace('_', "!_");
    format!("%{}%", text.replace('\0', ""))
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
    })
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[LIST, COUNTS, READERS, SINCE];

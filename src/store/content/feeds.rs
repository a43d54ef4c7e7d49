//! The feeds that are read, and how the last reading went.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::clock::Timestamp;
use crate::domain::issue::post::FeedId;
use crate::store::{Store, StoreError, decode};

/// Who named a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedOrigin {
    Added,
    /// `feeds.urls`: removed by taking it out there.
    Settings,
}

impl FeedOrigin {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Settings => "settings",
        }
    }
}

#[derive(Clone, Debug)]
pub struct FeedRow {
    pub id: FeedId,
    /// A URL, or the path of a file.
    pub source: String,
    pub origin: FeedOrigin,
    pub title: Option<String>,
    pub home: Option<String>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub first_read_at: Option<Timestamp>,
    pub last_read_at: Option<Timestamp>,
    pub last_good_at: Option<Timestamp>,
    pub last_error: Option<String>,
}

/// How a reading went.
#[derive(Clone, Debug)]
pub enum FeedReading {
    Unchanged,
    Read {
        title: Option<String>,
        home: Option<String>,
        etag: Option<String>,
        last_modified: Option<String>,
    },
    Failed {
        error: String,
    },
}

const ADD: &str = "INSERT INTO feeds (id, source, origin, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (source) DO NOTHING";
const LIST: &str =
    "SELECT id, source, origin, title, home, etag, last_modified, first_read_at, last_read_at,
    last_good_at, last_error FROM feeds ORDER BY created_at, id";
const REMOVE: &str = "DELETE FROM feeds WHERE source = $1";
const UNCHANGED: &str =
    "UPDATE feeds SET last_read_at = $2, last_good_at = $2, last_error = NULL WHERE id = $1";
const READ: &str = "UPDATE feeds SET last_read_at = $2, last_good_at = $2, last_error = NULL,
    first_read_at = COALESCE(first_read_at, $2), title = $3, home = $4, etag = $5, last_modified = $6 WHERE id = $1";
const FAILED: &str = "UPDATE feeds SET last_read_at = $2, last_error = $3 WHERE id = $1";

impl Store {
    /// False when it was there already.
    pub async fn add_feed(
        &self,
        id: &FeedId,
        source: &str,
        origin: FeedOrigin,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let insert = sqlx::query(ADD)
            .bind(id.to_string())
            .bind(source.to_owned())
            .bind(origin.as_str().to_owned())
            .bind(now.as_millis());
        Ok(insert.execute(&self.pool).await?.rows_affected() > 0)
    }

    pub async fn feeds(&self) -> Result<Vec<FeedRow>, StoreError> {
        sqlx::query(LIST)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(feed_row)
            .collect()
    }

    /// Forgets a feed; its posts stay, so that none of them comes twice. False when there
    /// was none of that name.
    pub async fn remove_feed(&self, source: &str) -> Result<bool, StoreError> {
        Ok(sqlx::query(REMOVE)
            .bind(source.to_owned())
            .execute(&self.pool)
            .await?
            .rows_affected()
            > 0)
    }

    pub async fn record_feed_reading(
        &self,
        feed: &FeedId,
        reading: &FeedReading,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = match reading {
            FeedReading::Unchanged => sqlx::query(UNCHANGED)
                .bind(feed.to_string())
                .bind(now.as_millis()),
            FeedReading::Read {
                title,
                home,
                etag,
                last_modified,
            } => sqlx::query(READ)
                .bind(feed.to_string())
                .bind(now.as_millis())
                .bind(title.clone())
                .bind(home.clone())
                .bind(etag.clone())
                .bind(last_modified.clone()),
            FeedReading::Failed { error } => sqlx::query(FAILED)
                .bind(feed.to_string())
                .bind(now.as_millis())
                .bind(error.clone()),
        };
        statement.execute(&self.pool).await?;
        Ok(())
    }
}

fn feed_row(row: &AnyRow) -> Result<FeedRow, StoreError> {
    let at = |name: &str| {
        row.try_get::<Option<i64>, _>(name)
            .map(|at| at.map(Timestamp::from_millis))
    };
    let origin: String = row.try_get("origin")?;
    Ok(FeedRow {
        id: decode("feed id", row.try_get("id")?, FeedId::parse)?,
        source: row.try_get("source")?,
        origin: if origin == FeedOrigin::Settings.as_str() {
            FeedOrigin::Settings
        } else {
            FeedOrigin::Added
        },
        title: row.try_get("title")?,
        home: row.try_get("home")?,
        etag: row.try_get("etag")?,
        last_modified: row.try_get("last_modified")?,
        first_read_at: at("first_read_at")?,
        last_read_at: at("last_read_at")?,
        last_good_at: at("last_good_at")?,
        last_error: row.try_get("last_error")?,
    })
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[ADD, LIST, REMOVE, UNCHANGED, READ, FAILED];

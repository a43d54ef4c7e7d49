//! Feeds and the result of their last reading.

use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::domain::clock::Timestamp;
use crate::domain::issue::post::FeedId;
use crate::store::db::codec::text_column;
use crate::store::db::connect::Store;
use crate::store::error::StoreError;

/// How a feed came into the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedOrigin {
    /// Added in the admin UI or by a command.
    Added,
    /// Named in `feeds.urls`, and removed when it is no longer there.
    Settings,
}

impl FeedOrigin {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Settings => "settings",
        }
    }

    fn parse(text: &str) -> Result<Self, ()> {
        [Self::Added, Self::Settings]
            .into_iter()
            .find(|origin| origin.as_str() == text)
            .ok_or(())
    }
}

text_column!(
    FeedOrigin,
    "feed origin",
    |origin| origin.as_str(),
    FeedOrigin::parse
);

/// A feed.
#[derive(Clone, Debug)]
pub struct FeedRow {
    /// Stays the same for the life of the feed.
    pub id: FeedId,
    /// A URL, or the path of a file.
    pub source: String,
    /// How the feed came into the database.
    pub origin: FeedOrigin,
    /// The title in the feed.
    pub title: Option<String>,
    /// The link of the blog in the feed.
    pub home: Option<String>,
    /// The `ETag` of the last response.
    pub etag: Option<String>,
    /// The `Last-Modified` of the last response.
    pub last_modified: Option<String>,
    /// When the feed was first read successfully.
    pub first_read_at: Option<Timestamp>,
    /// When the feed was last read, successfully or not.
    pub last_read_at: Option<Timestamp>,
    /// When the feed was last read successfully.
    pub last_good_at: Option<Timestamp>,
    /// The error of the last reading; `None` if it succeeded.
    pub last_error: Option<String>,
}

impl FromRow<'_, AnyRow> for FeedRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            source: row.try_get("source")?,
            origin: row.try_get("origin")?,
            title: row.try_get("title")?,
            home: row.try_get("home")?,
            etag: row.try_get("etag")?,
            last_modified: row.try_get("last_modified")?,
            first_read_at: row.try_get("first_read_at")?,
            last_read_at: row.try_get("last_read_at")?,
            last_good_at: row.try_get("last_good_at")?,
            last_error: row.try_get("last_error")?,
        })
    }
}

/// The result of reading a feed.
#[derive(Clone, Debug)]
pub enum FeedReading {
    /// The server replied that the feed has not changed.
    Unchanged,
    /// The feed was read and parsed.
    Read {
        /// The title in the feed.
        title: Option<String>,
        /// The link of the blog in the feed.
        home: Option<String>,
        /// The `ETag` of the response.
        etag: Option<String>,
        /// The `Last-Modified` of the response.
        last_modified: Option<String>,
    },
    /// The feed could not be read or parsed.
    Failed {
        /// The error, as it is shown to editors.
        error: String,
    },
}

const INSERT: &str = "INSERT INTO feeds (id, source, origin, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (source) DO NOTHING";
const LIST: &str =
    "SELECT id, source, origin, title, home, etag, last_modified, first_read_at, last_read_at,
    last_good_at, last_error FROM feeds ORDER BY created_at, id";
const DELETE: &str = "DELETE FROM feeds WHERE source = $1";
const RECORD_UNCHANGED: &str =
    "UPDATE feeds SET last_read_at = $2, last_good_at = $2, last_error = NULL WHERE id = $1";
const RECORD_READ: &str = "UPDATE feeds SET last_read_at = $2, last_good_at = $2, last_error = NULL,
    first_read_at = COALESCE(first_read_at, $2), title = $3, home = $4, etag = $5, last_modified = $6 WHERE id = $1";
const RECORD_FAILURE: &str = "UPDATE feeds SET last_read_at = $2, last_error = $3 WHERE id = $1";

impl Store {
    /// Adds a feed. Returns false if a feed with this source exists.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn add_feed(
        &self,
        id: &FeedId,
        source: &str,
        origin: FeedOrigin,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let insert = sqlx::query(INSERT)
            .bind(id)
            .bind(source)
            .bind(origin)
            .bind(now);
        Ok(insert.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Returns all feeds, oldest first.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn feeds(&self) -> Result<Vec<FeedRow>, StoreError> {
        Ok(sqlx::query_as(LIST).fetch_all(&self.pool).await?)
    }

    /// Deletes a feed. Its posts remain, so that none is sent again if the feed returns.
    ///
    /// Returns false if no feed has this source.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn remove_feed(&self, source: &str) -> Result<bool, StoreError> {
        let delete = sqlx::query(DELETE).bind(source);
        Ok(delete.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Records the result of reading a feed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn record_feed_reading(
        &self,
        feed: &FeedId,
        reading: &FeedReading,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let update = |statement| sqlx::query(statement).bind(feed).bind(now);
        let update = match reading {
            FeedReading::Unchanged => update(RECORD_UNCHANGED),
            FeedReading::Read {
                title,
                home,
                etag,
                last_modified,
            } => update(RECORD_READ)
                .bind(title)
                .bind(home)
                .bind(etag)
                .bind(last_modified),
            FeedReading::Failed { error } => update(RECORD_FAILURE).bind(error),
        };
        update.execute(&self.pool).await?;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    INSERT,
    LIST,
    DELETE,
    RECORD_UNCHANGED,
    RECORD_READ,
    RECORD_FAILURE,
];

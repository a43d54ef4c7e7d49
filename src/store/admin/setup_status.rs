//! Queries about how far the newsletter is set up, for the overview of the admin UI.

use std::collections::HashMap;

use crate::domain::delivery::DeliveryKind;
use crate::domain::issue::post::FeedId;
use crate::store::db::connect::Store;
use crate::store::error::StoreError;

const DELIVERED: &str = "SELECT id FROM deliveries WHERE issue_id IS NULL AND kind = $1 AND settled_state = 'delivered' LIMIT 1";
/// The outbox stores a reply of its own (`mail::transport`).
const SENT_BY_SERVER: &str = "SELECT id FROM deliveries
    WHERE issue_id IS NULL AND settled_state = 'delivered' AND reply NOT LIKE 'kept in the outbox%' LIMIT 1";
const POST_COUNTS: &str = "SELECT feed_id, CAST(COUNT(*) AS BIGINT) AS n FROM posts WHERE feed_id IS NOT NULL GROUP BY feed_id";

impl Store {
    /// Returns whether any message of this kind was delivered. Issues are not counted.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn has_delivered(&self, kind: DeliveryKind) -> Result<bool, StoreError> {
        let query = sqlx::query(DELIVERED).bind(kind);
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// Returns whether an SMTP server has accepted any message. Issues are not counted.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn has_sent_by_server(&self) -> Result<bool, StoreError> {
        let query = sqlx::query(SENT_BY_SERVER);
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// Returns the number of posts of each feed, without feeds that have none.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// the id of a feed cannot be parsed.
    pub async fn posts_per_feed(&self) -> Result<HashMap<FeedId, i64>, StoreError> {
        let counts: Vec<(FeedId, i64)> = sqlx::query_as(POST_COUNTS).fetch_all(&self.pool).await?;
        Ok(counts.into_iter().collect())
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[DELIVERED, SENT_BY_SERVER, POST_COUNTS];

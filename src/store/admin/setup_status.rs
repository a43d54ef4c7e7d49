//! What only the desk asks: how far the newsletter is set up.

use std::collections::HashMap;

use sqlx::Row;

use crate::domain::delivery::DeliveryKind;
use crate::domain::issue::post::FeedId;
use crate::store::{Store, StoreError, decode};

const DELIVERED: &str = "SELECT id FROM deliveries WHERE issue_id IS NULL AND kind = $1 AND settled_state = 'delivered' LIMIT 1";
// The outbox says what it did in words of its own (mail::transport).
const BY_SERVER: &str = "SELECT id FROM deliveries
    WHERE issue_id IS NULL AND settled_state = 'delivered' AND reply NOT LIKE 'kept in the outbox%' LIMIT 1";
const POSTS: &str = "SELECT feed_id, CAST(COUNT(*) AS BIGINT) AS n FROM posts WHERE feed_id IS NOT NULL GROUP BY feed_id";

impl Store {
    /// Whether a mail of this kind, which is no issue's copy, was ever delivered.
    pub async fn has_delivered(&self, kind: DeliveryKind) -> Result<bool, StoreError> {
        let query = sqlx::query(DELIVERED).bind(kind.as_str().to_owned());
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// Whether a mail server ever took a mail that is no issue's copy.
    pub async fn has_sent_by_server(&self) -> Result<bool, StoreError> {
        let query = sqlx::query(BY_SERVER);
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// How many posts each feed has brought; feeds without any are left out.
    pub async fn posts_per_feed(&self) -> Result<HashMap<FeedId, i64>, StoreError> {
        let rows = sqlx::query(POSTS).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let feed = decode("feed id", row.try_get("feed_id")?, FeedId::parse)?;
                Ok((feed, row.try_get("n")?))
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[DELIVERED, BY_SERVER, POSTS];

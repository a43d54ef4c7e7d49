//! What only the desk asks: how far the newsletter is set up.

use std::collections::HashMap;

use sqlx::Row;

use super::{Store, StoreError, decode};
use crate::domain::delivery::DeliveryKind;
use crate::domain::post::FeedId;

const OF_KIND: &str = "SELECT id FROM deliveries WHERE kind = $1 LIMIT 1";
const BY_FORM: &str = "SELECT id FROM subscribers WHERE asked_at IS NOT NULL LIMIT 1";
const POSTS: &str = "SELECT feed_id, CAST(COUNT(*) AS BIGINT) AS n FROM posts WHERE feed_id IS NOT NULL GROUP BY feed_id";

impl Store {
    /// Whether a mail of this kind was ever asked for.
    pub async fn has_delivery_of(&self, kind: DeliveryKind) -> Result<bool, StoreError> {
        let query = sqlx::query(OF_KIND).bind(kind.as_str().to_owned());
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// Whether anyone ever filled in the form.
    pub async fn has_sign_up(&self) -> Result<bool, StoreError> {
        let query = sqlx::query(BY_FORM);
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
pub(super) const STATEMENTS: &[&str] = &[OF_KIND, BY_FORM, POSTS];

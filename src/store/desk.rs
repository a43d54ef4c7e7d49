//! What only the desk asks: who did not get an issue, and how far the newsletter is set up.

use std::collections::HashMap;

use sqlx::Row;

use super::delivery_list::delivery_row;
use super::{DeliveryRow, Store, StoreError, decode};
use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::issue::IssueId;
use crate::domain::post::FeedId;

// By the key alone, which begins with the issue: a page of a million copies costs no
// more than a page of ten. No digit of a UUID comes behind 'g' in any collation.
const COPIES: &str = "SELECT d.id, i.number AS issue, d.kind, d.address, d.state, d.attempts, d.reply, d.at, d.due_at
    FROM deliveries d JOIN issues i ON i.id = d.issue_id
    WHERE d.id > $1 AND d.id < CAST($2 AS TEXT) || ':g' ORDER BY d.id LIMIT $3";
const COPIES_IN: &str = "SELECT d.id, i.number AS issue, d.kind, d.address, d.state, d.attempts, d.reply, d.at, d.due_at
    FROM deliveries d JOIN issues i ON i.id = d.issue_id
    WHERE d.issue_id = $2 AND d.state IN ($4, $5, $6) AND d.id > $1 ORDER BY d.id LIMIT $3";
const DELIVERED: &str = "SELECT id FROM deliveries WHERE issue_id IS NULL AND kind = $1 AND state = 'delivered' LIMIT 1";
// The outbox says what it did in words of its own (mail::transport).
const BY_SERVER: &str = "SELECT id FROM deliveries
    WHERE issue_id IS NULL AND state = 'delivered' AND reply NOT LIKE 'kept in the outbox%' LIMIT 1";
const BY_FORM: &str = "SELECT id FROM subscribers WHERE form_version IS NOT NULL LIMIT 1";
const POSTS: &str = "SELECT feed_id, CAST(COUNT(*) AS BIGINT) AS n FROM posts WHERE feed_id IS NOT NULL GROUP BY feed_id";

impl Store {
    /// A page of an issue's copies, from behind the row `after`. `Queued` stands for
    /// what is taken up and on its way, too, as in a tally.
    pub async fn copies(
        &self,
        issue: &IssueId,
        state: Option<DeliveryState>,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        use DeliveryState::{Leased, Queued, Sending};
        let after = after.map_or_else(|| format!("{issue}:"), str::to_owned);
        let query = sqlx::query(if state.is_some() { COPIES_IN } else { COPIES })
            .bind(after)
            .bind(issue.to_string())
            .bind(limit);
        let query = match state {
            None => query,
            Some(Queued) => [Queued, Leased, Sending]
                .into_iter()
                .fold(query, |query, state| query.bind(state.as_str().to_owned())),
            Some(state) => (0..3).fold(query, |query, _| query.bind(state.as_str().to_owned())),
        };
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(delivery_row).collect()
    }

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
pub(super) const STATEMENTS: &[&str] = &[COPIES, COPIES_IN, DELIVERED, BY_SERVER, BY_FORM, POSTS];

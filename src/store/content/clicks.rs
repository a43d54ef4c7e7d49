//! How often posts were opened from their issues: one figure a post, of all readers
//! together.

use sqlx::Row;
use url::Url;

use crate::domain::issue::post::PostId;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::store::{Store, StoreError, decode};

/// A post of an issue, and how often it was opened from there.
#[derive(Clone, Debug)]
pub struct PostClicks {
    pub title: String,
    pub clicks: i64,
}

/// What the posts of one author got in all.
#[derive(Clone, Debug)]
pub struct AuthorClicks {
    pub author: Option<String>,
    pub posts: i64,
    pub clicks: i64,
}

const TARGET: &str = "SELECT url FROM posts WHERE id = $1";
// A draft's post is opened by who writes the issue.
const COUNT: &str = "UPDATE posts SET clicks = clicks + 1 WHERE id = $1 AND issue_id IS NOT NULL";
const OF_ISSUE: &str = "SELECT title, clicks FROM posts WHERE issue_id = $1 ORDER BY position";
const BY_AUTHOR: &str =
    "SELECT p.author, CAST(COUNT(*) AS BIGINT) AS posts, CAST(SUM(p.clicks) AS BIGINT) AS clicks
    FROM posts p JOIN issues i ON i.id = p.issue_id WHERE i.number >= $1 GROUP BY p.author";

impl Store {
    /// Where a post is.
    pub async fn post_url(&self, post: &PostId) -> Result<Option<Url>, StoreError> {
        let url: Option<String> = sqlx::query_scalar(TARGET)
            .bind(post.to_string())
            .fetch_optional(&self.pool)
            .await?;
        url.map(|url| decode("post link", url, Url::parse))
            .transpose()
    }

    /// Counts that somebody opened a post, if it stands in an issue.
    pub async fn record_click(&self, post: &PostId) -> Result<(), StoreError> {
        let update = sqlx::query(COUNT).bind(post.to_string());
        update.execute(&self.pool).await?;
        Ok(())
    }

    /// The posts of an issue, in their order.
    pub async fn issue_clicks(&self, issue: &IssueId) -> Result<Vec<PostClicks>, StoreError> {
        let rows = sqlx::query(OF_ISSUE)
            .bind(issue.to_string())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(PostClicks {
                    title: row.try_get("title")?,
                    clicks: row.try_get("clicks")?,
                })
            })
            .collect()
    }

    /// What each author's posts got in the issues from number `since` on.
    pub async fn clicks_by_author(
        &self,
        since: IssueNumber,
    ) -> Result<Vec<AuthorClicks>, StoreError> {
        let rows = sqlx::query(BY_AUTHOR)
            .bind(since.get())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(AuthorClicks {
                    author: row.try_get("author")?,
                    posts: row.try_get("posts")?,
                    clicks: row.try_get("clicks")?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[TARGET, COUNT, OF_ISSUE, BY_AUTHOR];

//! Clicks on the posts of issues: one counter per post for all subscribers together.

use url::Url;

use crate::domain::issue::post::PostId;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::store::db::connect::Store;
use crate::store::error::{StoreError, decode};

/// A post of an issue with its clicks.
#[derive(Clone, Debug)]
pub struct PostClicks {
    /// The title of the post.
    pub title: String,
    /// How often the post was opened from the issue.
    pub clicks: i64,
}

/// The clicks on all posts of one author.
#[derive(Clone, Debug)]
pub struct AuthorClicks {
    /// The author; `None` for posts without one.
    pub author: Option<String>,
    /// The number of posts.
    pub posts: i64,
    /// The sum of their clicks.
    pub clicks: i64,
}

const POST_URL: &str = "SELECT url FROM posts WHERE id = $1";
/// Counts only posts of an issue: those of a draft are opened by its editors.
const RECORD_CLICK: &str =
    "UPDATE posts SET clicks = clicks + 1 WHERE id = $1 AND issue_id IS NOT NULL";
const BY_POST: &str = "SELECT title, clicks FROM posts WHERE issue_id = $1 ORDER BY position";
const BY_AUTHOR: &str =
    "SELECT p.author, CAST(COUNT(*) AS BIGINT) AS posts, CAST(SUM(p.clicks) AS BIGINT) AS clicks
    FROM posts p JOIN issues i ON i.id = p.issue_id WHERE i.number >= $1 GROUP BY p.author";

impl Store {
    /// Returns the link of a post.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// the stored link cannot be parsed.
    pub async fn post_url(&self, post: &PostId) -> Result<Option<Url>, StoreError> {
        let url: Option<String> = sqlx::query_scalar(POST_URL)
            .bind(post)
            .fetch_optional(&self.pool)
            .await?;
        url.map(|url| decode("post link", url, Url::parse))
            .transpose()
    }

    /// Counts a click on a post. Does nothing if the post is not in an issue.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn record_click(&self, post: &PostId) -> Result<(), StoreError> {
        let update = sqlx::query(RECORD_CLICK).bind(post);
        update.execute(&self.pool).await?;
        Ok(())
    }

    /// Returns the posts of an issue with their clicks, in the order of the issue.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn issue_clicks(&self, issue: &IssueId) -> Result<Vec<PostClicks>, StoreError> {
        let posts: Vec<(String, i64)> = sqlx::query_as(BY_POST)
            .bind(issue)
            .fetch_all(&self.pool)
            .await?;
        Ok(posts
            .into_iter()
            .map(|(title, clicks)| PostClicks { title, clicks })
            .collect())
    }

    /// Returns the clicks of each author in the issues from number `since` on.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn clicks_by_author(
        &self,
        since: IssueNumber,
    ) -> Result<Vec<AuthorClicks>, StoreError> {
        let authors: Vec<(Option<String>, i64, i64)> = sqlx::query_as(BY_AUTHOR)
            .bind(since)
            .fetch_all(&self.pool)
            .await?;
        Ok(authors
            .into_iter()
            .map(|(author, posts, clicks)| AuthorClicks {
                author,
                posts,
                clicks,
            })
            .collect())
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[POST_URL, RECORD_CLICK, BY_POST, BY_AUTHOR];

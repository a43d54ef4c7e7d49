//! Posts, each known again by its keys.

use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use url::Url;

use super::transaction::again;
use super::{Store, StoreError, decode};
use crate::domain::clock::Timestamp;
use crate::domain::issue::{IssueId, IssueNumber};
use crate::domain::post::{FeedId, Post, PostId};

/// A post as a reading found it.
#[derive(Clone, Debug)]
pub struct StoredPost {
    pub post: Post,
    pub comments: Option<u32>,
    /// Any of these in common makes two posts the same.
    pub keys: Vec<String>,
    /// Too old to be news when its feed was first read.
    pub is_history: bool,
}

/// A post that is in no issue.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub post: Post,
    pub is_history: bool,
}

const KNOWN: &str = "SELECT post_id FROM post_keys WHERE post_key = $1";
const INSERT: &str =
    "INSERT INTO posts (id, feed_id, title, url, excerpt, image, author, minutes, comments,
    published_at, first_seen_at, offered, history_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12)";
const ADD_KEY: &str =
    "INSERT INTO post_keys (post_key, post_id) VALUES ($1, $2) ON CONFLICT (post_key) DO NOTHING";
// What stands in an issue stays as it was sent; the date is not news.
const UPDATE: &str = "UPDATE posts SET title = $2, url = $3, excerpt = $4, image = $5, author = $6, minutes = $7, comments = $8
    WHERE id = $1 AND issue_id IS NULL";
// Removing a feed takes its posts out of the running, not out of memory.
const CANDIDATES: &str =
    "SELECT id, title, url, excerpt, image, author, minutes, published_at, first_seen_at, offered,
    history_at FROM posts WHERE issue_id IS NULL AND feed_id IS NOT NULL AND published_at > $1
    ORDER BY published_at DESC, id DESC LIMIT $2";
const OF_ISSUE: &str =
    "SELECT id, title, url, excerpt, image, author, minutes, published_at, first_seen_at, offered,
    history_at FROM posts WHERE issue_id = $1 ORDER BY position";
const TITLES: &str = "SELECT p.title, i.number FROM posts p JOIN issues i ON i.id = p.issue_id
    WHERE i.number <= $1 AND i.number > $2 ORDER BY i.number DESC, p.position";

impl Store {
    /// Keeps what a reading found. Returns how many posts were new.
    pub async fn keep_posts(
        &self,
        feed: &FeedId,
        posts: &[StoredPost],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let mut new = 0;
            for stored in posts {
                new += usize::from(keep(&mut tx, feed, stored, now).await?);
            }
            tx.commit().await?;
            Ok(new)
        })
        .await
    }

    /// Posts in no issue that were published after `since`, the newest first.
    pub async fn candidates(
        &self,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<Candidate>, StoreError> {
        let rows = sqlx::query(CANDIDATES)
            .bind(since.as_millis())
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let history: Option<i64> = row.try_get("history_at")?;
                Ok(Candidate {
                    post: post(row)?,
                    is_history: history.is_some(),
                })
            })
            .collect()
    }

    /// The posts of an issue, in their order.
    pub async fn posts_of(&self, issue: &IssueId) -> Result<Vec<Post>, StoreError> {
        sqlx::query(OF_ISSUE)
            .bind(issue.to_string())
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(post)
            .collect()
    }

    /// The titles in the issues from `newest` down to, and without, `before`.
    pub async fn titles(
        &self,
        newest: IssueNumber,
        before: i64,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let rows = sqlx::query(TITLES)
            .bind(newest.get())
            .bind(before)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("number")?, row.try_get("title")?)))
            .collect()
    }
}

/// True when the post was new.
async fn keep(
    tx: &mut Transaction<'static, Any>,
    feed: &FeedId,
    stored: &StoredPost,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut known: Option<String> = None;
    for key in &stored.keys {
        known = sqlx::query_scalar(KNOWN)
            .bind(key.clone())
            .fetch_optional(&mut **tx)
            .await?;
        if known.is_some() {
            break;
        }
    }
    let is_new = known.is_none();
    let id = known.unwrap_or_else(|| stored.post.id.to_string());
    let post = &stored.post;
    let minutes = post.minutes.map(i64::from);
    let image = post.image.as_ref().map(Url::to_string);
    let statement = if is_new {
        sqlx::query(INSERT).bind(id.clone()).bind(feed.to_string())
    } else {
        sqlx::query(UPDATE).bind(id.clone())
    };
    let mut statement = statement
        .bind(post.title.clone())
        .bind(post.url.to_string())
        .bind(post.excerpt.clone())
        .bind(image)
        .bind(post.author.clone())
        .bind(minutes)
        .bind(stored.comments.map(i64::from));
    if is_new {
        statement = statement
            .bind(post.published_at.as_millis())
            .bind(post.first_seen_at.as_millis())
            .bind(stored.is_history.then_some(now.as_millis()));
    }
    statement.execute(&mut **tx).await?;
    for key in &stored.keys {
        sqlx::query(ADD_KEY)
            .bind(key.clone())
            .bind(id.clone())
            .execute(&mut **tx)
            .await?;
    }
    Ok(is_new)
}

fn post(row: &AnyRow) -> Result<Post, StoreError> {
    let small = |name: &str| {
        row.try_get::<Option<i64>, _>(name)
            .map(|n| n.and_then(|n| u32::try_from(n).ok()))
    };
    let image: Option<String> = row.try_get("image")?;
    Ok(Post {
        id: decode("post id", row.try_get("id")?, PostId::parse)?,
        title: row.try_get("title")?,
        url: decode("post link", row.try_get("url")?, Url::parse)?,
        excerpt: row.try_get("excerpt")?,
        image: image
            .map(|image| decode("image link", image, Url::parse))
            .transpose()?,
        author: row.try_get("author")?,
        minutes: small("minutes")?,
        published_at: Timestamp::from_millis(row.try_get("published_at")?),
        first_seen_at: Timestamp::from_millis(row.try_get("first_seen_at")?),
        offered: u32::try_from(row.try_get::<i64, _>("offered")?).unwrap_or(u32::MAX),
    })
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[KNOWN, INSERT, ADD_KEY, UPDATE, CANDIDATES, OF_ISSUE, TITLES];

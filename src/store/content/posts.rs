//! Posts. Each is identified by its keys: its guid, its link, or a hash of title and date.

use sqlx::Row;
use sqlx::any::AnyRow;
use url::Url;

use crate::domain::clock::Timestamp;
use crate::domain::issue::post::{FeedId, Post, PostId};
use crate::domain::issue::{IssueId, IssueNumber};
use crate::store::db::connect::Store;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::error::{StoreError, decode};

/// A post as it was read from a feed or entered by an editor.
#[derive(Clone, Debug)]
pub struct NewPost {
    /// The post. Its id is used only if the post is new.
    pub post: Post,
    /// The number of comments, if the feed contains it.
    pub comments: Option<u32>,
    /// The keys of the post. Two posts that have a key in common are the same post.
    pub keys: Vec<String>,
    /// Whether the post was too old to be news when its feed was first read.
    pub is_history: bool,
}

/// A post that is not in an issue.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The post.
    pub post: Post,
    /// Whether the post was too old to be news when its feed was first read.
    pub is_history: bool,
    /// The number of comments, if the feed contains it.
    pub comments: Option<u32>,
}

/// The result of adding a post manually.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManualPostOutcome {
    /// The post is stored and not in an issue; it may have been read from a feed before.
    Stored(PostId),
    /// The post is in this issue already.
    InIssue(IssueNumber),
}

const POST_BY_KEY: &str = "SELECT post_id FROM post_keys WHERE post_key = $1";
const INSERT: &str =
    "INSERT INTO posts (id, feed_id, title, url, excerpt, image, author, minutes, comments,
    published_at, first_seen_at, times_offered, history_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12)";
const INSERT_KEY: &str =
    "INSERT INTO post_keys (post_key, post_id) VALUES ($1, $2) ON CONFLICT (post_key) DO NOTHING";
/// Updates a post that is not in an issue; a sent post keeps its content.
///
/// The date of publication is not updated. A post without a feed, because an editor added it
/// or its feed was removed, is assigned to the feed that contains it.
const UPDATE: &str =
    "UPDATE posts SET feed_id = COALESCE(feed_id, $2), title = $3, url = $4, excerpt = $5,
    image = $6, author = $7, minutes = $8, comments = $9
    WHERE id = $1 AND issue_id IS NULL";
const ISSUE_NUMBER: &str =
    "SELECT i.number FROM posts p JOIN issues i ON i.id = p.issue_id WHERE p.id = $1";
/// Posts of removed feeds are stored, but are not candidates.
const CANDIDATES: &str =
    "SELECT id, title, url, excerpt, image, author, minutes, published_at, first_seen_at, times_offered,
    history_at, comments FROM posts WHERE issue_id IS NULL AND feed_id IS NOT NULL AND published_at > $1
    ORDER BY published_at DESC, id DESC LIMIT $2";
const CANDIDATE: &str =
    "SELECT id, title, url, excerpt, image, author, minutes, published_at, first_seen_at, times_offered,
    history_at, comments FROM posts WHERE id = $1 AND issue_id IS NULL";
const ISSUE_POSTS: &str =
    "SELECT id, title, url, excerpt, image, author, minutes, published_at, first_seen_at, times_offered,
    history_at FROM posts WHERE issue_id = $1 ORDER BY position";
const ISSUE_TITLES: &str =
    "SELECT i.number, p.title FROM posts p JOIN issues i ON i.id = p.issue_id
    WHERE i.number <= $1 AND i.number > $2 ORDER BY i.number DESC, p.position";

impl Store {
    /// Inserts or updates the posts of a feed, and returns how many were new.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored id cannot be parsed.
    pub async fn upsert_posts(
        &self,
        feed: &FeedId,
        posts: &[NewPost],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let mut new = 0;
            for post in posts {
                new += usize::from(upsert_post(&mut tx, Some(feed), post, now).await?);
            }
            tx.commit().await?;
            Ok(new)
        })
        .await
    }

    /// Returns at most `limit` posts that are not in an issue and were published after `since`,
    /// newest first. Posts without a feed are left out.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn candidates(
        &self,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<Candidate>, StoreError> {
        let rows = sqlx::query(CANDIDATES)
            .bind(since)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(candidate_from_row).collect()
    }

    /// Returns a post that is not in an issue, with or without a feed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn candidate(&self, post: &PostId) -> Result<Option<Candidate>, StoreError> {
        let query = sqlx::query(CANDIDATE).bind(post);
        let row = query.fetch_optional(&self.pool).await?;
        row.as_ref().map(candidate_from_row).transpose()
    }

    /// Inserts a post without a feed, unless a post with one of its keys is stored.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn insert_manual_post(
        &self,
        new: &NewPost,
        now: Timestamp,
    ) -> Result<ManualPostOutcome, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let id = match find_by_keys(&mut tx, &new.keys).await? {
                Some(id) => id,
                None => {
                    upsert_post(&mut tx, None, new, now).await?;
                    new.post.id
                }
            };
            let issue: Option<IssueNumber> = sqlx::query_scalar(ISSUE_NUMBER)
                .bind(id)
                .fetch_optional(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(issue.map_or(ManualPostOutcome::Stored(id), ManualPostOutcome::InIssue))
        })
        .await
    }

    /// Returns the posts of an issue, in the order of the issue.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn issue_posts(&self, issue: &IssueId) -> Result<Vec<Post>, StoreError> {
        let query = sqlx::query(ISSUE_POSTS).bind(issue);
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(post_from_row).collect()
    }

    /// Returns the post titles of several issues, each with the number of its issue.
    ///
    /// The issues are those from `newest` down to, and without, the number `before`. Newer
    /// issues come first, titles in the order of their issue.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn issue_titles(
        &self,
        newest: IssueNumber,
        before: i64,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let query = sqlx::query_as(ISSUE_TITLES).bind(newest).bind(before);
        Ok(query.fetch_all(&self.pool).await?)
    }
}

/// Returns the post that has one of these keys.
async fn find_by_keys(tx: &mut WriteTx, keys: &[String]) -> Result<Option<PostId>, StoreError> {
    for key in keys {
        let post = sqlx::query_scalar(POST_BY_KEY)
            .bind(key)
            .fetch_optional(&mut **tx)
            .await?;
        if post.is_some() {
            return Ok(post);
        }
    }
    Ok(None)
}

/// Inserts or updates a post and adds its keys. Returns whether the post was new.
async fn upsert_post(
    tx: &mut WriteTx,
    feed: Option<&FeedId>,
    new: &NewPost,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let known = find_by_keys(tx, &new.keys).await?;
    let is_new = known.is_none();
    let id = known.unwrap_or(new.post.id);
    let post = &new.post;
    let mut statement = sqlx::query(if is_new { INSERT } else { UPDATE })
        .bind(id)
        .bind(feed)
        .bind(&post.title)
        .bind(post.url.as_str())
        .bind(&post.excerpt)
        .bind(post.image.as_ref().map(Url::as_str))
        .bind(&post.author)
        .bind(post.minutes.map(i64::from))
        .bind(new.comments.map(i64::from));
    if is_new {
        statement = statement
            .bind(post.published_at)
            .bind(post.first_seen_at)
            .bind(new.is_history.then_some(now));
    }
    statement.execute(&mut **tx).await?;
    for key in &new.keys {
        sqlx::query(INSERT_KEY)
            .bind(key)
            .bind(id)
            .execute(&mut **tx)
            .await?;
    }
    Ok(is_new)
}

fn candidate_from_row(row: &AnyRow) -> Result<Candidate, StoreError> {
    let history_at: Option<Timestamp> = row.try_get("history_at")?;
    Ok(Candidate {
        post: post_from_row(row)?,
        is_history: history_at.is_some(),
        comments: optional_u32(row, "comments")?,
    })
}

fn post_from_row(row: &AnyRow) -> Result<Post, StoreError> {
    let image: Option<String> = row.try_get("image")?;
    Ok(Post {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        url: decode("post link", row.try_get("url")?, Url::parse)?,
        excerpt: row.try_get("excerpt")?,
        image: image
            .map(|image| decode("image link", image, Url::parse))
            .transpose()?,
        author: row.try_get("author")?,
        minutes: optional_u32(row, "minutes")?,
        published_at: row.try_get("published_at")?,
        first_seen_at: row.try_get("first_seen_at")?,
        times_offered: u32::try_from(row.try_get::<i64, _>("times_offered")?).unwrap_or(u32::MAX),
    })
}

/// Returns the number in `column`, or `None` if it is NULL or not a `u32`.
fn optional_u32(row: &AnyRow, column: &str) -> Result<Option<u32>, StoreError> {
    let number: Option<i64> = row.try_get(column)?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    POST_BY_KEY,
    INSERT,
    INSERT_KEY,
    UPDATE,
    ISSUE_NUMBER,
    CANDIDATES,
    CANDIDATE,
    ISSUE_POSTS,
    ISSUE_TITLES,
];

//! Posts, each known again by its keys.

use sqlx::Row;
use sqlx::any::AnyRow;
use url::Url;

use crate::domain::clock::Timestamp;
use crate::domain::issue::post::{FeedId, Post, PostId};
use crate::domain::issue::{IssueId, IssueNumber};
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::{Store, StoreError, decode};

/// A post as a reading found it.
#[derive(Clone, Debug)]
pub struct NewPost {
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
    /// Where the feed counts them.
    pub comments: Option<u32>,
}

/// What became of a post that a person added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManualPostOutcome {
    /// It is there, perhaps from a feed.
    Stored(PostId),
    /// It stood in this issue.
    InIssue(IssueNumber),
}

const KNOWN: &str = "SELECT post_id FROM post_keys WHERE post_key = $1";
const INSERT: &str =
    "INSERT INTO posts (id, feed_id, title, url, excerpt, image, author, minutes, comments,
    published_at, first_seen_at, times_offered, history_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12)";
const ADD_KEY: &str =
    "INSERT INTO post_keys (post_key, post_id) VALUES ($1, $2) ON CONFLICT (post_key) DO NOTHING";
// What stands in an issue stays as it was sent; the date is not news. A post that a
// person added before its feed did, or whose feed was removed, has its feed from now on.
const UPDATE: &str =
    "UPDATE posts SET feed_id = COALESCE(feed_id, $2), title = $3, url = $4, excerpt = $5,
    image = $6, author = $7, minutes = $8, comments = $9
    WHERE id = $1 AND issue_id IS NULL";
const IN_ISSUE: &str =
    "SELECT i.number FROM posts p JOIN issues i ON i.id = p.issue_id WHERE p.id = $1";
// Removing a feed takes its posts out of the running, not out of memory.
const CANDIDATES: &str =
    "SELECT id, title, url, excerpt, image, author, minutes, published_at, first_seen_at, times_offered,
    history_at, comments FROM posts WHERE issue_id IS NULL AND feed_id IS NOT NULL AND published_at > $1
    ORDER BY published_at DESC, id DESC LIMIT $2";
const CANDIDATE: &str =
    "SELECT id, title, url, excerpt, image, author, minutes, published_at, first_seen_at, times_offered,
    history_at, comments FROM posts WHERE id = $1 AND issue_id IS NULL";
const OF_ISSUE: &str =
    "SELECT id, title, url, excerpt, image, author, minutes, published_at, first_seen_at, times_offered,
    history_at FROM posts WHERE issue_id = $1 ORDER BY position";
const TITLES: &str = "SELECT p.title, i.number FROM posts p JOIN issues i ON i.id = p.issue_id
    WHERE i.number <= $1 AND i.number > $2 ORDER BY i.number DESC, p.position";

impl Store {
    /// Keeps what a reading found. Returns how many posts were new.
    pub async fn upsert_posts(
        &self,
        feed: &FeedId,
        posts: &[NewPost],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let mut new = 0;
            for stored in posts {
                new += usize::from(keep(&mut tx, Some(feed), stored, now).await?);
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
        rows.iter().map(candidate).collect()
    }

    /// A post that is in no issue, whatever its feed.
    pub async fn candidate(&self, post: &PostId) -> Result<Option<Candidate>, StoreError> {
        let query = sqlx::query(CANDIDATE).bind(post.to_string());
        let row = query.fetch_optional(&self.pool).await?;
        row.as_ref().map(candidate).transpose()
    }

    /// Keeps a post that no feed has brought, unless it is known by one of its keys.
    pub async fn insert_manual_post(
        &self,
        stored: &NewPost,
        now: Timestamp,
    ) -> Result<ManualPostOutcome, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let known = known(&mut tx, &stored.keys).await?;
            let id = match known {
                Some(id) => decode("post id", id, PostId::parse)?,
                None => {
                    keep(&mut tx, None, stored, now).await?;
                    stored.post.id
                }
            };
            let sent: Option<i64> = sqlx::query_scalar(IN_ISSUE)
                .bind(id.to_string())
                .fetch_optional(&mut *tx)
                .await?;
            tx.commit().await?;
            let sent = sent.and_then(|number| IssueNumber::new(number).ok());
            Ok(sent.map_or(ManualPostOutcome::Stored(id), ManualPostOutcome::InIssue))
        })
        .await
    }

    /// The posts of an issue, in their order.
    pub async fn issue_posts(&self, issue: &IssueId) -> Result<Vec<Post>, StoreError> {
        sqlx::query(OF_ISSUE)
            .bind(issue.to_string())
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(post)
            .collect()
    }

    /// The titles in the issues from `newest` down to, and without, `before`.
    pub async fn issue_titles(
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

/// The post that has one of these keys.
async fn known(tx: &mut WriteTx, keys: &[String]) -> Result<Option<String>, StoreError> {
    for key in keys {
        let known = sqlx::query_scalar(KNOWN)
            .bind(key.clone())
            .fetch_optional(&mut **tx)
            .await?;
        if known.is_some() {
            return Ok(known);
        }
    }
    Ok(None)
}

/// True when the post was new.
async fn keep(
    tx: &mut WriteTx,
    feed: Option<&FeedId>,
    stored: &NewPost,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let known = known(tx, &stored.keys).await?;
    let is_new = known.is_none();
    let id = known.unwrap_or_else(|| stored.post.id.to_string());
    let post = &stored.post;
    let minutes = post.minutes.map(i64::from);
    let image = post.image.as_ref().map(Url::to_string);
    let mut statement = sqlx::query(if is_new { INSERT } else { UPDATE })
        .bind(id.clone())
        .bind(feed.map(FeedId::to_string))
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

fn candidate(row: &AnyRow) -> Result<Candidate, StoreError> {
    let history: Option<i64> = row.try_get("history_at")?;
    Ok(Candidate {
        post: post(row)?,
        is_history: history.is_some(),
        comments: small(row, "comments")?,
    })
}

fn small(row: &AnyRow, name: &str) -> Result<Option<u32>, StoreError> {
    let number: Option<i64> = row.try_get(name)?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

fn post(row: &AnyRow) -> Result<Post, StoreError> {
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
        minutes: small(row, "minutes")?,
        published_at: Timestamp::from_millis(row.try_get("published_at")?),
        first_seen_at: Timestamp::from_millis(row.try_get("first_seen_at")?),
        offered: u32::try_from(row.try_get::<i64, _>("times_offered")?).unwrap_or(u32::MAX),
    })
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    KNOWN, INSERT, ADD_KEY, UPDATE, IN_ISSUE, CANDIDATES, CANDIDATE, OF_ISSUE, TITLES,
];

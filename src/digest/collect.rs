//! Reads the feeds and stores new posts. A feed that fails does not affect the others.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use tracing::Instrument;

use crate::digest::{DigestService, post_keys};
use crate::domain::clock::Timestamp;
use crate::domain::issue::post::{FeedId, FeedPost, Post, PostId};
use crate::feeds::{FeedSource, FeedUpdate, ParsedFeed, Validators, read_feed};
use crate::mail::templates::FailedFeed;
use crate::store::{FeedOrigin, FeedReading, FeedRow, NewPost, StoreError};

/// Maximum age of posts that are offered when a feed is read for the first time.
///
/// One week, the period of an issue. Older posts are stored as history, so that a new feed
/// does not fill the next issue with its archive.
const FIRST_READ_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A feed named in the settings.
#[derive(Clone, Debug)]
pub struct ConfiguredFeed(pub FeedSource);

/// Result of reading one feed.
#[derive(Clone, Debug)]
pub struct FeedResult {
    /// URL or path of the feed.
    pub source: String,
    /// Number of new posts, or the error message for the operator.
    pub result: Result<usize, String>,
}

impl FeedResult {
    /// Returns the feed with its error for an alert; `None` if it was read.
    pub fn into_failed(self) -> Option<FailedFeed> {
        let says = self.result.err()?;
        Some(FailedFeed {
            url: self.source,
            says,
        })
    }
}

impl DigestService {
    /// Reads all feeds concurrently and stores their new posts.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// a stored feed cannot be parsed. Errors of a feed are in its [`FeedResult`].
    pub async fn collect(&self) -> Result<Vec<FeedResult>, StoreError> {
        self.sync_feeds_from_settings().await?;
        let feeds = self.store.feeds().await?;
        let updates = join_all(feeds.iter().map(|feed| self.read(feed))).await;
        let mut results = Vec::with_capacity(feeds.len());
        for (feed, update) in feeds.iter().zip(updates) {
            results.push(FeedResult {
                source: feed.source.clone(),
                result: self.store_update(feed, update).await?,
            });
        }
        Ok(results)
    }

    /// Reads one feed and stores its new posts.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails. Errors of the feed are in the
    /// [`FeedResult`].
    pub async fn collect_feed(&self, feed: &FeedRow) -> Result<FeedResult, StoreError> {
        let update = self.read(feed).await;
        Ok(FeedResult {
            source: feed.source.clone(),
            result: self.store_update(feed, update).await?,
        })
    }

    /// Adds the feeds of the setting `feeds.urls` to the database, and removes those that the
    /// setting no longer contains. Feeds added in other ways are kept.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// a stored feed cannot be parsed.
    pub async fn sync_feeds_from_settings(&self) -> Result<(), StoreError> {
        let now = self.now();
        let sources: Vec<String> = self
            .configured_feeds
            .iter()
            .map(|feed| feed.0.to_string())
            .collect();
        for source in &sources {
            let id = FeedId::new(now, &self.random);
            self.store
                .add_feed(&id, source, FeedOrigin::Settings, now)
                .await?;
        }
        for feed in self.store.feeds().await? {
            if feed.origin == FeedOrigin::Settings && !sources.contains(&feed.source) {
                self.store.remove_feed(&feed.source).await?;
            }
        }
        Ok(())
    }

    async fn read(&self, feed: &FeedRow) -> Result<FeedUpdate, String> {
        let source =
            FeedSource::parse(&feed.source, Path::new("/")).map_err(|error| error.to_string())?;
        let validators = Validators {
            etag: feed.etag.clone(),
            last_modified: feed.last_modified.clone(),
        };
        // The host only: the path and query of a feed's URL may contain a secret.
        let span =
            tracing::info_span!("feeds.fetch", feed.id = %feed.id, feed.host = source.host());
        read_feed(&self.fetcher, &source, &validators)
            .instrument(span)
            .await
            .map_err(|error| error.to_string())
    }

    async fn store_update(
        &self,
        feed: &FeedRow,
        update: Result<FeedUpdate, String>,
    ) -> Result<Result<usize, String>, StoreError> {
        let now = self.now();
        let (reading, result) = match update {
            Ok(FeedUpdate::Unchanged) => (FeedReading::Unchanged, Ok(0)),
            Ok(FeedUpdate::New {
                feed: parsed,
                validators,
            }) => {
                let posts = self.new_posts(feed, &parsed, now);
                let new_count = self.store.upsert_posts(&feed.id, &posts, now).await?;
                let reading = FeedReading::Read {
                    title: Some(parsed.title).filter(|title| !title.is_empty()),
                    home: parsed.home.map(|home| home.to_string()),
                    etag: validators.etag,
                    last_modified: validators.last_modified,
                };
                (reading, Ok(new_count))
            }
            Err(error) => {
                tracing::warn!(feed.id = %feed.id, %error, "cannot read feed");
                let reading = FeedReading::Failed {
                    error: error.clone(),
                };
                (reading, Err(error))
            }
        };
        self.store
            .record_feed_reading(&feed.id, &reading, now)
            .await?;
        Ok(result)
    }

    fn new_posts(&self, feed: &FeedRow, parsed: &ParsedFeed, now: Timestamp) -> Vec<NewPost> {
        let is_first_read = feed.first_read_at.is_none();
        let posts = parsed.posts.iter().filter_map(|found| {
            let url = found.link.clone()?;
            // A date in the future is a typo or a schedule; the post is readable now.
            let published_at = found.published_at.unwrap_or(now).min(now);
            Some(NewPost {
                post: Post {
                    id: PostId::new(now, &self.random),
                    title: found.title.clone(),
                    url,
                    excerpt: found.excerpt.clone(),
                    image: found.image.clone(),
                    author: found.author.clone(),
                    minutes: found.minutes,
                    published_at,
                    first_seen_at: now,
                    times_offered: 0,
                },
                comments: found.comments,
                keys: post_keys::post_keys(&feed.id, found),
                is_history: is_first_read && is_history(found, now),
            })
        });
        posts.collect()
    }
}

fn is_history(post: &FeedPost, now: Timestamp) -> bool {
    post.published_at
        .is_some_and(|at| at < now.minus(FIRST_READ_MAX_AGE))
}

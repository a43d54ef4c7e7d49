//! Reading the feeds. One broken feed never stops the others.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;

use crate::digest::{DigestService, post_keys};
use crate::domain::clock::Timestamp;
use crate::domain::issue::post::{FeedId, FeedPost, Post, PostId};
use crate::feeds::{FeedSource, ParsedFeed, Reading, Validators};
use crate::store::{FeedOrigin, FeedReading, FeedRow, NewPost, StoreError};

/// A feed's first reading offers this much; what is older is its history.
const FIRST_READING: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A feed that the settings name.
#[derive(Clone, Debug)]
pub struct ConfiguredFeed(pub FeedSource);

/// How the reading of one feed went.
#[derive(Clone, Debug)]
pub struct FeedResult {
    pub source: String,
    /// New posts, or what went wrong.
    pub result: Result<usize, String>,
}

impl DigestService {
    /// Reads every feed and keeps what is new.
    ///
    /// # Errors
    /// When the database fails; a feed's failure is in its own line.
    pub async fn collect(&self) -> Result<Vec<FeedResult>, StoreError> {
        self.follow_settings().await?;
        let feeds = self.store.feeds().await?;
        let read = feeds.iter().map(|feed| self.read(feed));
        let readings = join_all(read).await;
        let mut collected = Vec::with_capacity(feeds.len());
        for (feed, reading) in feeds.iter().zip(readings) {
            collected.push(FeedResult {
                source: feed.source.clone(),
                result: self.keep(feed, reading).await?,
            });
        }
        Ok(collected)
    }

    /// Reads one feed and keeps what is new.
    ///
    /// # Errors
    /// When the database fails; the feed's failure is in its line.
    pub async fn collect_one(&self, feed: &FeedRow) -> Result<FeedResult, StoreError> {
        let reading = self.read(feed).await;
        Ok(FeedResult {
            source: feed.source.clone(),
            result: self.keep(feed, reading).await?,
        })
    }

    /// Makes the table of feeds agree with the settings: `feeds.urls` and what was added
    /// are a union.
    pub async fn follow_settings(&self) -> Result<(), StoreError> {
        let now = self.now();
        let wanted: Vec<String> = self
            .wanted
            .iter()
            .map(|wanted| wanted.0.to_string())
            .collect();
        for source in &wanted {
            self.store
                .add_feed(
                    &FeedId::new(now, &self.random),
                    source,
                    FeedOrigin::Settings,
                    now,
                )
                .await?;
        }
        for feed in self.store.feeds().await? {
            if feed.origin == FeedOrigin::Settings && !wanted.contains(&feed.source) {
                self.store.remove_feed(&feed.source).await?;
            }
        }
        Ok(())
    }

    async fn read(&self, feed: &FeedRow) -> Result<Reading, String> {
        let source =
            FeedSource::parse(&feed.source, Path::new("/")).map_err(|error| error.to_string())?;
        let validators = Validators {
            etag: feed.etag.clone(),
            last_modified: feed.last_modified.clone(),
        };
        crate::feeds::read(&self.fetcher, &source, &validators)
            .await
            .map_err(|error| error.to_string())
    }

    async fn keep(
        &self,
        feed: &FeedRow,
        reading: Result<Reading, String>,
    ) -> Result<Result<usize, String>, StoreError> {
        let now = self.now();
        let (noted, result) = match reading {
            Ok(Reading::Unchanged) => (FeedReading::Unchanged, Ok(0)),
            Ok(Reading::New {
                feed: parsed,
                validators,
            }) => {
                let posts = self.stored_posts(feed, &parsed, now);
                let new = self.store.upsert_posts(&feed.id, &posts, now).await?;
                let noted = FeedReading::Read {
                    title: Some(parsed.title).filter(|title| !title.is_empty()),
                    home: parsed.home.map(|home| home.to_string()),
                    etag: validators.etag,
                    last_modified: validators.last_modified,
                };
                (noted, Ok(new))
            }
            Err(error) => {
                tracing::warn!(feed = %feed.id, %error, "a feed could not be read");
                (
                    FeedReading::Failed {
                        error: error.clone(),
                    },
                    Err(error),
                )
            }
        };
        self.store
            .record_feed_reading(&feed.id, &noted, now)
            .await?;
        Ok(result)
    }

    fn stored_posts(&self, feed: &FeedRow, parsed: &ParsedFeed, now: Timestamp) -> Vec<NewPost> {
        let is_first = feed.first_read_at.is_none();
        let posts = parsed.posts.iter().filter_map(|found| {
            let url = found.link.clone()?;
            // A date in the future is a slip or a schedule; the post is here now.
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
                    offered: 0,
                },
                comments: found.comments,
                keys: post_keys::keys(&feed.id, found),
                is_history: is_first && is_history(found, now),
            })
        });
        posts.collect()
    }
}

fn is_history(post: &FeedPost, now: Timestamp) -> bool {
    post.published_at
        .is_some_and(|at| at < now.minus(FIRST_READING))
}

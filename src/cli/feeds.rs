//! `broadsheet feeds`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use crate::cli::{CliError, Context};
use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::clock::Timestamp;
use crate::domain::issue::post::{FeedId, FeedPost};
use crate::feeds::{FeedSource, Fetcher, ParsedFeed, Reading, Validators};
use crate::store::{FeedOrigin, FeedRow};

#[derive(Debug, Subcommand)]
pub enum Feeds {
    /// Read a blog from now on
    Add {
        /// A feed's address, or the path of a file
        #[arg(value_name = "URL|FILE")]
        source: String,
    },
    /// Every feed, and how its last reading went
    List,
    /// Read a feed once and show every usable post; nothing is kept
    Check {
        #[arg(value_name = "URL|FILE")]
        source: String,
    },
    /// Read a blog no more
    Remove {
        #[arg(value_name = "URL|FILE")]
        source: String,
    },
}

impl Feeds {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Add { source } => add(context, &source).await,
            Self::List => list(context).await,
            Self::Check { source } => check(context, &source).await,
            Self::Remove { source } => remove(context, &source).await,
        }
    }
}

fn parse(source: &str) -> Result<FeedSource, CliError> {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    FeedSource::parse(source, &here).map_err(|error| CliError::Usage(error.to_string()))
}

/// Adding reads the feed at once: a slip is better told now than on Friday.
async fn add(context: &Context, source: &str) -> Result<(), CliError> {
    let source = parse(source)?;
    let app = context.app().await?;
    let (posts, error) = match read(&app.fetcher(), &source).await {
        Ok(feed) => (feed.posts.len(), None),
        Err(error) => (0, Some(error)),
    };
    let now = app.clock.now();
    let name = source.to_string();
    let added = app
        .store
        .add_feed(
            &FeedId::new(now, &app.random),
            &name,
            FeedOrigin::Added,
            now,
        )
        .await?;
    if added {
        app.audit(AuditAction::FeedAdded, AuditTarget::Feed(name.clone()))
            .await;
    }
    context.output.line(
        &json!({ "url": name, "added": added, "posts": posts, "error": error }),
        || match &error {
            Some(error) => format!("Added {name}, but it cannot be read now: {error}"),
            None if added => format!("Added {name}: {posts} posts."),
            None => format!("{name} is there already: {posts} posts."),
        },
    )?;
    app.close().await;
    Ok(())
}

async fn list(context: &Context) -> Result<(), CliError> {
    let app = context.app().await?;
    app.follow_settings().await?;
    for feed in app.store.feeds().await? {
        let at = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
        let line = json!({
            "url": feed.source, "title": feed.title, "origin": origin(feed.origin), "last_read_at": at(feed.last_read_at),
            "last_good_at": at(feed.last_good_at), "error": feed.last_error,
        });
        context.output.line(&line, || words(&feed))?;
    }
    app.close().await;
    Ok(())
}

const fn origin(origin: FeedOrigin) -> &'static str {
    match origin {
        FeedOrigin::Added => "added",
        FeedOrigin::Settings => "settings",
    }
}

fn words(feed: &FeedRow) -> String {
    let day = |at: Timestamp| at.to_utc().strftime("%Y-%m-%d %H:%M").to_string();
    let state = match (&feed.last_error, feed.last_good_at) {
        (Some(error), Some(good)) => {
            format!("could not be read: {error}. Last good: {}", day(good))
        }
        (Some(error), None) => format!("could not be read: {error}"),
        (None, Some(good)) => format!("read {}", day(good)),
        (None, None) => "not read yet".to_owned(),
    };
    format!("{}  {state}", feed.source)
}

async fn check(context: &Context, source: &str) -> Result<(), CliError> {
    let source = parse(source)?;
    let settings = context.settings()?;
    let fetcher = crate::app::fetcher(&settings);
    match read(&fetcher, &source).await {
        Ok(feed) => {
            let posts: Vec<_> = feed.posts.iter().map(post_json).collect();
            let line = json!({
                "url": source.to_string(), "title": feed.title, "posts": posts, "passed_over": feed.passed_over,
                "error": null,
            });
            context.output.line(&line, || feed_words(&feed))
        }
        Err(error) => {
            let line = json!({ "url": source.to_string(), "posts": [], "error": error });
            context
                .output
                .line(&line, || format!("We could not read this feed: {error}"))?;
            Err(CliError::Told)
        }
    }
}

async fn read(fetcher: &Fetcher, source: &FeedSource) -> Result<ParsedFeed, String> {
    match crate::feeds::read(fetcher, source, &Validators::default()).await {
        Ok(Reading::New { feed, .. }) => Ok(feed),
        Ok(Reading::Unchanged) => {
            Err("the server says 'unchanged' to whoever asks for the first time".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn post_json(post: &FeedPost) -> serde_json::Value {
    json!({
        "title": post.title, "url": post.link.as_ref().map(ToString::to_string), "excerpt": post.excerpt,
        "image": post.image.as_ref().map(ToString::to_string), "author": post.author, "minutes": post.minutes,
        "published_at": post.published_at.map(Timestamp::as_millis), "comments": post.comments,
    })
}

fn feed_words(feed: &ParsedFeed) -> String {
    let mut words = format!("{}: {} posts", feed.title, feed.posts.len());
    if feed.passed_over > 0 {
        words.push_str(&format!(
            " ({} more have no link or no text)",
            feed.passed_over
        ));
    }
    for post in &feed.posts {
        let day = post.published_at.map_or_else(
            || "no date".to_owned(),
            |at| at.to_utc().strftime("%Y-%m-%d").to_string(),
        );
        let link = post
            .link
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        words.push_str(&format!(
            "\n\n{day}  {}\n  {link}\n  {}",
            post.title, post.excerpt
        ));
    }
    words
}

async fn remove(context: &Context, source: &str) -> Result<(), CliError> {
    let name = parse(source)?.to_string();
    let app = context.app().await?;
    let known = app
        .store
        .feeds()
        .await?
        .into_iter()
        .find(|feed| feed.source == name);
    match known {
        None => Err(CliError::Failed(format!(
            "there is no feed {name}; see: broadsheet feeds list"
        ))),
        Some(feed)
            if feed.origin == FeedOrigin::Settings && app.names_feed(Path::new("/"), &name) =>
        {
            Err(CliError::Failed(format!(
                "{name} stands in feeds.urls; take it out there"
            )))
        }
        Some(_) => {
            app.store.remove_feed(&name).await?;
            app.audit(AuditAction::FeedRemoved, AuditTarget::Feed(name.clone()))
                .await;
            context
                .output
                .line(&json!({ "url": name, "removed": true }), || {
                    format!("Removed {name}.")
                })?;
            app.close().await;
            Ok(())
        }
    }
}

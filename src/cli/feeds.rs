//! `broadsheet feeds`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::clock::Timestamp;
use crate::domain::issue::post::{FeedId, FeedPost};
use crate::feeds::{FeedSource, FeedUpdate, Fetcher, ParsedFeed, Validators};
use crate::store::{FeedOrigin, FeedRow};

#[derive(Debug, Subcommand)]
pub enum Feeds {
    /// Add a feed
    Add {
        /// Address of a feed, or path of a file
        #[arg(value_name = "URL|FILE")]
        source: String,
    },
    /// List every feed with the result of its last fetch
    List,
    /// Fetch a feed and print its valid posts; stores nothing
    Check {
        /// Address of a feed, or path of a file
        #[arg(value_name = "URL|FILE")]
        source: String,
    },
    /// Remove a feed
    Remove {
        /// Address or path as listed
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

fn parse_source(source: &str) -> Result<FeedSource, CliError> {
    let working_dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    FeedSource::parse(source, &working_dir).map_err(|error| CliError::Usage(error.to_string()))
}

/// Adds a feed and fetches it at once, so that a typo is reported now.
async fn add(context: &Context, source: &str) -> Result<(), CliError> {
    let source = parse_source(source)?;
    let app = context.app().await?;
    let (posts, error) = match fetch(&app.fetcher(), &source).await {
        Ok(feed) => (feed.posts.len(), None),
        Err(error) => (0, Some(error)),
    };
    let now = app.clock.now();
    let name = source.to_string();
    let is_added = app
        .store
        .add_feed(
            &FeedId::new(now, &app.random),
            &name,
            FeedOrigin::Added,
            now,
        )
        .await?;
    if is_added {
        app.audit(AuditAction::FeedAdded, AuditTarget::Feed(name.clone()))
            .await;
    }
    context.output.print_result(
        &json!({ "url": name, "added": is_added, "posts": posts, "error": error }),
        || match &error {
            Some(error) => format!("Added {name}, but cannot read it now: {error}"),
            None if is_added => format!("Added {name}: {posts} posts."),
            None => format!("{name} already exists: {posts} posts."),
        },
    )?;
    app.close().await;
    Ok(())
}

async fn list(context: &Context) -> Result<(), CliError> {
    let app = context.app().await?;
    app.sync_feeds_from_settings().await?;
    for feed in app.store.feeds().await? {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
        let origin = match feed.origin {
            FeedOrigin::Added => "added",
            FeedOrigin::Settings => "settings",
        };
        let result = json!({
            "url": feed.source, "title": feed.title, "origin": origin, "last_read_at": millis(feed.last_read_at),
            "last_good_at": millis(feed.last_good_at), "error": feed.last_error,
        });
        context
            .output
            .print_result(&result, || feed_row_text(&feed))?;
    }
    app.close().await;
    Ok(())
}

fn feed_row_text(feed: &FeedRow) -> String {
    let minute = |at: Timestamp| at.to_utc().strftime("%Y-%m-%d %H:%M").to_string();
    let state = match (&feed.last_error, feed.last_good_at) {
        (Some(error), Some(success)) => {
            format!("failed: {error}. Last success: {}", minute(success))
        }
        (Some(error), None) => format!("failed: {error}"),
        (None, Some(success)) => format!("read {}", minute(success)),
        (None, None) => "not read yet".to_owned(),
    };
    format!("{}  {state}", feed.source)
}

async fn check(context: &Context, source: &str) -> Result<(), CliError> {
    let source = parse_source(source)?;
    let fetcher = crate::app::fetcher(&context.settings()?);
    match fetch(&fetcher, &source).await {
        Ok(feed) => {
            let posts: Vec<_> = feed.posts.iter().map(post_json).collect();
            let result = json!({
                "url": source.to_string(), "title": feed.title, "posts": posts, "passed_over": feed.skipped,
                "error": null,
            });
            context.output.print_result(&result, || feed_text(&feed))
        }
        Err(error) => {
            let result = json!({ "url": source.to_string(), "posts": [], "error": error });
            context
                .output
                .print_result(&result, || format!("Cannot read this feed: {error}"))?;
            Err(CliError::Reported)
        }
    }
}

async fn fetch(fetcher: &Fetcher, source: &FeedSource) -> Result<ParsedFeed, String> {
    match crate::feeds::read_feed(fetcher, source, &Validators::default()).await {
        Ok(FeedUpdate::New { feed, .. }) => Ok(feed),
        Ok(FeedUpdate::Unchanged) => {
            Err("the server replied 'not modified' to an unconditional request".to_owned())
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

fn feed_text(feed: &ParsedFeed) -> String {
    let mut text = format!("{}: {} posts", feed.title, feed.posts.len());
    if feed.skipped > 0 {
        text.push_str(&format!(" ({} more have no link or no text)", feed.skipped));
    }
    for post in &feed.posts {
        let day = post.published_at.map_or_else(
            || "no date".to_owned(),
            |at| at.to_utc().strftime("%Y-%m-%d").to_string(),
        );
        let link = post.link.as_ref().map(ToString::to_string);
        text.push_str(&format!(
            "\n\n{day}  {}\n  {}\n  {}",
            post.title,
            link.unwrap_or_default(),
            post.excerpt
        ));
    }
    text
}

async fn remove(context: &Context, source: &str) -> Result<(), CliError> {
    let name = parse_source(source)?.to_string();
    let app = context.app().await?;
    let feeds = app.store.feeds().await?;
    let feed = feeds
        .iter()
        .find(|feed| feed.source == name)
        .ok_or_else(|| {
            CliError::Failed(format!(
                "the feed {name} does not exist; to list all: broadsheet feeds list"
            ))
        })?;
    if feed.origin == FeedOrigin::Settings && app.is_configured_feed(Path::new("/"), &name) {
        return Err(CliError::Failed(format!(
            "{name} is set in feeds.urls; remove it there"
        )));
    }
    app.store.remove_feed(&name).await?;
    app.audit(AuditAction::FeedRemoved, AuditTarget::Feed(name.clone()))
        .await;
    context
        .output
        .print_result(&json!({ "url": name, "removed": true }), || {
            format!("Removed {name}.")
        })?;
    app.close().await;
    Ok(())
}

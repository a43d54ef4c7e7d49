//! Fetching and parsing of one feed.

use std::time::Duration;

use crate::feeds::error::{FeedError, ParseError};
use crate::feeds::fetch::{Fetched, Fetcher, Validators};
use crate::feeds::parse::{ParsedFeed, parse};
use crate::feeds::source::FeedSource;

/// Time limit for parsing one feed. Real feeds of the maximum size take a fraction of a
/// second.
const PARSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Result of reading a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedUpdate {
    /// Unchanged since the request that returned the given validators.
    Unchanged,
    /// The feed's current content.
    New {
        /// The parsed feed.
        feed: ParsedFeed,
        /// Validators for the next request.
        validators: Validators,
    },
}

/// Fetches and parses one feed, with a limit of 10 s for each.
///
/// Parsing runs on a blocking thread, so that it does not delay other tasks.
///
/// # Errors
/// Returns [`FeedError::Fetch`] if the feed cannot be fetched, and [`FeedError::Parse`] if it
/// is not a valid feed or parsing fails. The messages are written for the operator.
pub async fn read_feed(
    fetcher: &Fetcher,
    source: &FeedSource,
    validators: &Validators,
) -> Result<FeedUpdate, FeedError> {
    let (bytes, validators, url) = match fetcher.fetch(source, validators).await? {
        Fetched::Unchanged => return Ok(FeedUpdate::Unchanged),
        Fetched::Body {
            bytes,
            validators,
            url,
        } => (bytes, validators, url),
    };
    let parsing = tokio::task::spawn_blocking(move || parse(&bytes, url.as_ref()));
    // A timeout or a panic of a parser fails this feed only.
    let Ok(Ok(parsed)) = tokio::time::timeout(PARSE_TIMEOUT, parsing).await else {
        return Err(ParseError::ParserFailed.into());
    };
    Ok(FeedUpdate::New {
        feed: parsed?,
        validators,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATOM: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><title>Blog</title><entry><title>One</title>\
                        <link href='https://blog.example/1'/></entry></feed>";

    async fn read_text(text: &str) -> Result<FeedUpdate, FeedError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("feed.xml"), text).unwrap();
        let source = FeedSource::parse("feed.xml", folder.path()).unwrap();
        read_feed(&Fetcher::new(vec![]), &source, &Validators::default()).await
    }

    #[tokio::test]
    async fn file_is_read_as_feed() {
        let Ok(FeedUpdate::New { feed, .. }) = read_text(ATOM).await else {
            panic!()
        };

        assert_eq!(feed.title, "Blog");
        assert_eq!(feed.posts[0].title, "One");
    }

    #[tokio::test]
    async fn read_error_names_the_problem() {
        let error = async |text: &str| read_text(text).await.unwrap_err().to_string();

        assert_eq!(
            error(&ATOM[..ATOM.len() - 7]).await,
            "it is incomplete: the document ends in the middle"
        );
        assert!(error("<html><body>").await.starts_with("it is a web page"));
        assert_eq!(error("").await, "it is empty");
    }
}

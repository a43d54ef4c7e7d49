//! Feeds: read them safely, and make posts of them.
//!
//! The way of a feed: [`source`] (which) → [`fetch`] (its bytes, within [`address_rules`])
//! → `xml` and `rss_atom`, or `json_feed` (what its format says) → [`mod@parse`] with `html`,
//! `excerpt`, `image` and `link` (what may stand in a mail).

mod error;
mod excerpt;
pub mod fetch;
mod html;
mod image;
mod json_feed;
mod link;
pub mod parse;
mod raw;
mod resolver;
mod rss_atom;
pub mod source;
pub mod ssrf;
mod text;
mod xml;
mod xml_elements;

use std::time::Duration;

pub use error::ParseError;
pub use fetch::{FetchError, Fetched, Fetcher, Validators};
pub use parse::{ParsedFeed, parse};
pub use source::{FeedSource, FeedSourceError};
pub use ssrf::{AllowPrivate, AllowPrivateError};

/// Honest feeds of the largest size take a fraction of a second.
const PARSE_WITHIN: Duration = Duration::from_secs(10);

/// What a feed has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The same as when the validators were given.
    Unchanged,
    New {
        feed: ParsedFeed,
        /// To be given at the next reading.
        validators: Validators,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// Fetches and parses one feed, within 10 s each, off the threads that serve others.
///
/// # Errors
/// Why there is no reading, in words for the operator. The feed's earlier posts stand.
pub async fn read(
    fetcher: &Fetcher,
    source: &FeedSource,
    validators: &Validators,
) -> Result<Reading, FeedError> {
    let (bytes, validators, url) = match fetcher.fetch(source, validators).await? {
        Fetched::Unchanged => return Ok(Reading::Unchanged),
        Fetched::Body {
            bytes,
            validators,
            url,
        } => (bytes, validators, url),
    };
    let parsing = tokio::task::spawn_blocking(move || parse(&bytes, url.as_ref()));
    // Too slow, or a panic in a parser: this feed's failure and nobody else's.
    let Ok(Ok(parsed)) = tokio::time::timeout(PARSE_WITHIN, parsing).await else {
        return Err(ParseError::Defeated.into());
    };
    Ok(Reading::New {
        feed: parsed?,
        validators,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATOM: &str = "<feed xmlns='http://www.w3.org/2005/Atom'><title>Blog</title><entry><title>One</title>\
                        <link href='https://blog.example/1'/></entry></feed>";

    async fn read_text(text: &str) -> Result<Reading, FeedError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("feed.xml"), text).unwrap();
        let source = FeedSource::parse("feed.xml", folder.path()).unwrap();
        read(&Fetcher::new(vec![]), &source, &Validators::default()).await
    }

    #[tokio::test]
    async fn a_file_is_a_feed_too() {
        let Ok(Reading::New { feed, .. }) = read_text(ATOM).await else {
            panic!()
        };
        assert_eq!(
            (feed.title.as_str(), feed.posts[0].title.as_str()),
            ("Blog", "One")
        );
    }

    #[tokio::test]
    async fn what_went_wrong_is_told() {
        let words = async |text: &str| read_text(text).await.unwrap_err().to_string();
        assert_eq!(
            words(&ATOM[..ATOM.len() - 7]).await,
            "it breaks off in the middle"
        );
        assert!(words("<html><body>").await.starts_with("it is a web page"));
        assert_eq!(words("").await, "it is empty");
    }
}

//! Feeds: read them safely, and make posts of them.
//!
//! The way of a feed: [`source`] (which) → [`fetch`] (its bytes, within [`address_rules`])
//! → `xml` and `rss_atom`, or `json_feed` (what its format says) → [`parse`] with `html`,
//! `excerpt`, `image` and `link` (what may stand in a mail).

pub mod address_rules;
mod characters;
mod excerpt;
pub mod fetch;
mod html;
mod image;
mod json_feed;
mod link;
pub mod parse;
mod raw;
mod rss_atom;
pub mod source;
mod xml;

use std::time::Duration;

pub use address_rules::{AllowPrivate, AllowPrivateError};
pub use fetch::{FetchError, Fetched, Fetcher, Validators};
pub use parse::{ParseError, ParsedFeed, parse};
pub use source::{FeedSource, FeedSourceError};

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
pub async fn read(fetcher: &Fetcher, source: &FeedSource, validators: &Validators) -> Result<Reading, FeedError> {
    let (bytes, validators, url) = match fetcher.fetch(source, validators).await? {
        Fetched::Unchanged => return Ok(Reading::Unchanged),
        Fetched::Body { bytes, validators, url } => (bytes, validators, url),
    };
    let parsing = tokio::task::spawn_blocking(move || parse(&bytes, url.as_ref()));
    // Too slow, or a panic in a parser: this feed's failure and nobody else's.
    let Ok(Ok(parsed)) = tokio::time::timeout(PARSE_WITHIN, parsing).await else {
        return Err(ParseError::Defeated.into());
    };
    Ok(Reading::New { feed: parsed?, validators })
}

//! Fetches feeds safely and converts them to posts.
//!
//! Steps: [`source`] (URL or file) → [`fetch`] (bytes, from allowed addresses only, see
//! [`ssrf`]) → `xml_repair` and `rss_atom`, or `json_feed` (fields as the format defines
//! them) → [`mod@parse`] with `html`, `excerpt`, `image` and `link` (plain text and links
//! that are safe to put into an email).

mod boilerplate;
mod error;
mod excerpt;
pub mod fetch;
mod html;
mod html_rules;
mod image;
mod json_feed;
mod link;
pub mod parse;
mod raw;
mod read;
mod resolver;
mod rss_atom;
pub mod source;
pub mod ssrf;
mod text;
mod xml_repair;

pub use error::{FeedError, FetchError, ParseError};
pub use fetch::{Fetched, Fetcher, Validators};
pub use parse::{ParsedFeed, parse};
pub use read::{FeedUpdate, read_feed};
pub use source::{FeedSource, FeedSourceError};
pub use ssrf::{AllowPrivate, AllowPrivateError};

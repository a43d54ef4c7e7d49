//! Errors of reading a feed.
//!
//! The messages are shown to the operator after words such as "Cannot read this feed:".

use std::time::Duration;

use reqwest::StatusCode;

/// Error of reading a feed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The feed cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The document is not a valid feed.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// Error of a fetch, written for the operator.
///
/// The messages contain hosts, never whole URLs, because the URLs of some feeds are secret.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The host has no public address and is not in `feeds.allow_private`.
    #[error(
        "{host} is not a public address; to allow a private host, set feeds.allow_private = [\"{host}:{port}\"]"
    )]
    NotPublic {
        /// Host of the URL.
        host: String,
        /// Port of the URL.
        port: u16,
    },
    /// The host name does not resolve.
    #[error("cannot find the server {0}; check the spelling")]
    UnknownHost(String),
    /// The server replied with a status other than 200.
    #[error("{host} replied {status}")]
    Status {
        /// Host of the URL.
        host: String,
        /// Status of the reply.
        status: StatusCode,
    },
    /// A redirect without a target, or to another scheme. Contains the host.
    #[error("{0} redirects to an address that is not http or https")]
    Redirect(String),
    /// Contains the maximum number of redirects.
    #[error("more than {0} redirects")]
    TooManyRedirects(usize),
    /// Contains the time limit.
    #[error("no complete reply within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// Contains the maximum size in bytes.
    #[error("larger than {} MiB", .0 / (1024 * 1024))]
    TooLarge(usize),
    /// The connection failed or was closed.
    #[error("cannot connect to {host}: {reason}")]
    Connection {
        /// Host of the URL.
        host: String,
        /// Message of the innermost error.
        reason: String,
    },
    /// The file does not exist. Contains the path.
    #[error("there is no file {0} (a web address starts with https://)")]
    NoSuchFile(String),
    /// The file cannot be read.
    #[error("{path} cannot be read: {reason}")]
    File {
        /// Path of the file.
        path: String,
        /// Message of the I/O error.
        reason: String,
    },
    /// The HTTP client cannot be created, for example without root certificates.
    #[error("the HTTP client cannot be created: {0}")]
    Client(String),
}

/// Error of parsing a document as a feed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The document has no content.
    #[error("it is empty")]
    Empty,
    /// The document is HTML.
    #[error("it is a web page, not a feed; look there for a link called RSS, Atom or feed")]
    WebPage,
    /// XML with another root element. Contains its name.
    #[error("it is not an RSS, Atom or JSON feed: it starts with <{0}>")]
    NotAFeed(String),
    /// Neither XML nor JSON.
    #[error("it is not a feed: it is neither XML nor JSON")]
    Unknown,
    /// The document ends within an element.
    #[error("it is incomplete: the document ends in the middle")]
    Truncated,
    /// Not well-formed XML. Contains the parser's message.
    #[error("it is not well-formed XML: {0}")]
    Xml(String),
    /// JSON, but not a JSON Feed. Contains the parser's message.
    #[error("it is not a valid JSON Feed: {0}")]
    Json(String),
    /// The parser panicked or exceeded its time limit.
    #[error("the feed parser failed or took too long")]
    ParserFailed,
}

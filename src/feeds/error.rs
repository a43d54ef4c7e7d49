//! Why a feed could not be read as one.

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("it is empty")]
    Empty,
    #[error("it is a web page and not a feed; look there for a link called RSS, Atom or feed")]
    WebPage,
    #[error("it is neither RSS, Atom nor JSON Feed, but begins with <{0}>")]
    NotAFeed(String),
    #[error("it is neither XML nor JSON, so no feed")]
    Unknown,
    #[error("it breaks off in the middle")]
    Truncated,
    #[error("it is not well-formed XML: {0}")]
    Xml(String),
    #[error("it is not a JSON Feed: {0}")]
    Json(String),
    #[error("the feed parser could not cope with it")]
    Defeated,
}

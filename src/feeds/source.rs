//! Location of a feed: a URL or a file.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

/// Location of a feed, as given in the settings, the admin UI or on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FeedSource {
    /// An http or https URL with a host, without user name, password and fragment.
    Web(Url),
    /// An absolute path.
    File(PathBuf),
}

/// Error for an invalid location of a feed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedSourceError {
    /// No text.
    #[error(
        "enter the address of a feed, like https://example.com/feed.xml, or the path of a file"
    )]
    Empty,
    /// Control characters, for example a line break.
    #[error("the address of a feed must not contain control characters")]
    Control,
    /// Not a complete URL, where a file is not allowed.
    #[error("please enter the full address, starting with https://")]
    Incomplete,
    /// Not a valid URL. Contains the text and the parser's error.
    #[error("'{0}' is not a valid address: {1}")]
    Malformed(String, url::ParseError),
    /// A URL with a scheme that is not supported. Contains the scheme.
    #[error("'{0}' is not a supported scheme; expected https, http or a file")]
    Scheme(String),
    /// A URL with a user name or password.
    #[error(
        "remove the user name and password from the address; it is visible wherever the feed is listed"
    )]
    Credentials,
    /// A `file://` URL with a host.
    #[error("'{0}' is not a file on this machine; expected file:///path/to/feed.xml")]
    FileUrl(String),
}

impl FeedSource {
    /// Parses an http(s) URL, a `file://` URL or a path.
    ///
    /// A relative path is relative to `base`, which should be absolute. Does not check that
    /// the file exists.
    ///
    /// # Errors
    /// Returns a [`FeedSourceError`] that describes the problem to the user.
    pub fn parse(text: &str, base: &Path) -> Result<Self, FeedSourceError> {
        // Not trimmed: URL parsing removes spaces at both ends, but the name of a file may
        // end with one.
        if text.trim().is_empty() {
            return Err(FeedSourceError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(FeedSourceError::Control);
        }
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Self::from_url(url),
            Ok(url) if url.scheme() == "file" => match url.to_file_path() {
                Ok(path) => Ok(Self::File(path)),
                Err(()) => Err(FeedSourceError::FileUrl(text.to_owned())),
            },
            Ok(url) => Err(FeedSourceError::Scheme(url.scheme().to_owned())),
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                Ok(Self::File(base.join(text).components().collect()))
            }
            Err(error) => Err(FeedSourceError::Malformed(text.to_owned(), error)),
        }
    }

    /// Returns the host of a URL; `None` for a file. For logs: path and query may be secret.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Web(url) => url.host_str(),
            Self::File(_) => None,
        }
    }

    fn from_url(mut url: Url) -> Result<Self, FeedSourceError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FeedSourceError::Credentials);
        }
        url.set_fragment(None);
        Ok(Self::Web(url))
    }
}

/// Formats the location so that [`FeedSource::parse`] returns the same one.
impl fmt::Display for FeedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(url) => url.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<FeedSource, FeedSourceError> {
        FeedSource::parse(text, Path::new("/home/blog"))
    }

    fn file(path: &str) -> Result<FeedSource, FeedSourceError> {
        Ok(FeedSource::File(PathBuf::from(path)))
    }

    #[test]
    fn parse_distinguishes_urls_and_paths() {
        let web = |text: &str| Ok(FeedSource::Web(Url::parse(text).unwrap()));
        assert_eq!(
            parse(" https://Example.com/feed#top "),
            web("https://example.com/feed")
        );
        assert_eq!(parse("HTTP://example.com"), web("http://example.com/"));
        assert_eq!(parse("feeds/./a b.xml"), file("/home/blog/feeds/a b.xml"));
        assert_eq!(parse("/srv/feed.xml"), file("/srv/feed.xml"));
        assert_eq!(parse("file:///srv/a%20b.xml"), file("/srv/a b.xml"));
    }

    #[test]
    fn parse_keeps_unusual_file_names() {
        for name in ["/srv/feed.xml ", "/srv/®\u{2000}", "file:///srv/a%20"] {
            let source = parse(name).unwrap();
            assert_eq!(parse(&source.to_string()), Ok(source), "{name:?}");
        }
    }

    #[test]
    fn parse_rejects_unsupported_locations() {
        assert_eq!(parse("  "), Err(FeedSourceError::Empty));
        assert_eq!(
            parse("https://example.com/\r\nHost: x"),
            Err(FeedSourceError::Control)
        );
        assert_eq!(
            parse("ftp://example.com/feed"),
            Err(FeedSourceError::Scheme("ftp".into()))
        );
        assert_eq!(
            parse("javascript:alert(1)"),
            Err(FeedSourceError::Scheme("javascript".into()))
        );
        assert_eq!(
            parse("https://u:p@example.com/"),
            Err(FeedSourceError::Credentials)
        );
        assert!(matches!(
            parse("https://"),
            Err(FeedSourceError::Malformed(..))
        ));
        assert!(matches!(
            parse("file://elsewhere/feed.xml"),
            Err(FeedSourceError::FileUrl(_))
        ));
    }

    proptest! {
        #[test]
        fn displayed_source_parses_as_the_same(text in "\\PC{0,40}") {
            if let Ok(source) = parse(&text) {
                prop_assert_eq!(parse(&source.to_string()), Ok(source));
            }
        }
    }
}

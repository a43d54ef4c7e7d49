//! Where a feed is read from.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

/// A feed's place, as the settings and the command line name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FeedSource {
    /// http or https, with a host, without user name, password and fragment.
    Web(Url),
    /// An absolute path.
    File(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedSourceError {
    #[error(
        "a feed is named by its address, like https://example.com/feed.xml, or by the path of a file"
    )]
    Empty,
    #[error("control characters do not belong in a feed's address")]
    Control,
    #[error("'{0}' is not an address that can be read: {1}")]
    Malformed(String, url::ParseError),
    #[error("a feed is read over http or https or from a file, and not over '{0}'")]
    Scheme(String),
    #[error(
        "a feed's address is shown wherever the feed is named; take the user name and password out of it"
    )]
    Credentials,
    #[error("'{0}' does not name a file of this machine; write file:///path/to/feed.xml")]
    FileUrl(String),
}

impl FeedSource {
    /// An http(s) URL, a `file://` URL or a path; a relative path is taken from `base`,
    /// which should be absolute. Nothing is opened: a file may come later.
    ///
    /// # Errors
    /// What is wrong with `text`, in words for the person who typed it.
    pub fn parse(text: &str, base: &Path) -> Result<Self, FeedSourceError> {
        // A URL loses its edges in parsing; a file's name may end in a blank.
        if text.trim().is_empty() {
            return Err(FeedSourceError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(FeedSourceError::Control);
        }
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Self::web(url),
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

    fn web(mut url: Url) -> Result<Self, FeedSourceError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FeedSourceError::Credentials);
        }
        url.set_fragment(None);
        Ok(Self::Web(url))
    }
}

/// Reads back through [`FeedSource::parse`] as the same source.
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
    fn addresses_and_paths_are_told_apart() {
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
    fn a_file_may_be_called_by_any_name() {
        for name in ["/srv/feed.xml ", "/srv/®\u{2000}", "file:///srv/a%20"] {
            let source = parse(name).unwrap();
            assert_eq!(parse(&source.to_string()), Ok(source), "{name:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_words() {
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
        fn what_is_shown_reads_back(text in "\\PC{0,40}") {
            if let Ok(source) = parse(&text) {
                prop_assert_eq!(parse(&source.to_string()), Ok(source));
            }
        }
    }
}

//! Public address of the newsletter on the web.

use std::fmt;

use url::{Host, Url};

/// Base URL of all pages and of all links in messages.
///
/// Has the scheme http or https, a host and optionally a path (`https://blog.com/weekly`),
/// but no query or fragment. A trailing slash is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    url: Url,
    base: String,
}

/// Error of [`PublicUrl::parse`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// The text is not an http or https URL with a host.
    #[error(
        "'{0}' is not a web address; expected one like https://news.example.com or https://example.com/weekly"
    )]
    Form(String),
    /// The URL has a user name or password.
    #[error("the address contains a user name or password; expected only host and path")]
    Credentials,
    /// The URL has a query or a fragment.
    #[error("the address contains '?' or '#'; expected only host and path")]
    Query,
}

impl PublicUrl {
    /// Parses a public URL.
    ///
    /// # Errors
    /// Returns [`PublicUrlError::Credentials`], without quoting `text`, if it has a user name or
    /// password, [`PublicUrlError::Query`] if it has a query or fragment, and
    /// [`PublicUrlError::Form`] if it is not an http or https URL with a host.
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let text = text.trim();
        let form = || PublicUrlError::Form(text.to_owned());
        let url = Url::parse(text).map_err(|_| form())?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PublicUrlError::Credentials);
        }
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(form());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(PublicUrlError::Query);
        }
        let base = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, base })
    }

    /// Returns the URL of `path`, which is relative to this URL: `confirm/abc`.
    pub fn join(&self, path: &str) -> String {
        format!("{}/{}", self.base, path.trim_start_matches('/'))
    }

    /// Returns the prefix of every route: empty, or like `/weekly`.
    pub fn path_prefix(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Returns the host name or IP address.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Returns whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Returns whether the links work on this machine only, so that they must not be sent.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// Returns the parsed URL.
    pub fn as_url(&self) -> &Url {
        &self.url
    }

    /// Returns the URL without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.base
    }
}

/// Returns whether the host is this machine: `localhost` (RFC 6761 §6.3), `127.0.0.0/8`, `::1`.
///
/// Accepts any scheme. For schemes other than http and https the URL standard does not parse
/// IPv4 addresses, so those hosts are names.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost"
                || name.ends_with(".localhost")
                || name
                    .parse()
                    .is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
        }
        None => false,
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_keeps_the_path_prefix() {
        for (text, prefix, link) in [
            ("https://blog.com", "", "https://blog.com/confirm/abc"),
            ("https://blog.com/", "", "https://blog.com/confirm/abc"),
            (
                "https://blog.com/weekly",
                "/weekly",
                "https://blog.com/weekly/confirm/abc",
            ),
            (
                "https://Blog.com/a/b//",
                "/a/b",
                "https://blog.com/a/b/confirm/abc",
            ),
            (
                "http://127.0.0.1:8080",
                "",
                "http://127.0.0.1:8080/confirm/abc",
            ),
        ] {
            let url = PublicUrl::parse(text).unwrap();
            assert_eq!(url.path_prefix(), prefix, "{text}");
            assert_eq!(url.join("confirm/abc"), link);
            assert_eq!(url.join("/confirm/abc"), link);
        }
    }

    #[test]
    fn loopback_hosts_are_recognized() {
        for (text, loopback) in [
            ("http://127.0.0.1:8080", true),
            ("http://127.9.9.9", true),
            ("http://LOCALHOST:8080", true),
            ("http://news.localhost", true),
            ("http://[::1]:8080", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("https://blog.com", false),
            ("http://192.168.0.1", false),
            ("https://localhost.com", false),
        ] {
            assert_eq!(
                PublicUrl::parse(text).unwrap().is_loopback(),
                loopback,
                "{text}"
            );
        }
        for (text, loopback) in [
            ("smtp://127.0.0.1:25", true),
            ("smtp://localhost", true),
            ("smtp://mail.example", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(text).unwrap()), loopback, "{text}");
        }
    }

    #[test]
    fn parse_invalid_url_returns_error() {
        for text in [
            "",
            "blog.com",
            "ftp://blog.com",
            "mailto:a@b.com",
            "https://",
            "/weekly",
        ] {
            assert!(
                matches!(PublicUrl::parse(text), Err(PublicUrlError::Form(_))),
                "{text}"
            );
        }
        assert_eq!(
            PublicUrl::parse("https://a:secret@blog.com"),
            Err(PublicUrlError::Credentials)
        );
        assert_eq!(
            PublicUrl::parse("https://blog.com/?x=1"),
            Err(PublicUrlError::Query)
        );
        assert_eq!(
            PublicUrl::parse("https://blog.com/#x"),
            Err(PublicUrlError::Query)
        );
    }
}

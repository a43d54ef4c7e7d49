//! Where readers find this newsletter on the web.

use std::fmt;

use url::{Host, Url};

/// The address under which every page and every link in a mail stands: http or https, a
/// host, perhaps a path (`https://blog.com/weekly`), nothing after it. Kept without a
/// slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    url: Url,
    base: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    #[error(
        "'{0}' is no web address; expected one like https://news.example.com or https://example.com/weekly"
    )]
    Form(String),
    #[error("a user name or password does not belong in it")]
    Credentials,
    #[error("'?' and '#' do not belong in it")]
    Query,
}

impl PublicUrl {
    /// # Errors
    /// What is wrong with `text`. It is quoted only where it holds no password.
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

    /// The link to `path`, which is relative to this address: `confirm/abc`.
    pub fn join(&self, path: &str) -> String {
        format!("{}/{}", self.base, path.trim_start_matches('/'))
    }

    /// What every route begins with: empty, or like `/weekly`.
    pub fn path_prefix(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether only this machine can follow the links: they must not be mailed to others.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    pub fn as_url(&self) -> &Url {
        &self.url
    }

    /// Without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.base
    }
}

/// Whether a URL's host is this machine: `localhost` (RFC 6761 §6.3), `127.0.0.0/8`, `::1`.
/// Takes URLs of any scheme, whose IPv4 hosts the URL standard keeps as names.
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
    fn joins_under_its_path() {
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
    fn knows_this_machine() {
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
    fn says_what_is_wrong() {
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

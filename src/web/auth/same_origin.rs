//! Whether a form was sent from our own pages.

use axum::http::{HeaderMap, header};
use url::Url;

use crate::domain::public_url::PublicUrl;

/// Whether the browser says that another site's page sent this (Fetch Metadata §2.4,
/// Fetch "append a request Origin header"). A program that is no browser sends neither.
pub fn is_cross_origin(headers: &HeaderMap, public_url: &PublicUrl) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let from_elsewhere =
        text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let host = text(header::HOST.as_str());
    let wrong_origin =
        text(header::ORIGIN.as_str()).is_some_and(|origin| !is_ours(origin, host, public_url));
    from_elsewhere || wrong_origin
}

/// By `public_url`, or by the name under which we were reached: the desk may be visited
/// as `localhost`, too. Only the host and port count there, since a proxy may end TLS.
fn is_ours(origin: &str, host: Option<&str>, public_url: &PublicUrl) -> bool {
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    let same_host = || {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some() && authority == host
    };
    url.origin().is_tuple() && (url.origin() == public_url.as_url().origin() || same_host())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn foreign(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let public_url = PublicUrl::parse("https://news.example.com/weekly").unwrap();
        is_cross_origin(&headers.collect(), &public_url)
    }

    #[test]
    fn our_own_pages_may_post() {
        assert!(!foreign(&[]));
        assert!(!foreign(&[("origin", "https://news.example.com")]));
        assert!(!foreign(&[("sec-fetch-site", "same-origin")]));
        assert!(!foreign(&[("sec-fetch-site", "none")]));
        assert!(!foreign(&[
            ("host", "localhost:8080"),
            ("origin", "http://localhost:8080"),
            ("sec-fetch-site", "same-origin"),
        ]));
    }

    #[test]
    fn others_may_not() {
        for origin in [
            "https://evil.example",
            "http://news.example.com",
            "https://news.example.com.evil.example",
            "https://news.example.com:8443",
            "null",
            "",
            "localhost:8080",
        ] {
            assert!(
                foreign(&[("host", "localhost:8080"), ("origin", origin)]),
                "{origin}"
            );
        }
        for site in ["cross-site", "same-site", "", "?"] {
            assert!(foreign(&[("sec-fetch-site", site)]), "{site}");
        }
        assert!(foreign(&[
            ("origin", "https://news.example.com"),
            ("sec-fetch-site", "cross-site"),
        ]));
    }
}

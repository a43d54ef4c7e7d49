//! Rejects forms that were sent from another site (cross-site request forgery).

use axum::http::{HeaderMap, header};
use url::Url;

use crate::domain::public_url::PublicUrl;

/// Returns whether the browser states that another site's page sent the request.
///
/// Checks `Sec-Fetch-Site` (Fetch Metadata §2.4) and `Origin` (Fetch, "append a request
/// Origin header"); either may reject. Clients other than browsers send neither header.
pub fn is_cross_origin(headers: &HeaderMap, public_url: &PublicUrl) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_cross_site =
        text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let host = text(header::HOST.as_str());
    let has_other_origin = text(header::ORIGIN.as_str())
        .is_some_and(|origin| !is_own_origin(origin, host, public_url));
    is_cross_site || has_other_origin
}

/// Returns whether `origin` is the public URL's origin or names the requested host.
///
/// The admin UI may be opened under another name, such as `localhost`. Then only host and
/// port are compared, since a reverse proxy may terminate TLS.
fn is_own_origin(origin: &str, host: Option<&str>, public_url: &PublicUrl) -> bool {
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    let names_host = || {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some() && authority == host
    };
    url.origin().is_tuple() && (url.origin() == public_url.as_url().origin() || names_host())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn is_rejected(headers: &[(&'static str, &'static str)]) -> bool {
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
    fn own_origin_is_accepted() {
        assert!(!is_rejected(&[]));
        assert!(!is_rejected(&[("origin", "https://news.example.com")]));
        assert!(!is_rejected(&[("sec-fetch-site", "same-origin")]));
        assert!(!is_rejected(&[("sec-fetch-site", "none")]));
        assert!(!is_rejected(&[
            ("host", "localhost:8080"),
            ("origin", "http://localhost:8080"),
            ("sec-fetch-site", "same-origin"),
        ]));
    }

    #[test]
    fn other_origin_is_rejected() {
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
                is_rejected(&[("host", "localhost:8080"), ("origin", origin)]),
                "{origin}"
            );
        }
        for site in ["cross-site", "same-site", "", "?"] {
            assert!(is_rejected(&[("sec-fetch-site", site)]), "{site}");
        }
        assert!(is_rejected(&[
            ("origin", "https://news.example.com"),
            ("sec-fetch-site", "cross-site"),
        ]));
    }
}

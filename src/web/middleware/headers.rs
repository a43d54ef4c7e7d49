//! Security headers: middleware for the site, for private links and for the admin UI, and the
//! response for an email shown in a frame.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

/// Content security policy of pages: only style, script, font and images of this site, and
/// forms that post to it.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Content security policy of an email shown in a frame: inline styles and external images as
/// in an email client, but no script and no form. A link opens a page outside of the sandbox.
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// Opens the links of an email in a new tab: pages of this site and of others refuse to be shown
/// in a frame.
const NEW_TAB: &str = "<base target=\"_blank\">";

/// HTTP Strict Transport Security for one year. Without `includeSubDomains`, because other
/// hosts of the domain may not support HTTPS.
const HSTS: &str = "max-age=31536000";
/// Header that keeps a page out of search engines.
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// Whether the public URL of the site uses HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP.
    Plain,
    /// HTTPS.
    Tls,
}

/// Middleware for the whole site. Does not overwrite headers that the response has already.
pub async fn site(State(transport): State<Transport>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    set_site_headers(response.headers_mut(), transport);
    response
}

/// Middleware for pages whose URL contains a token, and for the API: no caching, no referrer,
/// no indexing.
pub async fn private_link(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    set_private_headers(response.headers_mut(), "no-referrer");
    response
}

/// Middleware for the admin UI: no caching, no indexing.
///
/// The referrer policy is `same-origin`, because `no-referrer` would make browsers send
/// `Origin: null` (Fetch, "append a request Origin header"), and forms are verified by their
/// origin.
pub async fn admin(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    set_private_headers(response.headers_mut(), "same-origin");
    response
}

/// Builds the response for the HTML of an email, to be shown in a sandboxed frame. Its links open
/// in a new tab.
pub fn mail_frame(mut html: String) -> Response {
    html.insert_str(start_of_head(&html), NEW_TAB);
    let mut response = Html(html).into_response();
    set_default(
        response.headers_mut(),
        header::CONTENT_SECURITY_POLICY,
        MAIL_POLICY,
    );
    set_default(
        response.headers_mut(),
        header::REFERRER_POLICY,
        "no-referrer",
    );
    response
}

/// Returns the position after the opening tag of the head, or of the whole document without one.
fn start_of_head(html: &str) -> usize {
    let lower = html.to_ascii_lowercase();
    let end_of_tag = |start: usize| lower[start..].find('>').map(|end| start + end + 1);
    let head = lower.match_indices("<head");
    let mut tags = head.filter(|(at, tag)| {
        let next = lower[at + tag.len()..].chars().next();
        next.is_some_and(|next| next == '>' || next.is_ascii_whitespace())
    });
    let head = tags.next().and_then(|(at, _)| end_of_tag(at));
    let doctype = || {
        lower
            .starts_with("<!doctype")
            .then(|| end_of_tag(0))
            .flatten()
    };
    head.or_else(doctype).unwrap_or(0)
}

fn set_site_headers(headers: &mut HeaderMap, transport: Transport) {
    set_default(headers, header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    set_default(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set_default(
        headers,
        header::REFERRER_POLICY,
        "strict-origin-when-cross-origin",
    );
    if transport == Transport::Tls {
        set_default(headers, header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

fn set_private_headers(headers: &mut HeaderMap, referrer: &'static str) {
    set_default(headers, header::CACHE_CONTROL, "no-store");
    set_default(headers, header::REFERRER_POLICY, referrer);
    set_default(headers, ROBOTS, "noindex");
}

/// Sets a header unless it is set already.
fn set_default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers
        .entry(name)
        .or_insert(HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_policy_forbids_foreign_content_and_framing() {
        let mut headers = HeaderMap::new();
        set_site_headers(&mut headers, Transport::Plain);
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
        set_site_headers(&mut headers, Transport::Tls);
        assert_eq!(headers[header::STRICT_TRANSPORT_SECURITY], HSTS);
    }

    #[test]
    fn private_link_forbids_caching_and_referrer() {
        let mut headers = HeaderMap::new();
        set_private_headers(&mut headers, "no-referrer");
        set_site_headers(&mut headers, Transport::Tls);
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[ROBOTS], "noindex");
    }

    #[test]
    fn framed_mail_keeps_its_own_policy() {
        let mut response = mail_frame("<p>hello</p>".to_owned());
        set_site_headers(response.headers_mut(), Transport::Tls);
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.starts_with("sandbox allow-popups allow-popups-to-escape-sandbox;"));
        assert!(!policy.contains("allow-scripts") && !policy.contains("allow-same-origin"));
        assert!(policy.contains("frame-ancestors 'self'"));
    }

    #[tokio::test]
    async fn framed_mail_opens_links_in_new_tab() {
        for (mail, framed) in [
            (
                "<!DOCTYPE html><html><head><title>a</title></head>",
                "<!DOCTYPE html><html><head><base target=\"_blank\"><title>a</title></head>",
            ),
            (
                "<HTML><HEAD lang=\"en\"><header>",
                "<HTML><HEAD lang=\"en\"><base target=\"_blank\"><header>",
            ),
            (
                "<!doctype html><header>é",
                "<!doctype html><base target=\"_blank\"><header>é",
            ),
            ("<p>a", "<base target=\"_blank\"><p>a"),
        ] {
            let body = mail_frame(mail.to_owned()).into_body();
            let body = axum::body::to_bytes(body, 1_000).await.unwrap();
            assert_eq!(body, framed);
        }
    }
}

//! The headers that keep pages to themselves: layers for the site, its private links
//! and the desk, and the frame in which a mail is shown.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

/// Nothing but our own style, script, font and pictures; forms post only to us.
const PAGE: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// A mail is shown as a reader's program would: its own styles, pictures from outside,
/// and nothing that runs, submits or navigates.
const MAIL: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// Of this host alone: the blog's other hosts are not ours to speak for.
const HSTS: &str = "max-age=31536000";
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// Whether readers reach the site by https, by its `public_url`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Plain,
    Tls,
}

/// A layer for the whole site (`middleware::from_fn_with_state(transport, headers::site)`).
/// What an answer has set for itself stays.
pub async fn site(State(transport): State<Transport>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    fill_site(response.headers_mut(), transport);
    response
}

/// A layer for pages whose address is a reader's token, and for what programs are told:
/// kept by no cache, told to nobody, found by no search.
pub async fn private_link(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    fill_private(response.headers_mut(), "no-referrer");
    response
}

/// A layer for the desk. Its forms are checked by their `Origin`, which `no-referrer`
/// would turn into `null` (Fetch, "append a request Origin header").
pub async fn desk(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    fill_private(response.headers_mut(), "same-origin");
    response
}

/// The HTML of a mail, for the sandboxed frame on the desk.
pub fn mail_frame(html: String) -> Response {
    let mut response = Html(html).into_response();
    fill(
        response.headers_mut(),
        header::CONTENT_SECURITY_POLICY,
        MAIL,
    );
    fill(
        response.headers_mut(),
        header::REFERRER_POLICY,
        "no-referrer",
    );
    response
}

fn fill_site(headers: &mut HeaderMap, transport: Transport) {
    fill(headers, header::CONTENT_SECURITY_POLICY, PAGE);
    fill(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    fill(
        headers,
        header::REFERRER_POLICY,
        "strict-origin-when-cross-origin",
    );
    if transport == Transport::Tls {
        fill(headers, header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

fn fill_private(headers: &mut HeaderMap, referrer: &'static str) {
    fill(headers, header::CACHE_CONTROL, "no-store");
    fill(headers, header::REFERRER_POLICY, referrer);
    fill(headers, ROBOTS, "noindex");
}

fn fill(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers
        .entry(name)
        .or_insert(HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_runs_nothing_of_others_and_is_framed_by_nobody() {
        let mut headers = HeaderMap::new();
        fill_site(&mut headers, Transport::Plain);
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
        fill_site(&mut headers, Transport::Tls);
        assert_eq!(headers[header::STRICT_TRANSPORT_SECURITY], HSTS);
    }

    #[test]
    fn a_private_link_is_kept_and_told_by_nobody() {
        let mut headers = HeaderMap::new();
        fill_private(&mut headers, "no-referrer");
        fill_site(&mut headers, Transport::Tls);
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[ROBOTS], "noindex");
    }

    #[test]
    fn a_framed_mail_keeps_its_own_policy() {
        let mut response = mail_frame("<p>hello</p>".to_owned());
        fill_site(response.headers_mut(), Transport::Tls);
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.starts_with("sandbox;") && policy.contains("frame-ancestors 'self'"));
    }
}

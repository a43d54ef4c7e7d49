//! Detects that the sign-up form is linked from another site, a step of the setup checklist.

use std::sync::atomic::Ordering;

use axum::http::{HeaderMap, header};
use url::Url;

use crate::domain::public_url::PublicUrl;
use crate::store::StoreError;
use crate::web::state::AppState;

/// Records, once, that a visitor came from another site. Stores nothing about the visitor.
///
/// # Errors
/// Returns [`StoreError::Database`] if the statement fails.
pub async fn detect_embedding(state: &AppState, headers: &HeaderMap) -> Result<(), StoreError> {
    let is_first = is_from_other_site(headers, &state.web.door.public_url)
        && !state.form_seen.swap(true, Ordering::Relaxed);
    if is_first {
        state.web.store.record_form_seen(state.now()).await?;
    }
    Ok(())
}

/// Returns whether the visitor followed a link from another site, by `Sec-Fetch-Site` (Fetch
/// Metadata §2.4) or by `Referer`.
fn is_from_other_site(headers: &HeaderMap, public_url: &PublicUrl) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "cross-site" | "same-site");
    }
    let referer = text(header::REFERER.as_str()).and_then(|page| Url::parse(page).ok());
    let Some(host) = referer.as_ref().and_then(Url::host_str) else {
        return false;
    };
    let own_host = text(header::HOST.as_str()).unwrap_or_default();
    let own_host = own_host.rsplit_once(':').map_or(own_host, |(host, _)| host);
    host != public_url.host() && host != own_host
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn is_from_other_site_ignores_own_pages() {
        let url = PublicUrl::parse("https://news.example.com").unwrap();
        for (pairs, expected) in [
            (vec![], false),
            (vec![("referer", "https://blog.example.com/post")], true),
            (vec![("referer", "https://news.example.com/issues")], false),
            (
                vec![
                    ("referer", "http://localhost:8080/admin"),
                    ("host", "localhost:8080"),
                ],
                false,
            ),
            (vec![("referer", "nonsense")], false),
            (vec![("sec-fetch-site", "same-site")], true),
            (vec![("sec-fetch-site", "cross-site")], true),
            (
                vec![
                    ("sec-fetch-site", "none"),
                    ("referer", "https://blog.example.com/"),
                ],
                false,
            ),
            (vec![("sec-fetch-site", "same-origin")], false),
        ] {
            let headers = pairs.iter().map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            });
            assert_eq!(
                is_from_other_site(&headers.collect(), &url),
                expected,
                "{pairs:?}"
            );
        }
    }
}

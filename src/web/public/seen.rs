//! Whether the form is in the world: somebody came to it from another site.

use std::sync::atomic::Ordering;

use axum::http::{HeaderMap, header};
use url::Url;

use crate::domain::public_url::PublicUrl;
use crate::store::StoreError;
use crate::web::state::AppState;

/// Keeps, once, that the form was seen. Who came is not kept.
pub async fn note(state: &AppState, headers: &HeaderMap) -> Result<(), StoreError> {
    let is_news = is_from_elsewhere(headers, &state.web.door.public_url)
        && !state.form_seen.swap(true, Ordering::Relaxed);
    if is_news {
        state.web.store.record_form_seen(state.now()).await?;
    }
    Ok(())
}

/// By Fetch Metadata §2.4, or by the page that led here.
fn is_from_elsewhere(headers: &HeaderMap, public_url: &PublicUrl) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "cross-site" | "same-site");
    }
    let referer = text(header::REFERER.as_str()).and_then(|page| Url::parse(page).ok());
    let Some(host) = referer.as_ref().and_then(Url::host_str) else {
        return false;
    };
    let asked = text(header::HOST.as_str()).unwrap_or_default();
    let asked = asked.rsplit_once(':').map_or(asked, |(host, _)| host);
    host != public_url.host() && host != asked
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_link_from_the_blog_counts_and_our_own_pages_do_not() {
        let url = PublicUrl::parse("https://news.example.com").unwrap();
        for (pairs, elsewhere) in [
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
                is_from_elsewhere(&headers.collect(), &url),
                elsewhere,
                "{pairs:?}"
            );
        }
    }
}

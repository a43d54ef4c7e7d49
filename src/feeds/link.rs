//! Links in a feed.

use url::Url;

/// Maximum length of a link in bytes. Mail programs and servers truncate longer ones.
const MAX_LINK_BYTES: usize = 2_000;

/// Resolves a link against `base`.
///
/// Returns `None` unless the result is an http(s) URL with a host of at most
/// [`MAX_LINK_BYTES`].
pub(super) fn resolve_link(text: &str, base: Option<&Url>) -> Option<Url> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => base?.join(text).ok()?,
        Err(_) => return None,
    };
    let is_usable = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.as_str().len() <= MAX_LINK_BYTES;
    is_usable.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_link_returns_http_urls_only() {
        let base = Url::parse("https://blog.example/2026/feed.xml").unwrap();
        let link = |text: &str| resolve_link(text, Some(&base)).map(String::from);
        assert_eq!(
            link(" /a b ").as_deref(),
            Some("https://blog.example/a%20b")
        );
        assert_eq!(
            link("//cdn.example/x").as_deref(),
            Some("https://cdn.example/x")
        );
        assert_eq!(
            link("?p=1").as_deref(),
            Some("https://blog.example/2026/feed.xml?p=1")
        );
        for text in [
            "",
            "javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "mailto:a@b.com",
            "http://",
        ] {
            assert_eq!(link(text), None, "{text}");
        }
        assert_eq!(
            link(&format!("https://x.example/{}", "a".repeat(MAX_LINK_BYTES))),
            None
        );
        assert_eq!(resolve_link("/a", None), None);
    }
}

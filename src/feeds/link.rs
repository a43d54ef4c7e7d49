//! The links of a feed.

use url::Url;

/// Longer ones are cut by mail programs and servers on the way.
const MAX_BYTES: usize = 2_000;

/// `text` as an http(s) URL with a host, a relative one against `base`; `None` for
/// whatever else a feed may have put there.
pub(super) fn absolute(text: &str, base: Option<&Url>) -> Option<Url> {
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
        && url.as_str().len() <= MAX_BYTES;
    is_usable.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_and_absolute_or_nothing() {
        let base = Url::parse("https://blog.example/2026/feed.xml").unwrap();
        let link = |text: &str| absolute(text, Some(&base)).map(String::from);
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
            link(&format!("https://x.example/{}", "a".repeat(MAX_BYTES))),
            None
        );
        assert_eq!(absolute("/a", None), None);
    }
}

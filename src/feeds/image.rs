//! Which picture stands beside a post.

use url::Url;

use crate::feeds::raw::RawImage;

/// Smaller than this, in pixels, it is an icon, a smiley or a tracker.
const MIN_SIDE: u32 = 48;

/// Hosts whose pictures are counters, smileys and portraits.
const NEVER_HOSTS: [&str; 8] = [
    "feeds.feedburner.com",
    "pixel.wp.com",
    "stats.wordpress.com",
    "gravatar.com",
    "s.w.org",
    "feedsportal.com",
    "doubleclick.net",
    "google-analytics.com",
];

/// The first picture of `images` that a mail can show: http(s), absolute, of a kind
/// that mail programs draw, and large enough to be one.
pub(super) fn choose<'a>(
    images: impl IntoIterator<Item = &'a RawImage>,
    base: Option<&Url>,
) -> Option<Url> {
    images.into_iter().find_map(|image| {
        let is_small = |side: Option<u32>| side.is_some_and(|pixels| pixels < MIN_SIDE);
        if is_small(image.width) || is_small(image.height) {
            return None;
        }
        crate::feeds::link::absolute(&image.url, base).filter(can_be_shown)
    })
}

fn can_be_shown(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let of = |never: &&str| {
        host.strip_suffix(*never)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let path = url.path().to_ascii_lowercase();
    let is_counter =
        path.contains("/_/stat") || path.ends_with("/pixel.gif") || path.ends_with("/b.gif");
    !NEVER_HOSTS.iter().any(of)
        && !is_counter
        && !path.ends_with(".svg")
        && !path.ends_with(".svgz")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(images: &[(&str, Option<u32>)]) -> Option<String> {
        let base = Url::parse("https://blog.example/posts/").unwrap();
        let images: Vec<RawImage> = images
            .iter()
            .map(|(url, width)| RawImage {
                url: (*url).into(),
                width: *width,
                height: None,
            })
            .collect();
        choose(&images, Some(&base)).map(String::from)
    }

    #[test]
    fn the_first_that_can_be_shown() {
        let counters = [
            ("https://feeds.feedburner.com/~r/x", None),
            ("https://secure.gravatar.com/avatar/1", None),
            ("/wide.png", Some(1)),
            ("data:image/png;base64,AAAA", None),
            ("javascript:alert(1)", None),
            ("/logo.svg", None),
            ("https://medium.com/_/stat?x=1", None),
            ("../cover.jpg", Some(800)),
            ("/second.jpg", None),
        ];
        assert_eq!(
            chosen(&counters).as_deref(),
            Some("https://blog.example/cover.jpg")
        );
        assert_eq!(chosen(&counters[..7]), None);
    }
}

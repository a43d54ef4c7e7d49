//! Selection of the image of a post.

use url::Url;

use crate::feeds::link::resolve_link;
use crate::feeds::raw::RawImage;

/// Minimum width and height in pixels. Smaller images are icons, emoji or tracking pixels.
const MIN_SIDE_PIXELS: u32 = 48;

/// Hosts of tracking pixels, emoji and avatars.
const EXCLUDED_HOSTS: [&str; 8] = [
    "feeds.feedburner.com",
    "pixel.wp.com",
    "stats.wordpress.com",
    "gravatar.com",
    "s.w.org",
    "feedsportal.com",
    "doubleclick.net",
    "google-analytics.com",
];

/// Returns the first image that an email can show: an http(s) URL, in a format that mail
/// programs support, and not too small.
pub(super) fn select_image<'a>(
    images: impl IntoIterator<Item = &'a RawImage>,
    base: Option<&Url>,
) -> Option<Url> {
    images.into_iter().find_map(|image| {
        let is_small = |side: Option<u32>| side.is_some_and(|pixels| pixels < MIN_SIDE_PIXELS);
        if is_small(image.width) || is_small(image.height) {
            return None;
        }
        resolve_link(&image.url, base).filter(is_displayable)
    })
}

fn is_displayable(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_host = |excluded: &&str| {
        host.strip_suffix(*excluded)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let path = url.path().to_ascii_lowercase();
    let is_tracker =
        path.contains("/_/stat") || path.ends_with("/pixel.gif") || path.ends_with("/b.gif");
    !EXCLUDED_HOSTS.iter().any(is_host)
        && !is_tracker
        && !path.ends_with(".svg")
        && !path.ends_with(".svgz")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(images: &[(&str, Option<u32>)]) -> Option<String> {
        let base = Url::parse("https://blog.example/posts/").unwrap();
        let images: Vec<RawImage> = images
            .iter()
            .map(|(url, width)| RawImage {
                url: (*url).into(),
                width: *width,
                height: None,
            })
            .collect();
        select_image(&images, Some(&base)).map(String::from)
    }

    #[test]
    fn select_image_skips_trackers_and_unsupported_formats() {
        let images = [
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
            selected(&images).as_deref(),
            Some("https://blog.example/cover.jpg")
        );
        assert_eq!(selected(&images[..7]), None);
    }
}

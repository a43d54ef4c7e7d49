//! Selection of the image of a post.

use url::Url;

use crate::feeds::link::resolve_link;
use crate::feeds::raw::RawImage;

/// Minimum width and height in pixels. Smaller images are icons, emoji or tracking pixels.
const MIN_SIDE_PIXELS: u32 = 48;

/// Minimum width in pixels. A smaller image would be scaled up in the email.
const MIN_WIDTH_PIXELS: u32 = 200;

/// Width in pixels that is assumed for an image of the text without a stated width.
const ASSUMED_WIDTH_PIXELS: u32 = 640;

/// Hosts of tracking pixels, emoji and avatars.
const EXCLUDED_HOSTS: [&str; 12] = [
    "feeds.feedburner.com",
    "feeds.feedblitz.com",
    "pixel.wp.com",
    "stats.wordpress.com",
    "pixel.wordpress.com",
    "gravatar.com",
    "s.w.org",
    "feedsportal.com",
    "doubleclick.net",
    "google-analytics.com",
    "scorecardresearch.com",
    "list-manage.com",
];

/// Suffixes of formats that not every mail program displays.
const UNSUPPORTED_SUFFIXES: [&str; 11] = [
    "svg", "svgz", "avif", "webp", "ico", "heic", "heif", "jxl", "bmp", "tif", "tiff",
];

/// Words in a file name that tell an icon or a placeholder from a picture of the post.
const EXCLUDED_NAME_WORDS: [&str; 13] = [
    "placeholder",
    "spacer",
    "favicon",
    "avatar",
    "avatars",
    "gravatar",
    "icon",
    "smiley",
    "smilies",
    "emoji",
    "emoticon",
    "lazyload",
    "1x1",
];

/// File names without suffix of placeholders and tracking pixels.
const EXCLUDED_NAMES: [&str; 17] = [
    "blank",
    "clear",
    "pixel",
    "loading",
    "loader",
    "spinner",
    "transparent",
    "trans",
    "dot",
    "empty",
    "dummy",
    "lazy",
    "b",
    "count",
    "counter",
    "open",
    "grey",
];

/// Folders of icons and emoji.
const EXCLUDED_FOLDERS: [&str; 9] = [
    "smilies",
    "smileys",
    "emoji",
    "emojis",
    "emoticons",
    "avatars",
    "favicons",
    "icons",
    "_emoji",
];

/// Returns the largest image that an email can show: an http(s) URL, in a format that mail
/// programs support, and at least [`MIN_WIDTH_PIXELS`] wide as far as its width is known.
///
/// Of equally large images, the first.
pub(super) fn select_image<'a>(
    images: impl IntoIterator<Item = (&'a RawImage, Option<&'a Url>)>,
) -> Option<Url> {
    let mut best: Option<(u32, Url)> = None;
    for (image, base) in images {
        let Some(url) = resolve_link(&image.url, base).filter(is_displayable) else {
            continue;
        };
        let width = image.width.or_else(|| width_in_url(&url));
        let is_small = width.is_some_and(|pixels| pixels < MIN_WIDTH_PIXELS)
            || image.height.is_some_and(|pixels| pixels < MIN_SIDE_PIXELS);
        let width = width.unwrap_or(ASSUMED_WIDTH_PIXELS);
        if !is_small && best.as_ref().is_none_or(|(widest, _)| width > *widest) {
            best = Some((width, url));
        }
    }
    best.map(|(_, url)| url)
}

/// Returns whether the name of a format is one that mail programs display.
pub(super) fn is_supported_mime(mime: &str) -> bool {
    let subtype = mime.trim().to_ascii_lowercase();
    let subtype = subtype.strip_prefix("image/").unwrap_or(&subtype);
    !["svg+xml", "x-icon", "vnd.microsoft.icon"].contains(&subtype)
        && !UNSUPPORTED_SUFFIXES.contains(&subtype)
}

fn is_displayable(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_host = |excluded: &&str| {
        host.strip_suffix(*excluded)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let path = url.path().to_ascii_lowercase();
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let (stem, suffix) = name.rsplit_once('.').unwrap_or((name, ""));
    let is_tracker = path.contains("/_/stat")
        || path.contains("/track/")
        || path.contains("/s2/favicons")
        || (host.ends_with("facebook.com") && path == "/tr");
    let has_excluded_word = stem
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| EXCLUDED_NAME_WORDS.contains(&word));
    let is_converted = url.query_pairs().any(|(key, value)| {
        matches!(&*key, "format" | "fm") && matches!(&*value, "webp" | "avif" | "svg")
    });
    !EXCLUDED_HOSTS.iter().any(is_host)
        && !is_tracker
        && !is_converted
        && !has_excluded_word
        && !EXCLUDED_NAMES.contains(&stem)
        && !folder
            .split('/')
            .any(|part| EXCLUDED_FOLDERS.contains(&part))
        && !UNSUPPORTED_SUFFIXES.contains(&suffix)
}

/// Returns the width in pixels that the URL names: `oven-150x100.jpg` (`WordPress`), `/s72-c/`
/// (Blogger), `?width=140`.
fn width_in_url(url: &Url) -> Option<u32> {
    let in_query = url
        .query_pairs()
        .find(|(key, _)| matches!(&**key, "w" | "width"))
        .and_then(|(_, value)| value.parse().ok());
    let mut segments = url.path_segments()?.rev();
    let stem = segments.next()?.rsplit_once('.').map(|(stem, _)| stem);
    let in_name = stem
        .and_then(|stem| stem.rsplit_once('-')?.1.split_once('x'))
        .filter(|(_, height)| height.parse::<u32>().is_ok())
        .and_then(|(width, _)| width.parse().ok());
    let in_folder = segments.next().and_then(|folder| {
        let size = folder.strip_prefix('s')?;
        size.split('-').next()?.parse().ok()
    });
    in_query
        .or(in_name)
        .or(in_folder)
        .filter(|width| (1..=10_000).contains(width))
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
        select_image(images.iter().map(|image| (image, Some(&base)))).map(String::from)
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
            ("/photo.webp", None),
            ("/favicon.ico", None),
            ("/img/placeholder-large.jpg", None),
            ("/spacer.gif", None),
            ("/wp-includes/images/smilies/grin.png", None),
            ("/oven-150x150.jpg", None),
            ("/s72-c/oven.jpg", None),
            ("/oven.jpg?width=140", None),
            ("https://medium.com/_/stat?x=1", None),
            ("../cover.jpg", Some(800)),
            ("/second.jpg", None),
        ];
        assert_eq!(
            selected(&images).as_deref(),
            Some("https://blog.example/cover.jpg")
        );
        assert_eq!(selected(&images[..15]), None);
    }

    #[test]
    fn select_image_takes_the_largest() {
        assert_eq!(
            selected(&[("/s.jpg", Some(300)), ("/l.jpg", Some(900))]).as_deref(),
            Some("https://blog.example/l.jpg")
        );
        assert_eq!(
            selected(&[("/a.jpg", None), ("/b.jpg", None)]).as_deref(),
            Some("https://blog.example/a.jpg")
        );
    }
}

//! RSS 0.9 to 2.0, RDF and Atom, read by feed-rs after [`xml_repair`].

use feed_rs::model::{Entry, FeedType, Link, LinkTarget, MediaContent, Person, Text};

use crate::domain::clock::Timestamp;
use crate::feeds::error::ParseError;
use crate::feeds::raw::{self, FeedText, Markup, RawFeed, RawImage, RawPost};
use crate::feeds::xml_repair::{self, THUMBNAIL_TYPE};

/// Parses an RSS, RDF or Atom feed.
///
/// # Errors
/// Returns [`ParseError::Xml`] if the document is not well-formed, and the other errors of
/// [`xml_repair::repair`] if it is not a feed.
pub(super) fn parse(bytes: &[u8]) -> Result<RawFeed, ParseError> {
    let repaired = xml_repair::repair(bytes)?;
    // feed-rs generates an id for items without one. An empty id is removed below.
    let parser = feed_rs::parser::Builder::new()
        .id_generator(|_, _, _| String::new())
        .build();
    let feed = parser
        .parse(repaired.xml.as_slice())
        .map_err(|error| ParseError::Xml(error.to_string()))?;
    let is_atom = feed.feed_type == FeedType::Atom;
    let item_count = repaired.comment_counts.len();
    // feed-rs omits RDF items without a link. The counts can then not be assigned to items.
    let comment_counts = if feed.entries.len() == item_count {
        repaired.comment_counts
    } else {
        Vec::new()
    };
    let feed_author = join_names(feed.authors).filter(|_| is_atom);
    Ok(RawFeed {
        title: feed
            .title
            .map(|text| feed_text(text, is_atom))
            .unwrap_or_default(),
        home: page_links(&feed.links).next(),
        unreadable: item_count.saturating_sub(feed.entries.len()),
        posts: feed
            .entries
            .into_iter()
            .zip(comment_counts.into_iter().chain(std::iter::repeat(None)))
            .map(|(entry, comments)| {
                let mut post = post(entry, comments, is_atom);
                // RFC 4287 §4.2.1: the authors of the feed are those of an entry without any.
                post.author = post.author.or_else(|| feed_author.clone());
                post
            })
            .collect(),
        links_relative_to_document: is_atom,
    })
}

fn post(entry: Entry, comments: Option<u32>, is_atom: bool) -> RawPost {
    let content = entry.content.and_then(|content| {
        let is_plain = content.content_type.as_str() == "text/plain";
        let text = content.body?;
        Some(if is_plain {
            FeedText::plain(text)
        } else {
            FeedText::html(text)
        })
    });
    let mut summary = entry
        .summary
        .map(|text| feed_text(text, is_atom))
        .unwrap_or_default();
    if !is_atom {
        summary.markup = Markup::Html;
    }
    let media = entry
        .media
        .iter()
        .flat_map(|media| &media.content)
        .filter_map(image);
    let enclosures = entry.links.iter().filter(|link| has_rel(link, "enclosure"));
    let enclosures = enclosures.filter(|link| {
        link.media_type
            .as_deref()
            .is_some_and(|mime| mime.starts_with("image/"))
    });
    let mut images: Vec<(bool, RawImage)> = media.collect();
    images.extend(enclosures.map(|link| {
        (
            false,
            RawImage {
                url: link.href.clone(),
                ..RawImage::default()
            },
        )
    }));
    // Full images before thumbnails, wider images first.
    images.sort_by_key(|(is_thumbnail, image)| (*is_thumbnail, std::cmp::Reverse(image.width)));
    let other_links = ["related", "enclosure"].into_iter().flat_map(|rel| {
        let links = entry.links.iter().filter(move |link| has_rel(link, rel));
        links.map(|link| link.href.clone())
    });
    let media_urls = entry.media.iter().flat_map(|media| &media.content);
    let other_links = other_links.chain(
        media_urls
            .filter(|media| image(media).is_none())
            .filter_map(|media| media.url.as_ref().map(ToString::to_string)),
    );
    RawPost {
        guid: Some(entry.id).filter(|id| !id.is_empty()),
        links: page_links(&entry.links).chain(other_links).collect(),
        title: entry
            .title
            .map(|text| feed_text(text, is_atom))
            .unwrap_or_default(),
        summary,
        content: content.unwrap_or_default(),
        images: images.into_iter().map(|(_, image)| image).collect(),
        author: join_names(entry.authors),
        published_at: entry
            .published
            .or(entry.updated)
            .map(|moment| Timestamp::from_millis(moment.timestamp_millis())),
        comments,
    }
}

/// Joins the names of several authors: `Ann, Bo and Cy`.
fn join_names(authors: Vec<Person>) -> Option<String> {
    raw::join_names(authors.into_iter().filter_map(|person| person.name))
}

fn feed_text(text: Text, is_atom: bool) -> FeedText {
    let markup = match (text.content_type.as_str(), is_atom) {
        ("text/plain", true) => Markup::Plain,
        ("text/plain", false) => Markup::Entities,
        _ => Markup::Html,
    };
    FeedText {
        text: text.content,
        markup,
    }
}

/// Returns the links to the page of a feed or post, HTML pages first.
fn page_links(links: &[Link]) -> impl Iterator<Item = String> {
    let is_comments = |link: &Link| {
        matches!(
            link.target,
            Some(LinkTarget::Comments | LinkTarget::CommentsFeed)
        )
    };
    let mut pages: Vec<&Link> = links
        .iter()
        .filter(|link| !is_comments(link) && (link.rel.is_none() || has_rel(link, "alternate")))
        .collect();
    pages.sort_by_key(|link| {
        link.media_type
            .as_deref()
            .is_some_and(|mime| !mime.contains("html"))
    });
    pages.into_iter().map(|link| link.href.clone())
}

fn has_rel(link: &Link, rel: &str) -> bool {
    link.rel.as_deref() == Some(rel)
}

/// Returns an image and whether it is a thumbnail, or `None` for other media.
fn image(media: &MediaContent) -> Option<(bool, RawImage)> {
    let url = media.url.as_ref()?;
    let mime = media.content_type.as_ref().map(|mime| mime.as_str());
    let is_image = match mime {
        Some(mime) => mime.starts_with("image/"),
        None => has_image_suffix(url.path()),
    };
    let image = RawImage {
        url: url.to_string(),
        width: media.width,
        height: media.height,
    };
    is_image.then_some((mime == Some(THUMBNAIL_TYPE), image))
}

fn has_image_suffix(path: &str) -> bool {
    let suffix = path
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    matches!(
        suffix.as_str(),
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "avif"
    )
}

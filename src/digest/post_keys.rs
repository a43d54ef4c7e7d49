//! Identity of posts: two posts are the same if their guid **or** their link is the same.

use sha2::{Digest, Sha256};
use url::Url;

use crate::domain::issue::post::{FeedId, FeedPost};

/// Returns the keys that identify a post.
///
/// A guid is unique within its feed only, since many feeds number their posts from 1. A link
/// is unique across all feeds.
pub fn post_keys(feed: &FeedId, post: &FeedPost) -> Vec<String> {
    let guid = post
        .guid
        .as_deref()
        .map(|guid| digest(&["guid", &feed.to_string(), guid]));
    let link = post.link.as_ref().map(link_key);
    guid.into_iter().chain(link).collect()
}

/// Returns the key that identifies a post by its link, without the fragment.
pub fn link_key(link: &Url) -> String {
    let mut link = link.clone();
    link.set_fragment(None);
    digest(&["link", link.as_str()])
}

/// Hashes `parts`, each with its length, so that different lists have different input.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::random::Random;

    fn post(guid: Option<&str>, link: &str) -> FeedPost {
        FeedPost {
            guid: guid.map(str::to_owned),
            link: Some(link.parse().unwrap()),
            title: "t".into(),
            excerpt: String::new(),
            image: None,
            author: None,
            published_at: None,
            comments: None,
            minutes: None,
        }
    }

    #[test]
    fn posts_share_key_if_guid_or_link_is_equal() {
        let random = Random::seeded(1);
        let new_feed = || FeedId::new(Timestamp::from_millis(1), &random);
        let (feed, other_feed) = (new_feed(), new_feed());
        let keys = post_keys(&feed, &post(Some("1"), "https://a.example/x"));
        let shares_key = |feed: &FeedId, guid: Option<&str>, link: &str| {
            let others = post_keys(feed, &post(guid, link));
            others.iter().any(|key| keys.contains(key))
        };

        assert!(shares_key(&feed, Some("1"), "https://a.example/moved"));
        assert!(shares_key(&feed, Some("new"), "https://a.example/x#top"));
        assert!(shares_key(&other_feed, None, "https://a.example/x"));
        assert!(!shares_key(&other_feed, Some("1"), "https://b.example/y"));
    }
}

//! When two posts are the same: if their guid **or** their link is.

use sha2::{Digest, Sha256};
use url::Url;

use crate::domain::issue::post::{FeedId, FeedPost};

/// The keys a post is known again by. A guid counts within its feed only (many feeds
/// number their posts from 1); a link counts everywhere.
pub fn keys(feed: &FeedId, post: &FeedPost) -> Vec<String> {
    let guid = post
        .guid
        .as_deref()
        .map(|guid| digest(&["guid", &feed.to_string(), guid]));
    let link = post.link.as_ref().map(link_key);
    guid.into_iter().chain(link).collect()
}

/// The key that a post has by its link alone.
pub fn link_key(link: &Url) -> String {
    let mut link = link.clone();
    link.set_fragment(None);
    digest(&["link", link.as_str()])
}

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
    fn guid_or_link_makes_posts_the_same() {
        let random = Random::seeded(1);
        let (one, two) = (
            FeedId::new(Timestamp::from_millis(1), &random),
            FeedId::new(Timestamp::from_millis(1), &random),
        );
        let shared = |a: Vec<String>, b: Vec<String>| a.iter().any(|key| b.contains(key));
        let first = keys(&one, &post(Some("1"), "https://a.example/x"));
        assert!(shared(
            first.clone(),
            keys(&one, &post(Some("1"), "https://a.example/moved"))
        ));
        assert!(shared(
            first.clone(),
            keys(&one, &post(Some("new"), "https://a.example/x#top"))
        ));
        assert!(shared(
            first.clone(),
            keys(&two, &post(None, "https://a.example/x"))
        ));
        assert!(!shared(
            first,
            keys(&two, &post(Some("1"), "https://b.example/y"))
        ));
    }
}

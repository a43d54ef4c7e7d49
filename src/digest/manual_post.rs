//! A post that no feed has brought: the editor writes it.

use url::Url;

use crate::digest::{DigestService, post_keys};
use crate::domain::issue::post::{Post, PostId};
use crate::domain::issue::text::{Excerpt, Title};
use crate::store::{ManualPostOutcome, NewPost, StoreError};

/// What the editor says of it.
#[derive(Clone, Debug)]
pub struct ManualPost {
    pub title: Title,
    pub url: Url,
    pub excerpt: Excerpt,
}

impl DigestService {
    /// Keeps a post of the editor's. One that is known by its link stays as its feed has
    /// it; the editor's words on it are an edit like any other.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_by_hand(&self, made: &ManualPost) -> Result<ManualPostOutcome, StoreError> {
        let now = self.now();
        let stored = NewPost {
            post: Post {
                id: PostId::new(now, &self.random),
                title: made.title.as_str().to_owned(),
                url: made.url.clone(),
                excerpt: made.excerpt.as_str().to_owned(),
                image: None,
                author: None,
                minutes: None,
                published_at: now,
                first_seen_at: now,
                offered: 0,
            },
            comments: None,
            keys: vec![post_keys::link_key(&made.url)],
            is_history: false,
        };
        self.store.insert_manual_post(&stored, now).await
    }
}

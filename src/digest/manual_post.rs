//! Posts that the editor adds by hand.

use url::Url;

use crate::digest::{DigestService, post_keys};
use crate::domain::issue::post::{Post, PostId};
use crate::domain::issue::text::{Excerpt, Title};
use crate::store::{ManualPostOutcome, NewPost, StoreError};

/// A post as the editor entered it.
#[derive(Clone, Debug)]
pub struct ManualPost {
    /// Title of the post.
    pub title: Title,
    /// Link of the post.
    pub url: Url,
    /// Text shown below the title.
    pub excerpt: Excerpt,
}

impl DigestService {
    /// Stores a post that the editor entered.
    ///
    /// If a post with the same link exists, it is not changed, and the entered text becomes
    /// an edit of the draft.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the transaction fails, and [`StoreError::Corrupt`]
    /// if a stored value cannot be parsed.
    pub async fn add_manual_post(
        &self,
        manual: &ManualPost,
    ) -> Result<ManualPostOutcome, StoreError> {
        let now = self.now();
        let new = NewPost {
            post: Post {
                id: PostId::new(now, &self.random),
                title: manual.title.as_str().to_owned(),
                url: manual.url.clone(),
                excerpt: manual.excerpt.as_str().to_owned(),
                image: None,
                author: None,
                minutes: None,
                published_at: now,
                first_seen_at: now,
                times_offered: 0,
            },
            comments: None,
            keys: vec![post_keys::link_key(&manual.url)],
            is_history: false,
        };
        self.store.insert_manual_post(&new, now).await
    }
}

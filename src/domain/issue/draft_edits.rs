//! The editor's changes to the next issue.
//!
//! Posts are not copied: later changes of the feeds still appear, with the editor's changes
//! applied on top.

use std::collections::BTreeMap;

use crate::domain::issue::post::{Post, PostId};
use crate::domain::issue::text::{Excerpt, Note, Preheader, Subject, Title};

/// All changes to one draft.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DraftEdits {
    /// Incremented with every change; a form based on an older version is rejected.
    pub version: i64,
    /// Subject; `None` for the default.
    pub subject: Option<Subject>,
    /// Preview text; `None` for the titles of the posts.
    pub preheader: Option<Preheader>,
    /// Note above the posts.
    pub note: Option<Note>,
    /// Changes by post.
    pub posts: BTreeMap<PostId, PostEdit>,
}

/// Changes to one post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostEdit {
    /// Fixed position, from 1; posts without a position follow in automatic order.
    pub position: Option<u32>,
    /// Excluded from this issue and all later ones.
    pub is_hidden: bool,
    /// Placed before all other posts.
    pub is_pinned: bool,
    /// Included even if the automatic selection leaves it out.
    pub is_added: bool,
    /// Title; `None` for the title in the feed.
    pub title: Option<Title>,
    /// Excerpt; `None` for the one in the feed, an empty text for none.
    pub excerpt: Option<Excerpt>,
}

impl PostEdit {
    /// Returns whether the editor included the post regardless of the automatic selection.
    pub fn is_picked(&self) -> bool {
        !self.is_hidden && (self.is_pinned || self.is_added || self.position.is_some())
    }

    /// Returns whether the title or the excerpt was changed.
    pub fn has_text(&self) -> bool {
        self.title.is_some() || self.excerpt.is_some()
    }

    /// Replaces the texts of `post` with the editor's.
    pub fn apply_to(&self, post: &mut Post) {
        if let Some(title) = &self.title {
            post.title = title.as_str().to_owned();
        }
        if let Some(excerpt) = &self.excerpt {
            post.excerpt = excerpt.as_str().to_owned();
        }
    }
}

impl DraftEdits {
    /// Returns the changes to `post`; the default if there are none.
    pub fn for_post(&self, post: &PostId) -> PostEdit {
        self.posts.get(post).cloned().unwrap_or_default()
    }

    /// Applies `change` to the changes of `post`, and removes them if they equal the default.
    pub fn update(&mut self, post: PostId, change: impl FnOnce(&mut PostEdit)) {
        let edit = self.posts.entry(post).or_default();
        change(edit);
        if *edit == PostEdit::default() {
            self.posts.remove(&post);
        }
    }

    /// Hides a post and clears its position. Changed texts are kept.
    pub fn hide(&mut self, post: PostId) {
        self.update(post, |edit| {
            edit.is_hidden = true;
            edit.is_pinned = false;
            edit.position = None;
        });
    }

    /// Swaps the posts at `upper` and `upper + 1` of `order`.
    ///
    /// Both posts, all posts before them and all posts up to the last fixed one get fixed
    /// positions. The following posts stay in automatic order, so that newer posts can still
    /// be placed before them.
    pub fn swap(&mut self, order: &[PostId], upper: usize) {
        let mut order = order.to_vec();
        if upper + 1 >= order.len() {
            return;
        }
        order.swap(upper, upper + 1);
        let has_position = |post: &PostId| self.for_post(post).position.is_some();
        let last = order.iter().rposition(has_position).unwrap_or(0);
        let fixed = order.into_iter().take(last.max(upper + 1) + 1);
        for (position, post) in (1..).zip(fixed) {
            self.update(post, |edit| edit.position = Some(position));
        }
    }

    /// Returns all posts to the automatic order.
    pub fn clear_positions(&mut self) {
        let posts: Vec<PostId> = self.posts.keys().copied().collect();
        for post in posts {
            self.update(post, |edit| edit.position = None);
        }
    }

    /// Returns whether a post has a fixed position.
    pub fn has_positions(&self) -> bool {
        self.posts.values().any(|edit| edit.position.is_some())
    }

    /// Returns the changes that remain after an issue with `posts` was frozen.
    ///
    /// Subject, preheader, note, positions and the changes to these posts are consumed;
    /// changes to other posts are kept.
    pub fn carry_over(&self, posts: &[Post]) -> Self {
        let mut remaining = Self {
            version: self.version + 1,
            posts: self.posts.clone(),
            ..Self::default()
        };
        for post in posts {
            remaining.posts.remove(&post.id);
        }
        remaining.clear_positions();
        remaining
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;

    fn id(n: u128) -> PostId {
        PostId::from_uuid(uuid::Uuid::from_u128(n))
    }

    fn positions(edits: &DraftEdits, posts: &[PostId]) -> Vec<Option<u32>> {
        posts
            .iter()
            .map(|post| edits.for_post(post).position)
            .collect()
    }

    #[test]
    fn swap_fixes_positions_up_to_the_swapped_posts() {
        let order = [id(1), id(2), id(3), id(4)];
        let mut edits = DraftEdits::default();
        edits.swap(&order, 1);
        assert_eq!(
            positions(&edits, &order),
            [Some(1), Some(3), Some(2), None],
            "the fourth post stays in automatic order"
        );
        let order = [id(1), id(3), id(2), id(4)];
        edits.swap(&order, 0);
        assert_eq!(positions(&edits, &order), [Some(2), Some(1), Some(3), None]);
        edits.swap(&order, 3);
        edits.swap(&[], 0);
        assert_eq!(positions(&edits, &order), [Some(2), Some(1), Some(3), None]);
        edits.clear_positions();
        assert_eq!(edits, DraftEdits::default());
    }

    #[test]
    fn hidden_post_keeps_text_and_loses_position() {
        let mut edits = DraftEdits::default();
        edits.update(id(1), |edit| {
            edit.is_pinned = true;
            edit.position = Some(1);
            edit.title = Title::parse("Mine").ok();
        });
        assert!(edits.for_post(&id(1)).is_picked());
        edits.hide(id(1));
        let edit = edits.for_post(&id(1));
        assert!(edit.is_hidden && !edit.is_picked() && edit.has_text());
        edits.update(id(1), |edit| edit.is_hidden = false);
        assert!(!edits.for_post(&id(1)).is_picked());
    }

    #[test]
    fn carry_over_keeps_changes_to_other_posts() {
        let mut edits = DraftEdits {
            version: 7,
            subject: Subject::parse("Three").ok(),
            note: Note::parse("Hello").ok(),
            ..DraftEdits::default()
        };
        edits.swap(&[id(1), id(2)], 0);
        edits.hide(id(3));
        edits.update(id(2), |edit| edit.excerpt = Excerpt::parse("Mine").ok());
        let sent = Post {
            id: id(1),
            title: String::new(),
            url: "https://example.com/".parse().unwrap(),
            excerpt: String::new(),
            image: None,
            author: None,
            minutes: None,
            published_at: Timestamp::EPOCH,
            first_seen_at: Timestamp::EPOCH,
            times_offered: 0,
        };
        let left = edits.carry_over(&[sent]);
        assert_eq!((left.version, &left.subject, &left.note), (8, &None, &None));
        assert_eq!(left.for_post(&id(1)), PostEdit::default());
        assert!(left.for_post(&id(3)).is_hidden && left.for_post(&id(2)).has_text());
        assert!(!left.has_positions());
    }
}

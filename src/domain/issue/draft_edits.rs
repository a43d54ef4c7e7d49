//! What the editor changed about the next issue. Nothing of the posts is copied: what
//! the feeds bring later still flows in, and what the editor said stays on top.

use std::collections::BTreeMap;

use crate::domain::issue::post::{Post, PostId};
use crate::domain::issue::text::{Excerpt, Note, Preheader, Subject, Title};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DraftEdits {
    /// Grows with every change: who saves a form that was made from an older one is told.
    pub version: i64,
    pub subject: Option<Subject>,
    pub preheader: Option<Preheader>,
    pub note: Option<Note>,
    pub posts: BTreeMap<PostId, PostEdit>,
}

/// What the editor said of one post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostEdit {
    /// Where it stands, counted from 1; posts without a place follow by the rule.
    pub position: Option<u32>,
    /// Not in this issue, nor in a later one.
    pub is_hidden: bool,
    /// Before all others.
    pub is_pinned: bool,
    /// In, whatever the rule says.
    pub is_added: bool,
    pub title: Option<Title>,
    /// May be empty: no excerpt.
    pub excerpt: Option<Excerpt>,
}

impl PostEdit {
    /// Whether the editor put the post into the issue, whatever the rule says.
    pub fn is_picked(&self) -> bool {
        !self.is_hidden && (self.is_pinned || self.is_added || self.position.is_some())
    }

    pub fn has_text(&self) -> bool {
        self.title.is_some() || self.excerpt.is_some()
    }

    /// Puts the editor's words in place of the feed's.
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
    pub fn for_post(&self, post: &PostId) -> PostEdit {
        self.posts.get(post).cloned().unwrap_or_default()
    }

    /// Changes what is said of a post; what says nothing is forgotten.
    pub fn update(&mut self, post: PostId, change: impl FnOnce(&mut PostEdit)) {
        let edit = self.posts.entry(post).or_default();
        change(edit);
        if *edit == PostEdit::default() {
            self.posts.remove(&post);
        }
    }

    /// Takes a post out, and from its place; its words stay.
    pub fn hide(&mut self, post: PostId) {
        self.update(post, |edit| {
            edit.is_hidden = true;
            edit.is_pinned = false;
            edit.position = None;
        });
    }

    /// Swaps two neighbours. They, what stands before them and what had a place get fixed
    /// places; what follows stays with the rule, so that newer posts can still come in.
    pub fn swap(&mut self, order: &[PostId], upper: usize) {
        let mut order = order.to_vec();
        if upper + 1 >= order.len() {
            return;
        }
        order.swap(upper, upper + 1);
        let has_place = |post: &PostId| self.for_post(post).position.is_some();
        let last = order.iter().rposition(has_place).unwrap_or(0);
        let fixed = order.into_iter().take(last.max(upper + 1) + 1);
        for (place, post) in (1..).zip(fixed) {
            self.update(post, |edit| edit.position = Some(place));
        }
    }

    /// Gives all places back to the rule.
    pub fn clear_positions(&mut self) {
        let placed: Vec<PostId> = self.posts.keys().copied().collect();
        for post in placed {
            self.update(post, |edit| edit.position = None);
        }
    }

    pub fn has_positions(&self) -> bool {
        self.posts.values().any(|edit| edit.position.is_some())
    }

    /// What is left once an issue of these posts is made: its words and places are used
    /// up; what was said of posts that stay outside still holds.
    pub fn carry_over(&self, posts: &[Post]) -> Self {
        let mut left = Self {
            version: self.version + 1,
            posts: self.posts.clone(),
            ..Self::default()
        };
        for post in posts {
            left.posts.remove(&post.id);
        }
        left.clear_positions();
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;

    fn id(n: u128) -> PostId {
        PostId::from_uuid(uuid::Uuid::from_u128(n))
    }

    fn places(edits: &DraftEdits, posts: &[PostId]) -> Vec<Option<u32>> {
        posts
            .iter()
            .map(|post| edits.for_post(post).position)
            .collect()
    }

    #[test]
    fn a_swap_fixes_what_stands_before_it_and_no_more() {
        let order = [id(1), id(2), id(3), id(4)];
        let mut edits = DraftEdits::default();
        edits.swap(&order, 1);
        assert_eq!(
            places(&edits, &order),
            [Some(1), Some(3), Some(2), None],
            "the fourth may still be overtaken"
        );
        let order = [id(1), id(3), id(2), id(4)];
        edits.swap(&order, 0);
        assert_eq!(places(&edits, &order), [Some(2), Some(1), Some(3), None]);
        edits.swap(&order, 3);
        edits.swap(&[], 0);
        assert_eq!(places(&edits, &order), [Some(2), Some(1), Some(3), None]);
        edits.clear_positions();
        assert_eq!(edits, DraftEdits::default());
    }

    #[test]
    fn a_hidden_post_keeps_its_words_and_loses_its_place() {
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
    fn an_issue_uses_up_what_was_said_of_it() {
        let mut edits = DraftEdits {
            version: 7,
            subject: Subject::parse("Three").ok(),
            note: Note::parse("Hello").ok(),
            ..DraftEdits::default()
        };
        edits.swap(&[id(1), id(2)], 0);
        edits.hide(id(3));
        edits.update(id(2), |edit| edit.excerpt = Excerpt::parse("Mine").ok());
        let went = Post {
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
        let left = edits.carry_over(&[went]);
        assert_eq!((left.version, &left.subject, &left.note), (8, &None, &None));
        assert_eq!(left.for_post(&id(1)), PostEdit::default());
        assert!(left.for_post(&id(3)).is_hidden && left.for_post(&id(2)).has_text());
        assert!(!left.has_positions());
    }
}

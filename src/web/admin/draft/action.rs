//! The buttons of the draft page.

use strum::EnumString;

use crate::digest::Draft;
use crate::domain::audit::AuditAction;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::post::PostId;

/// The button that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftAction {
    /// Save the text.
    Save,
    /// Save the text and review the issue.
    Review,
    /// Save the text and add a post that no feed contains.
    AddPost,
    /// Remove the positions that were set by hand.
    ResetOrder,
    /// An action on one post.
    Post(PostAction, PostId),
}

/// A button of one post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum PostAction {
    /// Move the post up by one position.
    Up,
    /// Move the post down by one position.
    Down,
    /// Keep the post before all others.
    Pin,
    /// Undo [`PostAction::Pin`].
    Unpin,
    /// Exclude the post.
    Hide,
    /// Undo [`PostAction::Hide`].
    Show,
    /// Include a post that was not selected.
    Add,
    /// Edit the post's title and excerpt on a page of their own.
    Edit,
}

impl DraftAction {
    /// Parses the value of a button, like `save` or `up:{post id}`.
    pub fn parse(value: &str) -> Option<Self> {
        match value {
            "save" => Some(Self::Save),
            "review" => Some(Self::Review),
            "new" => Some(Self::AddPost),
            "unplace" => Some(Self::ResetOrder),
            _ => {
                let (action, post) = value.split_once(':')?;
                Some(Self::Post(action.parse().ok()?, PostId::parse(post).ok()?))
            }
        }
    }

    /// Returns the entry for the audit log. A change of the text has an entry of its own.
    pub const fn audit_action(self) -> Option<AuditAction> {
        match self {
            Self::Save | Self::Review | Self::AddPost => None,
            Self::ResetOrder => Some(AuditAction::PostsReordered),
            Self::Post(action, _) => action.audit_action(),
        }
    }

    /// Applies the action to `edits`. Actions that only open another page change nothing.
    pub fn apply(self, edits: &mut DraftEdits, draft: &Draft) {
        let Self::Post(action, post) = self else {
            if self == Self::ResetOrder {
                edits.clear_positions();
            }
            return;
        };
        match action {
            PostAction::Up | PostAction::Down => {
                let chosen = draft.selection.chosen.iter();
                let order: Vec<PostId> = chosen.map(|(post, _)| post.id).collect();
                let position = order.iter().position(|id| *id == post);
                let is_up = usize::from(action == PostAction::Up);
                let upper = position.and_then(|position| position.checked_sub(is_up));
                if let Some(upper) = upper.filter(|upper| can_swap(draft, *upper)) {
                    edits.swap(&order, upper);
                }
            }
            PostAction::Pin | PostAction::Unpin => {
                edits.update(post, |edit| edit.is_pinned = action == PostAction::Pin);
            }
            PostAction::Hide => edits.hide(post),
            PostAction::Show => edits.update(post, |edit| edit.is_hidden = false),
            PostAction::Add => edits.update(post, |edit| edit.is_added = true),
            PostAction::Edit => {}
        }
    }
}

impl PostAction {
    const fn audit_action(self) -> Option<AuditAction> {
        match self {
            Self::Up | Self::Down => Some(AuditAction::PostsReordered),
            Self::Pin => Some(AuditAction::PostPinned),
            Self::Unpin => Some(AuditAction::PostUnpinned),
            Self::Hide => Some(AuditAction::PostHidden),
            Self::Show => Some(AuditAction::PostShown),
            Self::Add => Some(AuditAction::PostAdded),
            Self::Edit => None,
        }
    }
}

/// Returns whether the post at position `upper` and the one below it can change places.
/// Pinned posts come before all others, so both or neither must be pinned.
pub fn can_swap(draft: &Draft, upper: usize) -> bool {
    let chosen = &draft.selection.chosen;
    let is_pinned = |position: usize| {
        let post = chosen.get(position);
        post.map(|(post, _)| draft.edits.for_post(&post.id).is_pinned)
    };
    is_pinned(upper + 1).is_some() && is_pinned(upper) == is_pinned(upper + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draft_action_parse_accepts_only_known_buttons() {
        let post = PostId::from_uuid(uuid::Uuid::from_u128(7));

        assert_eq!(DraftAction::parse("save"), Some(DraftAction::Save));
        assert_eq!(
            DraftAction::parse(&format!("up:{post}")),
            Some(DraftAction::Post(PostAction::Up, post))
        );
        for wrong in ["", "up", "up:", "up:7", "burn", &format!("burn:{post}")] {
            assert_eq!(DraftAction::parse(wrong), None, "{wrong}");
        }
    }
}

//! What the buttons of the next issue do.

use crate::digest::Draft;
use crate::domain::audit::AuditAction;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::post::PostId;

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DraftAction {
    Save,
    Review,
    New,
    Unplace,
    On(PostAction, PostId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostAction {
    Up,
    Down,
    Pin,
    Unpin,
    Hide,
    Show,
    Add,
    Edit,
}

impl DraftAction {
    pub fn parse(text: &str) -> Option<Self> {
        let Some((word, post)) = text.split_once(':') else {
            return match text {
                "save" => Some(Self::Save),
                "review" => Some(Self::Review),
                "new" => Some(Self::New),
                "unplace" => Some(Self::Unplace),
                _ => None,
            };
        };
        let deed = match word {
            "up" => PostAction::Up,
            "down" => PostAction::Down,
            "pin" => PostAction::Pin,
            "unpin" => PostAction::Unpin,
            "hide" => PostAction::Hide,
            "show" => PostAction::Show,
            "add" => PostAction::Add,
            "edit" => PostAction::Edit,
            _ => return None,
        };
        Some(Self::On(deed, PostId::parse(post).ok()?))
    }

    /// As the list of who did what names it; what is typed has a name of its own.
    pub const fn action(self) -> Option<AuditAction> {
        match self {
            Self::Save | Self::Review | Self::New => None,
            Self::Unplace => Some(AuditAction::PostsReordered),
            Self::On(deed, _) => deed.action(),
        }
    }

    pub fn apply(self, edits: &mut DraftEdits, draft: &Draft) {
        let Self::On(deed, post) = self else {
            if self == Self::Unplace {
                edits.clear_positions();
            }
            return;
        };
        let chosen = draft.selection.chosen.iter();
        let order: Vec<PostId> = chosen.map(|(post, _)| post.id).collect();
        let at = order.iter().position(|it| *it == post);
        match deed {
            PostAction::Up | PostAction::Down => {
                let up = usize::from(deed == PostAction::Up);
                let upper = at.and_then(|at| at.checked_sub(up));
                if let Some(upper) = upper.filter(|upper| may_swap(draft, *upper)) {
                    edits.swap(&order, upper);
                }
            }
            PostAction::Pin | PostAction::Unpin => {
                edits.on(post, |edit| edit.is_pinned = deed == PostAction::Pin);
            }
            PostAction::Hide => edits.hide(post),
            PostAction::Show => edits.on(post, |edit| edit.is_hidden = false),
            PostAction::Add => edits.on(post, |edit| edit.is_added = true),
            PostAction::Edit => {}
        }
    }
}

impl PostAction {
    const fn action(self) -> Option<AuditAction> {
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

/// Whether the post at `upper` and the one below it can change places: pinned ones stand
/// before all others.
pub(crate) fn may_swap(draft: &Draft, upper: usize) -> bool {
    let chosen = &draft.selection.chosen;
    let is_pinned = |at: usize| {
        let post = chosen.get(at);
        post.map(|(post, _)| draft.edits.of(&post.id).is_pinned)
    };
    is_pinned(upper + 1).is_some() && is_pinned(upper) == is_pinned(upper + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_buttons_do_anything() {
        let post = PostId::from_uuid(uuid::Uuid::from_u128(7));
        assert_eq!(DraftAction::parse("save"), Some(DraftAction::Save));
        assert_eq!(
            DraftAction::parse(&format!("up:{post}")),
            Some(DraftAction::On(PostAction::Up, post))
        );
        for wrong in ["", "up", "up:", "up:7", "burn", &format!("burn:{post}")] {
            assert_eq!(DraftAction::parse(wrong), None, "{wrong}");
        }
    }
}

//! Selection and order of the posts of an issue.
//!
//! A pure function of the candidates, the editor's changes and the rules.

use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::time::Duration;

use crate::digest::author_affinity::AuthorAffinity;
use crate::digest::hotness::Hotness;
use crate::domain::clock::Timestamp;
use crate::domain::issue::draft_edits::{DraftEdits, PostEdit};
use crate::domain::issue::post::{Post, PostOrder};
use crate::store::Candidate;

/// Rules for the content of an issue, from the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Maximum number of posts, except those that the editor picked.
    pub max_posts: usize,
    /// Minimum number of posts. With fewer no issue is sent, unless it has a note.
    pub min_posts: usize,
    /// Maximum age of a post.
    pub max_age: Duration,
    /// Order of the posts.
    pub order: PostOrder,
    /// Whether links lead through this server, which counts clicks per post.
    pub count_clicks: bool,
}

/// Maximum number of issues for which a post is offered if it does not fit.
///
/// Three weeks. An older post would never be chosen over new ones.
const MAX_OFFERS: u32 = 3;

/// Reason for including a post at its position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// Why the post is included.
    pub inclusion: Inclusion,
    /// Why the post is at its position.
    pub placement: Placement,
}

/// Reason for including a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inclusion {
    /// Published since the last issue.
    New,
    /// Did not fit into this many previous issues.
    CarriedOver(u32),
    /// Added by the editor.
    Added,
}

/// Reason for the position of a post.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Placement {
    /// Pinned to the top by the editor.
    Pinned,
    /// Moved to this position by the editor.
    Positioned,
    /// Ordered by age.
    ByAge(Hotness),
    /// Ordered by hotness.
    ByHotness(Hotness),
}

/// Reason for excluding a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// The issue has the maximum number of posts. Offered again for the next issue.
    NoRoom,
    /// The email would be too large. Offered again for the next issue.
    TooLarge,
    /// Older than the maximum age.
    TooOld,
    /// Published long before the feed was added.
    History,
    /// Did not fit into [`MAX_OFFERS`] issues.
    OfferLimit,
    /// Hidden by the editor.
    Hidden,
}

impl Exclusion {
    /// Returns whether the exclusion counts as an offer, see [`MAX_OFFERS`].
    pub const fn was_offered(self) -> bool {
        matches!(self, Self::NoRoom | Self::TooLarge)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.placement {
            Placement::Pinned => f.write_str("pinned")?,
            Placement::Positioned => f.write_str("moved here by you")?,
            Placement::ByHotness(hotness) if hotness.has_signal() => write!(f, "hot: {hotness}")?,
            Placement::ByHotness(hotness) | Placement::ByAge(hotness) => write!(f, "{hotness}")?,
        }
        match self.inclusion {
            Inclusion::New => Ok(()),
            Inclusion::CarriedOver(1) => f.write_str("; did not fit into the last issue"),
            Inclusion::CarriedOver(times) => {
                write!(f, "; did not fit into the last {times} issues")
            }
            Inclusion::Added => f.write_str("; added by you"),
        }
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoom => "no room: the issue has enough posts",
            Self::TooLarge => "no room: the email would be too large",
            Self::TooOld => "too old",
            Self::History => "published long before its feed was added",
            Self::OfferLimit => "did not fit into three issues",
            Self::Hidden => "hidden by you",
        })
    }
}

/// Included and excluded posts of an issue.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Included posts, in order.
    pub chosen: Vec<(Post, Reason)>,
    /// Excluded posts.
    pub excluded: Vec<(Post, Exclusion)>,
}

impl Selection {
    /// Moves all posts after the first `count` to the excluded ones, because the email would
    /// be too large.
    pub fn truncate(&mut self, count: usize) {
        let removed = self.chosen.split_off(count.min(self.chosen.len()));
        let removed = removed
            .into_iter()
            .map(|(post, _)| (post, Exclusion::TooLarge));
        self.excluded.splice(0..0, removed);
    }
}

/// A post that may be included, with the data it is ordered by.
struct Contender {
    post: Post,
    edit: PostEdit,
    reason: Reason,
    hotness: Hotness,
}

impl Contender {
    /// Compares two posts by their position in the issue: pinned posts, positioned posts,
    /// then by `order`, newest first among equals.
    fn cmp(&self, other: &Self, order: PostOrder) -> Ordering {
        let position = |edit: &PostEdit| (!edit.is_pinned, edit.position.unwrap_or(u32::MAX));
        let newest = |post: &Post| Reverse((post.published_at, post.id));
        let by_order = match order {
            PostOrder::Hottest => other.hotness.score().total_cmp(&self.hotness.score()),
            PostOrder::Newest => Ordering::Equal,
        };
        position(&self.edit)
            .cmp(&position(&other.edit))
            .then(by_order)
            .then(newest(&self.post).cmp(&newest(&other.post)))
    }
}

/// Selects the posts of an issue from `candidates`.
///
/// Posts that the editor picked are always included. The rest is filled by the rules, up to
/// [`Rules::max_posts`].
pub fn select(
    candidates: Vec<Candidate>,
    edits: &DraftEdits,
    affinity: &AuthorAffinity,
    rules: &Rules,
    now: Timestamp,
) -> Selection {
    let mut contenders = Vec::new();
    let mut excluded = Vec::new();
    for Candidate {
        mut post,
        is_history,
        comments,
    } in candidates
    {
        let edit = edits.for_post(&post.id);
        let by_rules = check_rules(&post, is_history, rules, now);
        edit.apply_to(&mut post);
        match apply_edit(&edit, by_rules) {
            Ok(inclusion) => {
                let hotness = Hotness {
                    comments: comments.unwrap_or(0),
                    age: now.since(post.published_at),
                    author_affinity: affinity.for_author(post.author.as_ref()),
                };
                let reason = Reason {
                    inclusion,
                    placement: placement(&edit, hotness, rules.order),
                };
                contenders.push(Contender {
                    post,
                    edit,
                    reason,
                    hotness,
                });
            }
            Err(exclusion) => excluded.push((post, exclusion)),
        }
    }
    contenders.sort_by(|a, b| a.cmp(b, rules.order));
    let picked = contenders
        .iter()
        .filter(|contender| contender.edit.is_picked())
        .count();
    let mut free_places = rules.max_posts.saturating_sub(picked);
    let mut selection = Selection::default();
    for Contender {
        post, edit, reason, ..
    } in contenders
    {
        if edit.is_picked() {
            selection.chosen.push((post, reason));
        } else if free_places > 0 {
            free_places -= 1;
            selection.chosen.push((post, reason));
        } else {
            selection.excluded.push((post, Exclusion::NoRoom));
        }
    }
    selection.excluded.append(&mut excluded);
    selection
}

/// Returns how a post is included or excluded: the editor's decision overrides the rules.
fn apply_edit(
    edit: &PostEdit,
    by_rules: Result<Inclusion, Exclusion>,
) -> Result<Inclusion, Exclusion> {
    match by_rules {
        _ if edit.is_hidden => Err(Exclusion::Hidden),
        _ if edit.is_added => Ok(Inclusion::Added),
        Err(_) if edit.is_picked() => Ok(Inclusion::New),
        by_rules => by_rules,
    }
}

/// Returns how the rules alone would include or exclude a post.
fn check_rules(
    post: &Post,
    is_history: bool,
    rules: &Rules,
    now: Timestamp,
) -> Result<Inclusion, Exclusion> {
    if is_history {
        Err(Exclusion::History)
    } else if post.published_at < now.minus(rules.max_age) {
        Err(Exclusion::TooOld)
    } else if post.times_offered >= MAX_OFFERS {
        Err(Exclusion::OfferLimit)
    } else if post.times_offered == 0 {
        Ok(Inclusion::New)
    } else {
        Ok(Inclusion::CarriedOver(post.times_offered))
    }
}

fn placement(edit: &PostEdit, hotness: Hotness, order: PostOrder) -> Placement {
    match (edit.is_pinned, edit.position, order) {
        (true, ..) => Placement::Pinned,
        (_, Some(_), _) => Placement::Positioned,
        (.., PostOrder::Hottest) => Placement::ByHotness(hotness),
        (.., PostOrder::Newest) => Placement::ByAge(hotness),
    }
}

#[cfg(test)]
mod tests;

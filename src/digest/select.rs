//! Which posts go in, and in which order: a pure decision over the posts that are in no
//! issue, what the editor said of them, and the rules.

use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

use crate::digest::author_affinity::AuthorAffinity;
use crate::digest::hotness::Hotness;
use crate::domain::clock::Timestamp;
use crate::domain::issue::draft_edits::{DraftEdits, PostEdit};
use crate::domain::issue::post::Post;
use crate::store::Candidate;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub max_posts: usize,
    pub min_posts: usize,
    /// Older posts are not news.
    pub max_age: Duration,
    pub order: Order,
    /// Links lead past this newsletter, which counts them per post.
    pub count_clicks: bool,
}

/// Which posts come first, and so into the issue, where the editor does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Newest,
    Hottest,
}

/// A post that did not fit is offered for this many issues in all.
const OFFERS: u32 = 3;

/// Why a post is in, and why where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    pub came: Inclusion,
    pub stands: Placement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inclusion {
    New,
    /// It did not fit into that many issues before.
    CarriedOver(u32),
    /// The editor brought it in.
    Added,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Placement {
    Pinned,
    /// Where the editor put it.
    Placed,
    ByAge(Hotness),
    ByHeat(Hotness),
}

/// Why a post is not in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// There are others enough; it is offered again.
    NoRoom,
    /// The mail would become too large; it is offered again.
    TooLarge,
    TooOld,
    /// It was old when its feed was first read.
    History,
    OfferedEnough,
    /// The editor took it out.
    Hidden,
}

impl Exclusion {
    /// Whether it counts as offered.
    pub const fn was_offered(self) -> bool {
        matches!(self, Self::NoRoom | Self::TooLarge)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stands {
            Placement::Pinned => f.write_str("pinned")?,
            Placement::Placed => f.write_str("put here by you")?,
            Placement::ByHeat(heat) if heat.has_signal() => write!(f, "hot: {heat}")?,
            Placement::ByHeat(heat) | Placement::ByAge(heat) => write!(f, "{heat}")?,
        }
        match self.came {
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
            Self::NoRoom => "no room: there are other posts enough",
            Self::TooLarge => "no room: the mail would become too large",
            Self::TooOld => "too old",
            Self::History => "published long before its feed was added",
            Self::OfferedEnough => "did not fit into three issues",
            Self::Hidden => "hidden by you",
        })
    }
}

/// What goes into an issue, in order, and what does not.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub chosen: Vec<(Post, Reason)>,
    pub left_out: Vec<(Post, Exclusion)>,
}

impl Selection {
    /// Takes the posts behind the first `keep` out again, since the mail is too large.
    pub fn shorten(&mut self, keep: usize) {
        let over = self.chosen.split_off(keep.min(self.chosen.len()));
        let over = over
            .into_iter()
            .map(|(post, _)| (post, Exclusion::TooLarge));
        self.left_out.splice(0..0, over);
    }
}

/// Chooses from `candidates`, the hottest by their authors' `interest`, too. What the editor picked is in, pinned posts first, then those
/// with a place; the rule fills what room is left.
pub fn select(
    candidates: Vec<Candidate>,
    edits: &DraftEdits,
    interest: &AuthorAffinity,
    rules: &Rules,
    now: Timestamp,
) -> Selection {
    let mut standing = Vec::new();
    let mut left_out = Vec::new();
    for Candidate {
        mut post,
        is_history,
        comments,
    } in candidates
    {
        let edit = edits.for_post(&post.id);
        let news = is_news(&post, is_history, rules, now);
        edit.apply_to(&mut post);
        if edit.is_hidden {
            left_out.push((post, Exclusion::Hidden));
            continue;
        }
        let came = match news {
            _ if edit.is_added => Inclusion::Added,
            Ok(came) => came,
            Err(_) if edit.is_picked() => Inclusion::New,
            Err(out) => {
                left_out.push((post, out));
                continue;
            }
        };
        let heat = Hotness {
            comments: comments.unwrap_or(0),
            age: now.since(post.published_at),
            interest: interest.in_author(post.author.as_ref()),
        };
        let stands = stands(&edit, heat, rules.order);
        standing.push((edit, Reason { came, stands }, heat, post));
    }
    standing.sort_by(|(edit, _, heat, post), (other, _, its, its_post)| {
        let said = |edit: &PostEdit| (!edit.is_pinned, edit.position.unwrap_or(u32::MAX));
        let newest = |post: &Post| Reverse((post.published_at, post.id));
        let hottest = match rules.order {
            Order::Hottest => its.score().total_cmp(&heat.score()),
            Order::Newest => std::cmp::Ordering::Equal,
        };
        said(edit)
            .cmp(&said(other))
            .then(hottest)
            .then(newest(post).cmp(&newest(its_post)))
    });
    let picked = standing.iter().filter(|(edit, ..)| edit.is_picked());
    let mut room = rules.max_posts.saturating_sub(picked.count());
    let mut selection = Selection::default();
    for (edit, why, _, post) in standing {
        if edit.is_picked() {
            selection.chosen.push((post, why));
        } else if room > 0 {
            room -= 1;
            selection.chosen.push((post, why));
        } else {
            selection.left_out.push((post, Exclusion::NoRoom));
        }
    }
    selection.left_out.append(&mut left_out);
    selection
}

/// Whether the rules alone would offer the post, and as what.
fn is_news(
    post: &Post,
    is_history: bool,
    rules: &Rules,
    now: Timestamp,
) -> Result<Inclusion, Exclusion> {
    if is_history {
        Err(Exclusion::History)
    } else if post.published_at < now.minus(rules.max_age) {
        Err(Exclusion::TooOld)
    } else if post.times_offered >= OFFERS {
        Err(Exclusion::OfferedEnough)
    } else if post.times_offered == 0 {
        Ok(Inclusion::New)
    } else {
        Ok(Inclusion::CarriedOver(post.times_offered))
    }
}

fn stands(edit: &PostEdit, heat: Hotness, order: Order) -> Placement {
    match (edit.is_pinned, edit.position, order) {
        (true, ..) => Placement::Pinned,
        (_, Some(_), _) => Placement::Placed,
        (.., Order::Hottest) => Placement::ByHeat(heat),
        (.., Order::Newest) => Placement::ByAge(heat),
    }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;

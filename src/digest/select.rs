//! Which posts go in: a pure decision over the posts that are in no issue.

use std::fmt;
use std::time::Duration;

use crate::domain::clock::Timestamp;
use crate::domain::post::Post;
use crate::store::Candidate;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub max_posts: usize,
    pub min_posts: usize,
    /// Older posts are not news.
    pub max_age: Duration,
}

/// A post that did not fit is offered for this many issues in all.
const OFFERS: u32 = 3;

/// Why a post is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    New,
    /// It did not fit into that many issues before.
    CarriedOver(u32),
}

/// Why a post is not in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// There are newer ones enough; it is offered again.
    NoRoom,
    /// The mail would become too large; it is offered again.
    TooLarge,
    TooOld,
    /// It was old when its feed was first read.
    History,
    OfferedEnough,
}

impl LeftOut {
    /// Whether it counts as offered.
    pub const fn was_offered(self) -> bool {
        matches!(self, Self::NoRoom | Self::TooLarge)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::CarriedOver(1) => f.write_str("did not fit into the last issue"),
            Self::CarriedOver(times) => write!(f, "did not fit into the last {times} issues"),
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoom => "no room: there are newer posts enough",
            Self::TooLarge => "no room: the mail would become too large",
            Self::TooOld => "too old",
            Self::History => "published long before its feed was added",
            Self::OfferedEnough => "did not fit into three issues",
        })
    }
}

/// What goes into an issue, in order, and what does not.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub chosen: Vec<(Post, Why)>,
    pub left_out: Vec<(Post, LeftOut)>,
}

impl Selection {
    /// Takes the posts behind the first `keep` out again, since the mail is too large.
    pub fn shorten(&mut self, keep: usize) {
        let over = self.chosen.split_off(keep.min(self.chosen.len()));
        let over = over.into_iter().map(|(post, _)| (post, LeftOut::TooLarge));
        self.left_out.splice(0..0, over);
    }
}

/// Chooses from `candidates` (the newest first).
pub fn select(candidates: Vec<Candidate>, rules: &Rules, now: Timestamp) -> Selection {
    let oldest = now.minus(rules.max_age);
    let mut selection = Selection::default();
    for Candidate { post, is_history } in candidates {
        let out = if is_history {
            LeftOut::History
        } else if post.published_at < oldest {
            LeftOut::TooOld
        } else if post.offered >= OFFERS {
            LeftOut::OfferedEnough
        } else if selection.chosen.len() >= rules.max_posts {
            LeftOut::NoRoom
        } else {
            let why = if post.offered == 0 {
                Why::New
            } else {
                Why::CarriedOver(post.offered)
            };
            selection.chosen.push((post, why));
            continue;
        };
        selection.left_out.push((post, out));
    }
    selection
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::post::PostId;
    use crate::domain::random::Random;

    const DAY: Duration = Duration::from_secs(86_400);

    fn now() -> Timestamp {
        Timestamp::from_millis(1_795_500_000_000)
    }

    fn candidate(title: &str, age: Duration, offered: u32) -> Candidate {
        let at = now().minus(age);
        let post = Post {
            id: PostId::new(at, &Random::seeded(1)),
            title: title.into(),
            url: "https://example.com/".parse().unwrap(),
            excerpt: String::new(),
            image: None,
            author: None,
            minutes: None,
            published_at: at,
            first_seen_at: at,
            offered,
        };
        Candidate {
            post,
            is_history: false,
        }
    }

    fn rules(max_posts: usize) -> Rules {
        Rules {
            max_posts,
            min_posts: 1,
            max_age: 14 * DAY,
        }
    }

    #[test]
    fn the_newest_go_in_and_the_rest_say_why_not() {
        let candidates = vec![
            candidate("a", DAY, 0),
            candidate("b", 2 * DAY, 1),
            candidate("c", 3 * DAY, 0),
            candidate("d", 4 * DAY, 3),
            candidate("e", 15 * DAY, 0),
        ];
        let selection = select(candidates, &rules(2), now());
        let chosen: Vec<_> = selection
            .chosen
            .iter()
            .map(|(post, why)| (post.title.as_str(), *why))
            .collect();
        assert_eq!(chosen, [("a", Why::New), ("b", Why::CarriedOver(1))]);
        let out: Vec<_> = selection
            .left_out
            .iter()
            .map(|(post, why)| (post.title.as_str(), *why))
            .collect();
        assert_eq!(
            out,
            [
                ("c", LeftOut::NoRoom),
                ("d", LeftOut::OfferedEnough),
                ("e", LeftOut::TooOld)
            ]
        );
    }

    #[test]
    fn history_is_never_news() {
        let mut old = candidate("a", DAY, 0);
        old.is_history = true;
        let selection = select(vec![old], &rules(10), now());
        assert!(selection.chosen.is_empty());
        assert_eq!(selection.left_out[0].1, LeftOut::History);
    }

    #[test]
    fn what_is_shortened_is_offered_again() {
        let mut selection = select(
            vec![candidate("a", DAY, 0), candidate("b", DAY, 0)],
            &rules(10),
            now(),
        );
        selection.shorten(1);
        assert_eq!(selection.chosen.len(), 1);
        assert!(selection.left_out[0].1.was_offered());
    }
}

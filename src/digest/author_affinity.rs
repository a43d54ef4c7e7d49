//! Whose posts readers open, by the clicks on past issues. A post that was opened is in an
//! issue and in no other: what it tells is about the next one of its author.

use std::collections::HashMap;

use crate::store::AuthorClicks;

/// How much more, or less, than usual an author's posts are opened, kept between half and
/// twice: enough to decide between neighbours, not to crowd out a newcomer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthorAffinity(HashMap<Option<String>, f64>);

/// Fewer clicks in all tell nothing.
const TELLING: i64 = 20;

impl AuthorAffinity {
    pub fn new(authors: &[AuthorClicks]) -> Self {
        let posts: i64 = authors.iter().map(|author| author.posts).sum();
        let clicks: i64 = authors.iter().map(|author| author.clicks).sum();
        if clicks < TELLING {
            return Self::default();
        }
        let usual = clicks as f64 / posts as f64;
        let share = |author: &AuthorClicks| {
            let mean = author.clicks as f64 / author.posts as f64;
            (author.author.clone(), (mean / usual).clamp(0.5, 2.0))
        };
        Self(authors.iter().map(share).collect())
    }

    /// 1 for an author of whom nothing is known.
    pub fn in_author(&self, author: Option<&String>) -> f64 {
        self.0.get(&author.cloned()).copied().unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(name: &str, posts: i64, clicks: i64) -> AuthorClicks {
        AuthorClicks {
            author: Some(name.to_owned()),
            posts,
            clicks,
        }
    }

    #[test]
    fn who_is_opened_more_than_usual_counts_more_within_bounds() {
        let interest = AuthorAffinity::new(&[
            author("usual", 2, 20),
            author("loved", 1, 90),
            author("passed over", 9, 10),
        ]);
        let of = |name: &str| interest.in_author(Some(&name.to_owned()));
        assert_eq!(
            (of("usual"), of("loved"), of("passed over")),
            (1.0, 2.0, 0.5)
        );
        assert_eq!((of("new"), interest.in_author(None)), (1.0, 1.0));
    }

    #[test]
    fn a_handful_of_clicks_tells_nothing() {
        let few = AuthorAffinity::new(&[author("a", 5, 19), author("b", 5, 0)]);
        assert_eq!(few, AuthorAffinity::default());
        assert_eq!(AuthorAffinity::new(&[]), AuthorAffinity::default());
    }
}

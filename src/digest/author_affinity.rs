//! Which authors' posts subscribers open, by the clicks on past issues.
//!
//! A post is in one issue only, so its own clicks are of no use for the next issue. Clicks
//! are therefore counted by author.

use std::collections::HashMap;

use crate::store::AuthorClicks;

/// Clicks per post of each author, relative to the average.
///
/// Limited to the range 0.5 to 2: enough to change the order of similar posts, too little to
/// exclude a new author.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuthorAffinity(HashMap<Option<String>, f64>);

/// Minimum number of clicks in total. With fewer the averages are noise.
const MIN_CLICKS: i64 = 20;

impl AuthorAffinity {
    /// Computes the affinities. All are 1 if there are fewer than [`MIN_CLICKS`] clicks.
    pub fn new(authors: &[AuthorClicks]) -> Self {
        let posts: i64 = authors.iter().map(|author| author.posts).sum();
        let clicks: i64 = authors.iter().map(|author| author.clicks).sum();
        if clicks < MIN_CLICKS {
            return Self::default();
        }
        let average = clicks as f64 / posts as f64;
        let affinity = |author: &AuthorClicks| {
            let mean = author.clicks as f64 / author.posts as f64;
            (author.author.clone(), (mean / average).clamp(0.5, 2.0))
        };
        Self(authors.iter().map(affinity).collect())
    }

    /// Returns the affinity of an author, 1 if there is no data.
    pub fn for_author(&self, author: Option<&String>) -> f64 {
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
    fn affinity_is_relative_to_average_and_limited() {
        let affinity = AuthorAffinity::new(&[
            author("average", 2, 20),
            author("popular", 1, 90),
            author("unpopular", 9, 10),
        ]);
        let of = |name: &str| affinity.for_author(Some(&name.to_owned()));

        assert_eq!(of("average"), 1.0);
        assert_eq!(of("popular"), 2.0);
        assert_eq!(of("unpopular"), 0.5);
        assert_eq!(of("new"), 1.0);
        assert_eq!(affinity.for_author(None), 1.0);
    }

    #[test]
    fn affinity_with_few_clicks_is_one_for_all() {
        let few = AuthorAffinity::new(&[author("a", 5, 19), author("b", 5, 0)]);

        assert_eq!(few, AuthorAffinity::default());
        assert_eq!(AuthorAffinity::new(&[]), AuthorAffinity::default());
    }
}

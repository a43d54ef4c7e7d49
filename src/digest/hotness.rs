//! Hotness of a post, computed from data that needs no tracking of subscribers.

use std::fmt;
use std::time::Duration;

/// Inputs of the hotness of a post.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hotness {
    /// Number of comments, 0 if the feed does not state it.
    pub comments: u32,
    /// Time since publication.
    pub age: Duration,
    /// Clicks per post of the author relative to the average, 0.5 to 2; 1 if clicks are not
    /// counted.
    pub author_affinity: f64,
}

/// Time after which the hotness of a post is halved. Short enough that last week's posts
/// rarely come first.
const HALF_LIFE: Duration = Duration::from_secs(3 * DAY);
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

impl Hotness {
    /// Returns `author_affinity × (1 + comments) × ½^(age / 3 days)`.
    ///
    /// Without comments the newest post is the hottest; twice the comments make up for three
    /// days.
    pub fn score(&self) -> f64 {
        let half_lives = self.age.as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.author_affinity * (1.0 + f64::from(self.comments)) * (-half_lives).exp2()
    }

    /// Returns whether the score depends on more than the age.
    pub fn has_signal(&self) -> bool {
        self.comments > 0 || self.has_popular_author()
    }

    fn has_popular_author(&self) -> bool {
        self.author_affinity >= 1.5
    }
}

/// Formats the inputs for the editor: `31 comments, 2 days old`.
impl fmt::Display for Hotness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.comments {
            0 => {}
            1 => f.write_str("1 comment, ")?,
            comments => write!(f, "{comments} comments, ")?,
        }
        let hours = self.age.as_secs() / HOUR;
        match (hours, hours / 24) {
            (0, _) => f.write_str("less than an hour old")?,
            (1, _) => f.write_str("1 hour old")?,
            (hours, 0) => write!(f, "{hours} hours old")?,
            (_, 1) => f.write_str("1 day old")?,
            (_, days) => write!(f, "{days} days old")?,
        }
        if self.has_popular_author() {
            f.write_str(", author is often read")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hotness(comments: u32, hours: u64) -> Hotness {
        Hotness {
            comments,
            age: Duration::from_secs(hours * HOUR),
            author_affinity: 1.0,
        }
    }

    #[test]
    fn score_without_comments_prefers_newest() {
        assert!(hotness(0, 1).score() > hotness(0, 2).score());
        assert!(hotness(0, 24 * 365 * 300).score() >= 0.0);
    }

    #[test]
    fn score_doubled_comments_equal_three_days() {
        let (newer, older) = (hotness(3, 24).score(), hotness(7, 4 * 24).score());
        assert!((newer - older).abs() < 1e-9, "{newer} {older}");
        assert!(hotness(31, 48).score() > hotness(2, 1).score());
        assert!(hotness(31, 24 * 14).score() < hotness(2, 24).score());
    }

    #[test]
    fn display_lists_comments_and_age() {
        for (hotness, text) in [
            (hotness(31, 50), "31 comments, 2 days old"),
            (hotness(1, 24), "1 comment, 1 day old"),
            (hotness(0, 23), "23 hours old"),
            (hotness(0, 1), "1 hour old"),
            (hotness(0, 0), "less than an hour old"),
        ] {
            assert_eq!(hotness.to_string(), text);
        }
    }
}

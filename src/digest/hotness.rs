//! How hot a post is, by what a blog can know without spying on anyone.

use std::fmt;
use std::time::Duration;

/// What speaks for a post.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hotness {
    pub comments: u32,
    pub age: Duration,
    /// How much more than usual its author's last posts were opened; 1 where that is not
    /// counted.
    pub interest: f64,
}

/// A post is half as hot after this.
const HALF_LIFE: Duration = Duration::from_secs(3 * DAY);
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

impl Hotness {
    /// `interest × (1 + comments) × ½^(age / 3 days)`: without comments the newest is the
    /// hottest, and twice the talk makes up for three days.
    pub fn score(&self) -> f64 {
        let half_lives = self.age.as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.interest * (1.0 + f64::from(self.comments)) * (-half_lives).exp2()
    }

    /// Whether more than its age speaks for it.
    pub fn has_signal(&self) -> bool {
        self.comments > 0 || self.is_opened_often()
    }

    fn is_opened_often(&self) -> bool {
        self.interest >= 1.5
    }
}

/// `31 comments, 2 days old`
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
        if self.is_opened_often() {
            f.write_str(", its author is opened often")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heat(comments: u32, hours: u64) -> Hotness {
        Hotness {
            comments,
            age: Duration::from_secs(hours * HOUR),
            interest: 1.0,
        }
    }

    #[test]
    fn without_comments_the_newest_is_the_hottest() {
        assert!(heat(0, 1).score() > heat(0, 2).score());
        assert!(heat(0, 24 * 365 * 300).score() >= 0.0);
    }

    #[test]
    fn twice_the_talk_makes_up_for_three_days() {
        let (young, old) = (heat(3, 24).score(), heat(7, 4 * 24).score());
        assert!((young - old).abs() < 1e-9, "{young} {old}");
        assert!(heat(31, 48).score() > heat(2, 1).score());
        assert!(heat(31, 24 * 14).score() < heat(2, 24).score());
    }

    #[test]
    fn it_reads_as_a_person_would_say_it() {
        for (heat, words) in [
            (heat(31, 50), "31 comments, 2 days old"),
            (heat(1, 24), "1 comment, 1 day old"),
            (heat(0, 23), "23 hours old"),
            (heat(0, 1), "1 hour old"),
            (heat(0, 0), "less than an hour old"),
        ] {
            assert_eq!(heat.to_string(), words);
        }
    }
}

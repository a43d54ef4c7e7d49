//! How large a mail may be: Gmail cuts off what is near 102 KB and hides the footer
//! with its unsubscribe link.

use crate::mail::compose::quoted_printable_len;

/// What an issue should stay under, as the encoded HTML part, in bytes.
pub const TARGET_BYTES: usize = 60_000;
/// What no issue may exceed.
pub const MAX_BYTES: usize = 90_000;

/// How many of an issue's posts go in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    pub posts: usize,
    /// Of the encoded HTML part.
    pub bytes: usize,
}

/// Even one post makes the mail too large (an enormous note, or a template gone wrong).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mail would be {} KB, and mail programs cut off what is over {} KB", .bytes / 1000, MAX_BYTES / 1000)]
pub struct TooLarge {
    pub bytes: usize,
}

/// The encoded size of an HTML part, in bytes.
pub fn encoded_size(html: &str) -> usize {
    quoted_printable_len(html)
}

/// The most posts, of `posts` in all, with which the mail stays under [`BUDGET`]; one
/// post may use all up to [`HARD_STOP`]. `size_with` tells the encoded size with the
/// first n posts, and grows with n.
///
/// # Errors
/// When even one is too large, or what `size_with` failed with.
pub fn max_posts_within<E: From<TooLarge>>(
    posts: usize,
    mut size_with: impl FnMut(usize) -> Result<usize, E>,
) -> Result<Fit, E> {
    let all = size_with(posts)?;
    if all <= TARGET_BYTES {
        return Ok(Fit { posts, bytes: all });
    }
    let (mut fits, mut too_many) = (None, posts);
    let mut low = 1;
    while low < too_many {
        let middle = low + (too_many - low) / 2;
        let bytes = size_with(middle)?;
        if bytes <= TARGET_BYTES {
            fits = Some(Fit {
                posts: middle,
                bytes,
            });
            low = middle + 1;
        } else {
            too_many = middle;
        }
    }
    if let Some(fit) = fits {
        return Ok(fit);
    }
    let least = posts.min(1);
    let bytes = size_with(least)?;
    if bytes > MAX_BYTES {
        return Err(TooLarge { bytes }.into());
    }
    Ok(Fit {
        posts: least,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(frame: usize, each: usize, posts: usize) -> Result<Fit, TooLarge> {
        max_posts_within(posts, |n| Ok(frame + n * each))
    }

    #[test]
    fn takes_as_many_as_the_budget_holds() {
        assert_eq!(
            with(5_000, 1_000, 10),
            Ok(Fit {
                posts: 10,
                bytes: 15_000
            })
        );
        assert_eq!(
            with(10_000, 10_000, 5),
            Ok(Fit {
                posts: 5,
                bytes: 60_000
            })
        );
        assert_eq!(
            with(10_000, 10_000, 6),
            Ok(Fit {
                posts: 5,
                bytes: 60_000
            })
        );
        assert_eq!(
            with(10_000, 10_000, 400),
            Ok(Fit {
                posts: 5,
                bytes: 60_000
            })
        );
        assert_eq!(
            with(10_000, 40_000, 3),
            Ok(Fit {
                posts: 1,
                bytes: 50_000
            })
        );
        assert_eq!(
            with(10_000, 1, 0),
            Ok(Fit {
                posts: 0,
                bytes: 10_000
            })
        );
    }

    #[test]
    fn one_long_post_may_pass_the_budget_but_not_the_stop() {
        assert_eq!(
            with(10_000, 70_000, 3),
            Ok(Fit {
                posts: 1,
                bytes: 80_000
            })
        );
        assert_eq!(with(10_000, 80_001, 3), Err(TooLarge { bytes: 90_001 }));
        assert_eq!(with(100_000, 1, 0), Err(TooLarge { bytes: 100_000 }));
    }
}

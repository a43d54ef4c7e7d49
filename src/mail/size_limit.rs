//! Size limit of an issue.
//!
//! Gmail clips messages near 102 KB, which hides the footer with the unsubscribe link.

use crate::mail::compose::quoted_printable_len;

/// Target size of the encoded HTML part, in bytes. Leaves room for tokens and rewritten links.
pub const TARGET_BYTES: usize = 60_000;
/// Maximum size of the encoded HTML part, in bytes. Below the 102 KB at which Gmail clips.
pub const MAX_BYTES: usize = 90_000;

/// Number of posts that fit into an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Number of posts.
    pub posts: usize,
    /// Size of the encoded HTML part with these posts.
    pub bytes: usize,
}

/// Error for an issue that is too large even with one post, for example because of its note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message would be {} KB; expected at most {} KB, because mail programs clip larger ones", .bytes / 1000, MAX_BYTES / 1000)]
pub struct TooLarge {
    /// Size of the encoded HTML part.
    pub bytes: usize,
}

/// Returns the encoded size of an HTML part, in bytes.
pub fn encoded_size(html: &str) -> usize {
    quoted_printable_len(html)
}

/// Returns the maximum number of posts, up to `posts`, with which the message stays within
/// [`TARGET_BYTES`]. A single post may use up to [`MAX_BYTES`].
///
/// `size_with` returns the encoded size with the first n posts and must not decrease with n.
///
/// # Errors
/// Returns [`TooLarge`] if one post exceeds [`MAX_BYTES`], or the error of `size_with`.
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
    let single = posts.min(1);
    let bytes = size_with(single)?;
    if bytes > MAX_BYTES {
        return Err(TooLarge { bytes }.into());
    }
    Ok(Fit {
        posts: single,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(frame: usize, each: usize, posts: usize) -> Result<Fit, TooLarge> {
        max_posts_within(posts, |n| Ok(frame + n * each))
    }

    #[test]
    fn max_posts_within_fills_the_target_size() {
        assert_eq!(
            fit(5_000, 1_000, 10),
            Ok(Fit {
                posts: 10,
                bytes: 15_000
            })
        );
        assert_eq!(
            fit(10_000, 10_000, 5),
            Ok(Fit {
                posts: 5,
                bytes: 60_000
            })
        );
        assert_eq!(
            fit(10_000, 10_000, 6),
            Ok(Fit {
                posts: 5,
                bytes: 60_000
            })
        );
        assert_eq!(
            fit(10_000, 10_000, 400),
            Ok(Fit {
                posts: 5,
                bytes: 60_000
            })
        );
        assert_eq!(
            fit(10_000, 40_000, 3),
            Ok(Fit {
                posts: 1,
                bytes: 50_000
            })
        );
        assert_eq!(
            fit(10_000, 1, 0),
            Ok(Fit {
                posts: 0,
                bytes: 10_000
            })
        );
    }

    #[test]
    fn single_post_may_exceed_target_but_not_maximum() {
        assert_eq!(
            fit(10_000, 70_000, 3),
            Ok(Fit {
                posts: 1,
                bytes: 80_000
            })
        );
        assert_eq!(fit(10_000, 80_001, 3), Err(TooLarge { bytes: 90_001 }));
        assert_eq!(fit(100_000, 1, 0), Err(TooLarge { bytes: 100_000 }));
    }
}
